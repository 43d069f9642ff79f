//! Roles that ask for less than `defaults` does.

use super::warn;
use crate::address::Network;
use crate::model::{
    Approval, Chain, Constraints, ExtensionApproval, Input, Justification, OnPolicyChange, Required, Role, Ticket,
};
use crate::problem::Problems;
use crate::source::Place;

/// What the role loosens, and where it does.
type Looser<'r> = Option<(&'static str, &'r Place)>;

pub(super) fn lint(role: &Role, defaults: &Role, out: &mut Problems) {
    let constraints = constraints(&role.constraints, &defaults.constraints);
    let rest = [duration(role, defaults), approval(role, defaults), extension(role, defaults), rest(role, defaults)];
    for (what, place) in constraints.into_iter().chain(rest).flatten() {
        let message = format!("`{}` loosens the default `{what}`", role.name);
        warn(out, place, "loosens-default", message, "say the same or more than `defaults`, or change it for all");
    }
}

fn duration<'r>(role: &'r Role, defaults: &Role) -> Looser<'r> {
    let (own, all) = (&role.duration, &defaults.duration);
    // Without a default of its own, `defaults` holds a stand-in of no length.
    (all.max.as_secs() > 0 && own.max > all.max).then_some(("duration", &own.place))
}

fn approval<'r>(role: &'r Role, defaults: &Role) -> Looser<'r> {
    let Approval::Stages(all) = &defaults.approval else { return None };
    if all.stages.is_empty() {
        return None;
    }
    match (&role.approval, &role.auto_approve_when) {
        (Approval::Automatic(place), _) => Some(("approval", place)),
        (Approval::Stages(_), Some(expression)) => Some(("approval", &expression.place)),
        (Approval::Stages(own), None) => (persons(own) < persons(all)).then_some(("approval", &own.place)),
    }
}

/// How many persons it takes in all.
fn persons(chain: &Chain) -> u32 {
    chain.stages.iter().map(|stage| stage.require).fold(0, u32::saturating_add)
}

fn extension<'r>(role: &'r Role, defaults: &Role) -> Looser<'r> {
    let (own, all) = (role.extension.as_ref()?, defaults.extension.as_ref()?);
    let alone = own.approval == ExtensionApproval::None && all.approval == ExtensionApproval::Same;
    (own.max_total > all.max_total || own.times > all.times || alone).then_some(("extension", &own.place))
}

fn rest<'r>(role: &'r Role, defaults: &Role) -> Looser<'r> {
    if defaults.on_policy_change == OnPolicyChange::End && role.on_policy_change == OnPolicyChange::Keep {
        return Some(("on_policy_change", &role.place));
    }
    let own = role.activation.place.as_ref()?;
    let all = defaults.activation.place.as_ref().map(|_| defaults.activation.claim_within)?;
    (role.activation.claim_within > all).then_some(("activation", own))
}

/// A constraint of a role is the default's own when both are said in one place.
fn constraints<'r>(own: &'r Constraints, all: &Constraints) -> Vec<Looser<'r>> {
    vec![
        compared(&own.justification, &all.justification, |c| &c.place, "justification", justification),
        compared(&own.ticket, &all.ticket, |c| &c.place, "ticket", ticket),
        // Whether some hours are within others is not worked out: what differs may be looser.
        compared(
            &own.windows,
            &all.windows,
            |c| &c.place,
            "windows",
            |own, all| {
                own.any_of.iter().any(|window| all.any_of.iter().all(|other| other.to_string() != window.to_string()))
            },
        ),
        compared(
            &own.source_ip,
            &all.source_ip,
            |c| &c.place,
            "source_ip",
            |own, all| {
                let covered = |range: &Network| all.any_of.iter().any(|other| other.covers(range));
                !own.any_of.iter().all(covered)
            },
        ),
        compared(
            &own.mfa,
            &all.mfa,
            |c| &c.place,
            "mfa",
            |own, all| {
                let older = all.max_age.is_some_and(|most| own.max_age.is_none_or(|own| own > most));
                (all.request && !own.request) || (all.approve && !own.approve) || older
            },
        ),
        compared(
            &own.concurrency,
            &all.concurrency,
            |c| &c.place,
            "concurrency",
            |own, all| {
                let more =
                    |own: Option<u32>, all: Option<u32>| all.is_some_and(|most| own.is_none_or(|own| own > most));
                more(own.per_subject, all.per_subject) || more(own.total, all.total)
            },
        ),
        compared(
            &own.budget,
            &all.budget,
            |c| &c.place,
            "budget",
            |own, all| own.per_subject > all.per_subject || own.per < all.per,
        ),
        compared(&own.cooldown, &all.cooldown, |c| &c.place, "cooldown", |own, all| own.wait < all.wait),
        when(own, all),
        inputs(own, all),
    ]
}

/// An input that the defaults require and the role's own list does not.
fn inputs<'r>(own: &'r Constraints, all: &Constraints) -> Looser<'r> {
    let first = own.inputs.first().filter(|first| all.inputs.iter().all(|input| input.place != first.place))?;
    let needed = all.inputs.iter().filter(|input| input.required == Required::Yes);
    let lost = |input: &Input| {
        own.inputs.iter().all(|own| own.name != input.name || own.required == Required::No || own.kind != input.kind)
    };
    needed.into_iter().any(lost).then_some(("inputs", &first.place))
}

/// An expression of the defaults that the role's own list has no longer.
fn when<'r>(own: &'r Constraints, all: &Constraints) -> Looser<'r> {
    let kept = |text: &str| own.when.iter().any(|w| w.expression.text == text);
    let lost = all.when.iter().any(|w| !kept(&w.expression.text));
    own.when.first().filter(|_| lost).map(|first| ("when", &first.place))
}

fn compared<'r, T>(
    own: &'r Option<T>,
    all: &Option<T>,
    place: fn(&T) -> &Place,
    name: &'static str,
    looser: impl Fn(&T, &T) -> bool,
) -> Looser<'r> {
    let (own, all) = (own.as_ref()?, all.as_ref()?);
    (place(own) != place(all) && looser(own, all)).then(|| (name, place(own)))
}

fn justification(own: &Justification, all: &Justification) -> bool {
    let optional = all.required == Required::Yes && own.required == Required::No;
    let text = |j: &Justification| j.pattern.as_ref().map(|p| p.as_str().to_owned());
    optional || own.min_length < all.min_length || (all.pattern.is_some() && text(own) != text(all))
}

fn ticket(own: &Ticket, all: &Ticket) -> bool {
    let optional = all.required == Required::Yes && own.required == Required::No;
    let text = |t: &Ticket| t.pattern.as_ref().map(|p| p.as_str().to_owned());
    optional || own.verify < all.verify || (all.pattern.is_some() && text(own) != text(all))
}
