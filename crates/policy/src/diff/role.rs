//! One role against what it was.

use super::approval::{self, Chain};
use super::asking::{self, Askers};
use super::change::{Changes, Direction, Draft, Kind};
use super::constraint;
use super::order::Order;
use super::shared::Shared;
use super::view::{Mentions, RoleView, Trigger};
use super::workload::is_within;
use crate::model::{Extension, ExtensionApproval, OnPolicyChange};
use curfew_domain::{GroupName, RoleName, Seconds};
use std::collections::BTreeSet;

/// Says what becomes of a role. A renamed one is one gone and one new.
pub(super) fn compare(
    before: Option<&RoleView<'_>>,
    after: Option<&RoleView<'_>>,
    mentions: &Mentions,
    changes: &mut Changes,
) {
    match (before, after) {
        (Some(before), Some(after)) => compare_both(before, after, mentions, changes),
        (None, Some(new)) => {
            asking::compare(&new.role.name, &Askers::default(), &new.askers, changes);
            triggers(&new.role.name, &[], &new.triggers, changes);
            emergency_alone(new, Direction::Wider, changes);
        }
        (Some(old), None) => {
            asking::compare(&old.role.name, &old.askers, &Askers::default(), changes);
            triggers(&old.role.name, &old.triggers, &[], changes);
            emergency_alone(old, Direction::Narrower, changes);
        }
        (None, None) => {}
    }
}

fn compare_both(before: &RoleView<'_>, after: &RoleView<'_>, mentions: &Mentions, changes: &mut Changes) {
    let role = &after.role.name;
    // Most roles of a large set stay as they are.
    if before.askers != after.askers {
        asking::compare(role, &before.askers, &after.askers, changes);
    }
    scope(before, after, changes);
    durations(before, after, changes);
    if before.approvals != after.approvals || before.askers.denied != after.askers.denied {
        let old = Chain { approvals: &before.approvals, denied: &before.askers.denied };
        approval::compare(role, old, Chain { approvals: &after.approvals, denied: &after.askers.denied }, changes);
    }
    constraint::compare((role, mentions), &before.role.constraints, &after.role.constraints, changes);
    extension(role, before.role.extension.as_ref(), after.role.extension.as_ref(), changes);
    break_glass(before, after, changes);
    triggers(role, &before.triggers, &after.triggers, changes);
    owner(before, after, changes);
    rotas(before, after, changes);
}

/// By name and by who is behind it: a group may have got another member.
fn owner(before: &RoleView<'_>, after: &RoleView<'_>, changes: &mut Changes) {
    let name = |view: &RoleView<'_>| view.role.owner.as_ref().map(|listed| listed.principal.to_string());
    if name(before) == name(after) && before.owner == after.owner {
        return;
    }
    let nobody = Shared::default();
    let fewer =
        name(before) == name(after) && changes.memo.is_within((&after.owner, &nobody), (&before.owner, &nobody));
    let direction = if after.role.owner.is_some() && !fewer { Direction::Wider } else { Direction::Narrower };
    let text = |view: &RoleView<'_>| name(view).map(|name| format!("owner {name}: {}", view.owner));
    let draft = Draft::new(Kind::Authority, direction).role(&after.role.name);
    changes.push(draft.sides(text(before), text(after)));
}

/// `context.oncall` is about the rotas that the role itself names: with others, an expression says something else.
fn rotas(before: &RoleView<'_>, after: &RoleView<'_>, changes: &mut Changes) {
    let (old, new) = (before.role.oncall_names(), after.role.oncall_names());
    if old == new || !(before.asks_oncall && after.asks_oncall) {
        return;
    }
    let text = |names: BTreeSet<&GroupName>| {
        let names: Vec<String> = names.into_iter().map(|name| format!("oncall:{name}")).collect();
        let of = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        Some(format!("`context.oncall` is of {of}"))
    };
    let draft = Draft::new(Kind::Identity, Direction::Unknown).role(&after.role.name);
    changes.push(draft.sides(text(old), text(new)));
}

/// The emergency access of a role that comes or goes.
fn emergency_alone(view: &RoleView<'_>, direction: Direction, changes: &mut Changes) {
    let Some(rule) = &view.role.break_glass else { return };
    let text = format!("{} for {}, reviewed within {}", view.emergency, rule.duration, rule.review_within);
    let draft = Draft::new(Kind::BreakGlass, direction).role(&view.role.name);
    changes.push(match direction {
        Direction::Wider | Direction::Unknown => draft.becomes(text),
        Direction::Narrower => draft.was(text),
    });
}

fn scope(before: &RoleView<'_>, after: &RoleView<'_>, changes: &mut Changes) {
    let role = &after.role.name;
    let new = after.pairs.difference(&before.pairs).map(|pair| (pair, Direction::Wider));
    let gone = before.pairs.difference(&after.pairs).map(|pair| (pair, Direction::Narrower));
    for (pair, direction) in new.chain(gone) {
        let draft = Draft::new(Kind::Scope, direction).role(role).resource(&pair.resource).action(&pair.action);
        changes.push(match direction {
            Direction::Wider | Direction::Unknown => draft.becomes("given"),
            Direction::Narrower => draft.was("given"),
        });
    }
}

fn durations(before: &RoleView<'_>, after: &RoleView<'_>, changes: &mut Changes) {
    let role = &after.role.name;
    let mut say = |what: &str, order: Order, was: Seconds, becomes: Seconds| {
        changes.ordered(Kind::Duration, order, |d| {
            d.role(role).was(format!("{what} {was}")).becomes(format!("{what} {becomes}"))
        });
    };
    let (old, new) = (&before.role.duration, &after.role.duration);
    say("at most", Order::of_bound(&old.max, &new.max), old.max, new.max);
    // With a new maximum alone, the default that follows it is no second change.
    let follows = old.default == old.max && new.default == new.max;
    if !follows {
        say("by default", Order::of_bound(&old.default, &new.default), old.default, new.default);
    }
    // A lower `min` is no change: nothing can be had that is not less than what could be had before.
    if new.min > old.min {
        say("at least", Order::Narrower, old.min, new.min);
    }
    let (old, new) = (before.role.activation.claim_within, after.role.activation.claim_within);
    say("claimed within", Order::of_bound(&old, &new), old, new);
    let (old, new) = (before.role.on_policy_change, after.role.on_policy_change);
    let order = match (old, new) {
        (OnPolicyChange::End, OnPolicyChange::Keep) => Order::Wider,
        (OnPolicyChange::Keep, OnPolicyChange::End) => Order::Narrower,
        (OnPolicyChange::End, OnPolicyChange::End) | (OnPolicyChange::Keep, OnPolicyChange::Keep) => Order::Same,
    };
    let word = |then: OnPolicyChange| match then {
        OnPolicyChange::End => "live grants end when the role is tightened",
        OnPolicyChange::Keep => "live grants stay when the role is tightened",
    };
    changes.ordered(Kind::Duration, order, |d| d.role(role).was(word(old)).becomes(word(new)));
}

fn extension(role: &RoleName, before: Option<&Extension>, after: Option<&Extension>, changes: &mut Changes) {
    let order = match (before, after) {
        (None, None) => Order::Same,
        (None, Some(_)) => Order::Wider,
        (Some(_), None) => Order::Narrower,
        (Some(a), Some(b)) => {
            let bounds = Order::of_bound(&a.times, &b.times).and(Order::of_bound(&a.max_total, &b.max_total));
            bounds.and(match (a.approval, b.approval) {
                (ExtensionApproval::Same, ExtensionApproval::None) => Order::Wider,
                (ExtensionApproval::None, ExtensionApproval::Same) => Order::Narrower,
                (ExtensionApproval::Same, ExtensionApproval::Same)
                | (ExtensionApproval::None, ExtensionApproval::None) => Order::Same,
            })
        }
    };
    let text = |e: &Extension| {
        let approval = match e.approval {
            ExtensionApproval::Same => "approved again",
            ExtensionApproval::None => "approved by nobody",
        };
        format!("{} times, {} in all, {approval}", e.times, e.max_total)
    };
    changes.ordered(Kind::Extension, order, |d| d.role(role).sides(before.map(text), after.map(text)));
}

fn break_glass(before: &RoleView<'_>, after: &RoleView<'_>, changes: &mut Changes) {
    let order = match (&before.role.break_glass, &after.role.break_glass) {
        (None, None) => Order::Same,
        (None, Some(_)) => Order::Wider,
        (Some(_), None) => Order::Narrower,
        (Some(a), Some(b)) => {
            let old = (&before.emergency, &before.askers.denied);
            let new = (&after.emergency, &after.askers.denied);
            let memo = &changes.memo;
            let who = Order::of(memo.is_within(new, old).into(), memo.is_within(old, new).into());
            who.and(Order::of_bound(&a.duration, &b.duration)).and(Order::of_bound(&a.review_within, &b.review_within))
        }
    };
    let text = |view: &RoleView<'_>| {
        let rule = view.role.break_glass.as_ref()?;
        let never = match before.askers.denied == after.askers.denied || view.askers.denied.is_empty() {
            true => String::new(),
            false => format!(", never {}", view.askers.denied),
        };
        Some(format!("{} for {}, reviewed within {}{never}", view.emergency, rule.duration, rule.review_within))
    };
    changes.ordered(Kind::BreakGlass, order, |d| d.role(&after.role.name).sides(text(before), text(after)));
}

fn triggers(role: &RoleName, before: &[Trigger<'_>], after: &[Trigger<'_>], changes: &mut Changes) {
    let within = |inner: &Trigger<'_>, outer: &[Trigger<'_>]| {
        outer.iter().any(|o| is_within(inner.workload, o.workload) && inner.grant_to.is_subset(&o.grant_to))
    };
    let new = after.iter().filter(|t| !within(t, before)).map(|t| (t, Direction::Wider));
    let gone = before.iter().filter(|t| !within(t, after)).map(|t| (t, Direction::Narrower));
    for (trigger, direction) in new.chain(gone) {
        let to: Vec<&str> = trigger.grant_to.iter().map(String::as_str).collect();
        let text = format!("given to {}", to.join(", "));
        let draft = Draft::new(Kind::Trigger, direction).role(role).subject(trigger.workload.to_string());
        changes.push(match direction {
            Direction::Wider | Direction::Unknown => draft.becomes(text),
            Direction::Narrower => draft.was(text),
        });
    }
}
