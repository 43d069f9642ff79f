//! Who may ask for a role: for every subject that either set names, and for symbolic members of the provider's groups.

use super::change::{Changes, Direction, Draft, Kind};
use super::shared::{Memo, Shared};
use super::workload::is_within;
use crate::crowd::Crowd;
use curfew_domain::{Email, GroupName, RoleName};
use std::collections::BTreeSet;

/// Who may ask, and who may not whatever that says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Askers {
    pub(super) crowd: Shared,
    pub(super) denied: Shared,
}

/// A person as the rules can tell persons apart: an address that is named somewhere or none, and groups.
///
/// One group that lets in and one that keeps out are enough: whoever gains by more groups gains by two of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Symbol<'a> {
    email: Option<&'a Email>,
    groups: BTreeSet<&'a GroupName>,
}

impl Askers {
    fn may(&self, who: &Symbol<'_>) -> bool {
        let named = |crowd: &Crowd| {
            who.email.is_some_and(|e| crowd.persons.contains(e)) || who.groups.iter().any(|g| crowd.groups.contains(*g))
        };
        (self.crowd.anyone || named(&self.crowd)) && !named(&self.denied) && !self.denied.anyone
    }
}

/// Says who can newly ask, and who no longer can. A role that is not there is asked for by nobody.
pub(super) fn compare(role: &RoleName, before: &Askers, after: &Askers, changes: &mut Changes) {
    let memo = changes.memo.clone();
    let mut said = Said { role, before, after, changes, settled: BTreeSet::new() };
    said.about(&Symbol { email: None, groups: BTreeSet::new() }, "anyone".to_owned(), "");
    let all = |pick: fn(&Crowd) -> &BTreeSet<GroupName>| -> BTreeSet<&GroupName> {
        [&before.crowd, &before.denied, &after.crowd, &after.denied].into_iter().flat_map(|c| pick(c)).collect()
    };
    let groups = all(|crowd| &crowd.groups);
    for group in &groups {
        said.about(&Symbol { email: None, groups: BTreeSet::from([*group]) }, format!("group:{group}"), "");
    }
    for email in &persons(before, after, &memo) {
        said.about(&Symbol { email: Some(email), groups: BTreeSet::new() }, email.to_string(), "");
    }
    let denying: BTreeSet<&GroupName> = before.denied.groups.iter().chain(&after.denied.groups).collect();
    for group in &groups {
        for denying in denying.iter().filter(|d| *d != group) {
            let both = Symbol { email: None, groups: BTreeSet::from([*group, *denying]) };
            said.about(&both, format!("group:{group}"), &format!(" as a member of group:{denying} too"));
        }
    }
    // Somebody on a deny list whom a group would let in.
    for email in memo.on_one_side(&before.denied, &after.denied).iter() {
        for group in &groups {
            let member = Symbol { email: Some(email), groups: BTreeSet::from([*group]) };
            said.about(&member, email.to_string(), &format!(" as a member of group:{group}"));
        }
    }
    said.machines();
}

/// Persons whose answer can differ. Where nobody is let in or kept out wholesale on one side only, those are the ones that
/// stand in a list on one side only: a large group that gains one member is not looked through.
fn persons(before: &Askers, after: &Askers, memo: &Memo) -> BTreeSet<Email> {
    let sides = [(&before.crowd, &after.crowd), (&before.denied, &after.denied)];
    match sides.iter().all(|(old, new)| old.anyone == new.anyone) {
        true => sides.iter().flat_map(|(old, new)| memo.on_one_side(old, new).to_vec()).collect(),
        false => sides.iter().flat_map(|(old, new)| old.persons.union(&new.persons).cloned()).collect(),
    }
}

struct Said<'a, 'c> {
    role: &'a RoleName,
    before: &'a Askers,
    after: &'a Askers,
    changes: &'c mut Changes,
    /// Whom something was said about already: more groups add nothing to that.
    settled: BTreeSet<(String, bool)>,
}

impl Said<'_, '_> {
    fn about(&mut self, who: &Symbol<'_>, subject: String, how: &str) {
        let (before, after) = (self.before.may(who), self.after.may(who));
        if before == after || self.settled.contains(&("anyone".to_owned(), after)) {
            return;
        }
        if !self.settled.insert((subject.clone(), after)) {
            return;
        }
        let direction = if after { Direction::Wider } else { Direction::Narrower };
        let word = |may: bool| format!("{}{how}", if may { "may ask" } else { "may not ask" });
        let draft = Draft::new(Kind::CanAsk, direction).role(self.role).subject(subject);
        self.changes.push(draft.was(word(before)).becomes(word(after)));
    }

    fn machines(&mut self) {
        let (before, after) = (&self.before.crowd.workloads, &self.after.crowd.workloads);
        let new = after.iter().filter(|w| !before.iter().any(|b| is_within(w, b)));
        let gone = before.iter().filter(|w| !after.iter().any(|a| is_within(w, a)));
        let changes = new.map(|w| (w, Direction::Wider)).chain(gone.map(|w| (w, Direction::Narrower)));
        for (workload, direction) in changes {
            let words = match direction {
                Direction::Wider | Direction::Unknown => ("may not ask", "may ask"),
                Direction::Narrower => ("may ask", "may not ask"),
            };
            let draft = Draft::new(Kind::CanAsk, direction).role(self.role).subject(workload.to_string());
            self.changes.push(draft.was(words.0).becomes(words.1));
        }
    }
}
