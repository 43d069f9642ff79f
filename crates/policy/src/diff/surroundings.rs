//! What stands around the roles: groups, people, and who rules over the policy and over grants.

use super::allowed::Allowed;
use super::change::{Changes, Direction, Draft, Kind};
use super::order::Order;
use super::view::{Approvers, View};
use crate::crowd::Crowd;
use curfew_domain::GroupName;
use std::collections::BTreeSet;

/// Says what becomes of groups, people and offices.
pub(super) fn compare(before: &View<'_>, after: &View<'_>, changes: &mut Changes) {
    groups(before, after, changes);
    people(before, after, changes);
    office("administrators", before.administrators.as_ref(), after.administrators.as_ref(), changes);
    office("auditors", before.auditors.as_ref(), after.auditors.as_ref(), changes);
    policy_approvers(&before.policy_approvers, &after.policy_approvers, changes);
}

/// Who may ask and approve is compared for every person, so only a group that keeps its name is spoken of here. An
/// expression can use a group either way round.
fn groups(before: &View<'_>, after: &View<'_>, changes: &mut Changes) {
    let were_provided = after.groups.iter().filter(|(name, _)| !before.groups.contains_key(*name));
    for (name, new) in were_provided.filter(|(name, _)| before.mentions.groups.contains(*name)) {
        // Whom the provider had put into it, an expression does not see as a member any more.
        let draft = Draft::new(Kind::Identity, Direction::Wider).subject(format!("group:{name}"));
        changes.push(draft.was("whoever the identity provider says").becomes(new.to_string()));
    }
    for (name, old) in &before.groups {
        let Some(new) = after.groups.get(name) else {
            if let (true, true) = (before.mentions.groups.contains(name), after.mentions.groups.contains(name)) {
                // The name is now the provider's, who may put anybody into it.
                let draft = Draft::new(Kind::Identity, Direction::Wider).subject(format!("group:{name}"));
                changes.push(draft.was(old.to_string()).becomes("whoever the identity provider says"));
            }
            continue;
        };
        let all = [before, after];
        let gives = all.iter().any(|view| view.uses.gives.contains(name));
        let takes = all.iter().any(|view| view.uses.takes.contains(name));
        let asked = all.iter().any(|view| view.mentions.groups.contains(name));
        members(name, (old, new), Used { gives, takes, asked }, changes);
    }
}

/// What a group is used for.
#[derive(Clone, Copy)]
struct Used {
    /// In a list that lets somebody do something.
    gives: bool,
    /// In a deny list.
    takes: bool,
    /// In an expression or a guardrail.
    asked: bool,
}

fn members(name: &GroupName, (old, new): (&Crowd, &Crowd), used: Used, changes: &mut Changes) {
    let names = |crowd: &Crowd| -> BTreeSet<String> { crowd.names().into_iter().collect() };
    let (old, new) = (names(old), names(new));
    let mut say = |who: &BTreeSet<&String>, direction, came: Came| {
        if who.is_empty() {
            return;
        }
        let who = who.iter().map(|w| w.as_str()).collect::<Vec<_>>().join(", ");
        let draft = Draft::new(Kind::Identity, direction).subject(format!("group:{name}"));
        changes.push(match came {
            Came::In => draft.becomes(format!("with {who}")),
            Came::Out => draft.was(format!("with {who}")),
        });
    };
    let direction = |wider: bool| if wider { Direction::Wider } else { Direction::Narrower };
    say(&new.difference(&old).collect(), direction(used.gives || used.asked), Came::In);
    say(&old.difference(&new).collect(), direction(used.takes || used.asked), Came::Out);
}

/// Which way a member went.
#[derive(Clone, Copy)]
enum Came {
    In,
    Out,
}

/// An account number says whose a run is, and which two accounts are one person: either way more may follow.
fn people(before: &View<'_>, after: &View<'_>, changes: &mut Changes) {
    let accounts = |view: &View<'_>| -> BTreeSet<(String, Vec<String>)> {
        let of = |kind: &str, number: &Option<String>| number.as_ref().map(|number| format!("{kind} {number}"));
        let all = view.people.iter();
        let account = all.map(|a| {
            let numbers = [of("github", &a.github), of("gitlab", &a.gitlab)];
            (a.email.to_string(), numbers.into_iter().flatten().collect())
        });
        account.collect()
    };
    let (old, new) = (accounts(before), accounts(after));
    let gone = old.difference(&new).map(|account| (account, Came::Out));
    for ((email, numbers), came) in gone.chain(new.difference(&old).map(|account| (account, Came::In))) {
        let draft = Draft::new(Kind::Identity, Direction::Wider).subject(email.clone());
        changes.push(match came {
            Came::In => draft.becomes(format!("accounts: {}", numbers.join(", "))),
            Came::Out => draft.was(format!("accounts: {}", numbers.join(", "))),
        });
    }
}

/// An office that nobody is named for is everybody's on a development server.
fn office(name: &str, before: Option<&Crowd>, after: Option<&Crowd>, changes: &mut Changes) {
    let nobody = Crowd::default();
    let order = match (before, after) {
        (None, None) => Order::Same,
        (None, Some(crowd)) if crowd.is_empty() => Order::Narrower,
        // On a server for others nobody holds what nobody is named for.
        (None, Some(_)) | (Some(_), None) => Order::Wider,
        (Some(old), Some(new)) => {
            let allowed = |crowd| Allowed { crowd, denied: &nobody };
            Order::of(allowed(new).is_within(allowed(old)).into(), allowed(old).is_within(allowed(new)).into())
        }
    };
    let text = |crowd: Option<&Crowd>| crowd.map(|crowd| format!("{name}: {crowd}"));
    changes.ordered(Kind::Authority, order, |d| d.sides(text(before), text(after)));
}

/// Every rule about who signs a change needs one that is at least as strict in its place.
fn policy_approvers(before: &[Approvers], after: &[Approvers], changes: &mut Changes) {
    let nobody = Crowd::default();
    let implies = |strict: &Approvers, loose: &Approvers| {
        let allowed = |crowd| Allowed { crowd, denied: &nobody };
        loose.paths.is_subset(&strict.paths)
            && strict.require >= loose.require
            && allowed(&strict.any_of).is_within(allowed(&loose.any_of))
    };
    let text = |rule: &Approvers| {
        let paths: Vec<&str> = rule.paths.iter().map(String::as_str).collect();
        format!("changes of {} are signed by {} of {}", paths.join(", "), rule.require, rule.any_of)
    };
    for old in before.iter().filter(|old| !after.iter().any(|new| implies(new, old))) {
        changes.push(Draft::new(Kind::Authority, Direction::Wider).was(text(old)));
    }
    for new in after.iter().filter(|new| !before.iter().any(|old| implies(old, new))) {
        changes.push(Draft::new(Kind::Authority, Direction::Narrower).becomes(text(new)));
    }
}
