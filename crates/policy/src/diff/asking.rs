//! Who may ask for a role: for every subject that either set names, and for symbolic members of the provider's groups and of
//! rotas.

use super::change::{Changes, Direction, Draft, Kind};
use super::shared::{Memo, Shared};
use super::workload::is_within;
use crate::crowd::Crowd;
use curfew_domain::{Email, GroupName, RoleName};
use std::collections::BTreeSet;
use std::fmt;

/// Who may ask, and who may not whatever that says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Askers {
    pub(super) crowd: Shared,
    pub(super) denied: Shared,
}

/// What only others can list, and a person can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Badge<'a> {
    /// A group of the provider's.
    Group(&'a GroupName),
    /// Those on call, by the name of the rota.
    OnCall(&'a GroupName),
}

impl<'a> Badge<'a> {
    fn all(crowd: &'a Crowd) -> impl Iterator<Item = Self> {
        crowd.groups.iter().map(Badge::Group).chain(crowd.oncall.iter().map(Badge::OnCall))
    }

    fn is_in(self, crowd: &Crowd) -> bool {
        match self {
            Self::Group(name) => crowd.groups.contains(name),
            Self::OnCall(name) => crowd.oncall.contains(name),
        }
    }

    /// As one of those who wear it.
    fn role(self) -> String {
        match self {
            Self::Group(_) => format!("as a member of {self}"),
            Self::OnCall(_) => format!("as one of {self}"),
        }
    }
}

impl fmt::Display for Badge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group:{name}"),
            Self::OnCall(name) => write!(f, "oncall:{name}"),
        }
    }
}

/// A person as the rules can tell persons apart: an address that is named somewhere or none, and badges.
///
/// One badge that lets in and one that keeps out are enough: whoever gains by more of them gains by two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Symbol<'a> {
    email: Option<&'a Email>,
    badges: BTreeSet<Badge<'a>>,
}

impl Askers {
    fn may(&self, who: &Symbol<'_>) -> bool {
        let named = |crowd: &Crowd| {
            who.email.is_some_and(|e| crowd.persons.contains(e)) || who.badges.iter().any(|badge| badge.is_in(crowd))
        };
        (self.crowd.anyone || named(&self.crowd)) && !named(&self.denied) && !self.denied.anyone
    }
}

/// Says who can newly ask, and who no longer can. A role that is not there is asked for by nobody.
pub(super) fn compare(role: &RoleName, before: &Askers, after: &Askers, changes: &mut Changes) {
    let memo = changes.memo.clone();
    let mut said = Said { role, before, after, changes, settled: BTreeSet::new() };
    said.about(&Symbol { email: None, badges: BTreeSet::new() }, "anyone".to_owned(), "");
    let crowds = [&before.crowd, &before.denied, &after.crowd, &after.denied];
    let badges: BTreeSet<Badge<'_>> = crowds.into_iter().flat_map(|crowd| Badge::all(crowd)).collect();
    for badge in &badges {
        said.about(&Symbol { email: None, badges: BTreeSet::from([*badge]) }, badge.to_string(), "");
    }
    for email in &persons(before, after, &memo) {
        said.about(&Symbol { email: Some(email), badges: BTreeSet::new() }, email.to_string(), "");
    }
    let denying: BTreeSet<Badge<'_>> = Badge::all(&before.denied).chain(Badge::all(&after.denied)).collect();
    for badge in &badges {
        for denying in denying.iter().filter(|denying| *denying != badge) {
            let both = Symbol { email: None, badges: BTreeSet::from([*badge, *denying]) };
            said.about(&both, badge.to_string(), &format!(" {} too", denying.role()));
        }
    }
    // Somebody on a deny list whom a badge would let in.
    for email in memo.on_one_side(&before.denied, &after.denied).iter() {
        for badge in &badges {
            let member = Symbol { email: Some(email), badges: BTreeSet::from([*badge]) };
            said.about(&member, email.to_string(), &format!(" {}", badge.role()));
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
