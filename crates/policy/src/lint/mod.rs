//! What is allowed and yet probably not meant. Warnings only.

mod alike;
mod approval;
mod loosened;
mod resource;
mod starter;

use crate::allowance::Allowance;
use crate::directory::Directory;
use crate::draft::Draft;
use crate::inventory::Inventory;
use crate::model::{Approval, Pattern, PolicyApprovers, Requesters, Resource, Risk, Role};
use crate::problem::Problems;
use crate::source::Place;
use crate::stages::leaves;
use curfew_domain::Seconds;

/// Longer access than this is worth a second look.
const LONG: Seconds = Seconds::new(12 * 3_600);

/// Reports what somebody should look at.
///
/// Who is left of groups and lists is worked out for one role after the other, until the allowance is spent.
pub(crate) fn lint(
    draft: &Draft,
    inventory: &Inventory,
    directory: &Directory,
    allowance: &Allowance,
    out: &mut Problems,
) {
    for group in draft.groups.iter().filter(|g| g.is_empty) {
        warn(
            out,
            &group.place,
            "empty-group",
            format!("nobody is in group `{}`", group.name),
            "add its members, or remove it",
        );
    }
    for defined in &draft.resources {
        resource::lint(&defined.resource, &defined.place, out);
    }
    for role in &draft.roles {
        persons(role, directory, allowance, out);
        unattended(role, inventory, out);
        starter::lint(role, &draft.people, out);
        if let Some(defaults) = &draft.defaults {
            loosened::lint(role, defaults, out);
        }
    }
    for rule in &draft.policy_approvers {
        unsignable(rule, directory, allowance, out);
    }
    alike::lint(&draft.roles, out);
}

/// Files that nobody can ever change again, since fewer persons are named than have to sign.
fn unsignable(rule: &PolicyApprovers, directory: &Directory, allowance: &Allowance, out: &mut Problems) {
    let least = usize::try_from(rule.require).unwrap_or(usize::MAX);
    if rule.any_of.is_empty() || allowance.is_spent() || leaves(directory, &rule.any_of, &[], (least, allowance)) {
        return;
    }
    if allowance.is_spent() {
        return;
    }
    let message = format!(
        "nobody can ever change {}: {} must have signed, and fewer are named",
        rule.paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", "),
        count(rule.require)
    );
    warn(out, &rule.place, "unsignable", message, "name more persons in `any_of`, or lower `require`");
}

/// What depends on who is in which group. When that is too much to work out, it is said once, and nothing of what was
/// found since.
fn persons(role: &Role, directory: &Directory, allowance: &Allowance, out: &mut Problems) {
    if allowance.is_spent() {
        return;
    }
    let mut found = Problems::default();
    lint_role(role, (directory, allowance), &mut found);
    approval::lint(role, directory, allowance, &mut found);
    if allowance.is_spent() {
        let message =
            "from here on it is not worked out who is left in the roles: their groups and lists are too large";
        return warn(out, &role.place, "too-much", message.to_owned(), "divide the set, or its largest groups");
    }
    found.sorted().into_iter().for_each(|problem| out.push(problem));
}

fn count(persons: u32) -> String {
    if persons == 1 { "1 person".to_owned() } else { format!("{persons} persons") }
}

fn warn(out: &mut Problems, place: &Place, code: &'static str, message: String, hint: &str) {
    out.warning(&place.file, place.at(), code, message, hint);
}

fn lint_role(role: &Role, (directory, allowance): (&Directory, &Allowance), out: &mut Problems) {
    let name = &role.name;
    match &role.requesters {
        Requesters::Anyone(place) => {
            let message = format!("any signed-in person may ask for `{name}`");
            warn(out, place, "anyone-may-ask", message, "write `requesters: [group:sre]` to say who may");
        }
        Requesters::Listed(list) => {
            let machines = list.iter().any(|l| matches!(l.principal, crate::model::Principal::Workload(_)));
            // A list of which nothing could be read was refused already.
            let read = !list.is_empty() && !machines && role.triggers.is_empty();
            if read && !leaves(directory, list, &role.deny, (1, allowance)) {
                let message =
                    format!("nobody can ask for `{name}`: no requester is left after the deny list and empty groups");
                let place = list.first().map_or(&role.place, |l| &l.place);
                warn(out, place, "unaskable", message, "name a requester who is not denied, or remove the role");
            }
        }
        Requesters::TriggersOnly => {}
    }
    if let Some(emergency) = &role.break_glass
        && !emergency.who.is_empty()
        && !leaves(directory, &emergency.who, &role.deny, (1, allowance))
    {
        let message = format!(
            "nobody can break the glass for `{name}`: nobody of `who` is left after the deny list and empty groups"
        );
        let place = emergency.who.first().map_or(&emergency.place, |listed| &listed.place);
        warn(out, place, "unaskable", message, "name somebody who is not denied, or remove `break_glass`");
    }
    let emergency = role.break_glass.as_ref().map(|b| (b.duration, &b.place));
    let extended = role.extension.as_ref().map(|e| (e.max_total, &e.place));
    for (length, place) in [Some((role.duration.max, &role.duration.place)), emergency, extended].into_iter().flatten()
    {
        if length > LONG {
            let message = format!("`{name}` gives access for up to {length}");
            warn(
                out,
                place,
                "long-duration",
                message,
                "write 12h or less, or leave it: more outlasts the day in which it was needed",
            );
        }
    }
}

/// Nobody looks before access to something of high risk is given.
fn unattended(role: &Role, inventory: &Inventory, out: &mut Problems) {
    let place = match (&role.approval, &role.auto_approve_when) {
        (Approval::Automatic(place), Some(expression)) => {
            let message = "approval is automatic anyway, so `auto_approve_when` changes nothing".to_owned();
            warn(out, &expression.place, "needless-expression", message, "remove it, or list approvers");
            place
        }
        (Approval::Automatic(place), None) => place,
        (Approval::Stages(_), Some(expression)) => &expression.place,
        (Approval::Stages(_), None) => return,
    };
    let high = |r: &&Resource| r.risk >= Risk::High;
    let given = role.conditions.iter().find_map(|condition| match &condition.resource {
        Pattern::Exact(name) => inventory.resource(name).filter(high),
        Pattern::Glob(_) | Pattern::Labels(_) => inventory.riskiest(&condition.resource).filter(high),
    });
    if let Some(resource) = given {
        let message = format!(
            "`{}` gives `{}`, whose risk is {}, without anybody's approval",
            role.name,
            resource.name,
            resource.risk.word()
        );
        warn(out, place, "automatic-on-high-risk", message, "list `approvers` in place of it");
    }
}
