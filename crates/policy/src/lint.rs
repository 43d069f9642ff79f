//! What is allowed and yet probably not meant. Warnings only.

use crate::directory::Directory;
use crate::draft::Draft;
use crate::inventory::Inventory;
use crate::model::{Principal, Requesters, Role, StageRule};
use crate::problem::Problems;
use crate::source::Place;
use crate::stages::left;
use curfew_domain::Seconds;
use std::collections::BTreeSet;

/// Longer access than this is worth a second look.
const LONG: Seconds = Seconds::new(12 * 3_600);

/// Reports what somebody should look at.
pub(crate) fn lint(draft: &Draft, _inventory: &Inventory, directory: &Directory, out: &mut Problems) {
    for group in draft.groups.iter().filter(|g| g.members.is_empty()) {
        warn(
            out,
            &group.place,
            "empty-group",
            format!("nobody is in group `{}`", group.name),
            "add its members, or remove it",
        );
    }
    for role in &draft.roles {
        lint_role(role, directory, out);
    }
}

fn warn(out: &mut Problems, place: &Place, code: &'static str, message: String, hint: &str) {
    out.warning(&place.file, place.at(), code, message, hint);
}

fn lint_role(role: &Role, directory: &Directory, out: &mut Problems) {
    let name = &role.name;
    if let Requesters::Anyone(place) = &role.requesters {
        let message = format!("any signed-in person may ask for `{name}`");
        warn(out, place, "anyone-may-ask", message, "list `requesters` to say who may");
    }
    if role.duration.max > LONG {
        let message = format!("`{name}` gives access for up to {}", role.duration.max);
        warn(
            out,
            &role.duration.place,
            "long-duration",
            message,
            "more than 12h outlasts the day in which it was needed",
        );
    }
    for stage in role.approval.stages() {
        lint_stage(role, stage, directory, out);
    }
}

fn lint_stage(role: &Role, stage: &StageRule, directory: &Directory, out: &mut Problems) {
    let denied: BTreeSet<Principal> = role.deny.iter().map(|d| d.principal.clone()).collect();
    for approver in stage.approvers.iter().filter(|a| !denied.is_empty() && directory.names(&denied, &a.principal)) {
        let message = format!("{} is on the role's deny list and so can never approve", approver.principal);
        warn(out, &approver.place, "approver-denied", message, "take it off one of the two lists");
    }
    let left = left(directory, &stage.approvers, &role.deny);
    if left.is_empty() {
        let message =
            format!("nobody can approve `{}`: no approver is left after the deny list and empty groups", role.name);
        warn(out, &stage.place, "unapprovable", message, "name an approver who is not denied");
    } else if only_themselves(role, &left, directory) {
        let message =
            format!("whoever may ask for `{}` is its only approver, and nobody approves their own request", role.name);
        warn(out, &stage.place, "unapprovable", message, "name a second approver");
    }
}

/// One approver, and nobody else who may ask.
fn only_themselves(role: &Role, left: &BTreeSet<Principal>, directory: &Directory) -> bool {
    let Requesters::Listed(requesters) = &role.requesters else { return false };
    let askers = directory.everybody(requesters);
    let one_person = left.len() == 1 && left.iter().all(|p| matches!(p, Principal::Person(_)));
    let same = askers.persons.iter().all(|email| left.contains(&Principal::Person(email.clone())));
    one_person && same && askers.unlisted.is_empty() && !askers.persons.is_empty()
}
