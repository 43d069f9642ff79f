//! Sets of subjects, some of whom only the identity provider can list.

use super::workload;
use crate::workload::Workload;
use curfew_domain::{Email, GroupName};
use std::collections::BTreeSet;
use std::fmt;

/// Who is meant by a list. Static groups are resolved to their persons; the provider's stand for whoever is in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Crowd {
    /// Any signed-in person.
    pub(super) anyone: bool,
    pub(super) persons: BTreeSet<Email>,
    /// The provider's.
    pub(super) groups: BTreeSet<GroupName>,
    /// Whoever is on call, by the name of the schedule.
    pub(super) oncall: BTreeSet<GroupName>,
    pub(super) workloads: BTreeSet<Workload>,
}

impl Crowd {
    pub(super) fn is_empty(&self) -> bool {
        !self.anyone
            && self.persons.is_empty()
            && self.groups.is_empty()
            && self.oncall.is_empty()
            && self.workloads.is_empty()
    }

    /// Both together.
    pub(super) fn with(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.anyone |= other.anyone;
        all.persons.extend(other.persons.iter().cloned());
        all.groups.extend(other.groups.iter().cloned());
        all.oncall.extend(other.oncall.iter().cloned());
        all.workloads.extend(other.workloads.iter().cloned());
        all
    }

    /// How many at most, when that can be said.
    pub(super) fn size(&self) -> Option<usize> {
        let listed = !self.anyone && self.groups.is_empty() && self.oncall.is_empty() && self.workloads.is_empty();
        listed.then_some(self.persons.len())
    }

    /// Every name in it, as policy writes them.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.anyone.then(|| "anyone".to_owned()).into_iter().collect();
        names.extend(self.persons.iter().map(ToString::to_string));
        names.extend(self.groups.iter().map(|g| format!("group:{g}")));
        names.extend(self.oncall.iter().map(|o| format!("oncall:{o}")));
        names.extend(self.workloads.iter().map(ToString::to_string));
        names
    }
}

impl fmt::Display for Crowd {
    /// The first few names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        let names = self.names();
        if names.is_empty() {
            return f.write_str("nobody");
        }
        let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
        f.write_str(&shown.join(", "))?;
        match names.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A crowd, and who is taken out of it whatever it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed<'a> {
    pub(super) crowd: &'a Crowd,
    pub(super) denied: &'a Crowd,
}

impl Allowed<'_> {
    /// Whether everybody in here is in the other as well, whoever is in the provider's groups.
    pub(super) fn is_within(self, other: Allowed<'_>) -> bool {
        self.persons_are_within(other) && self.unlisted_are_within(other)
    }

    fn persons_are_within(self, other: Allowed<'_>) -> bool {
        // Somebody named may be in any of the provider's groups.
        let groups_deny = other.denied.groups.is_subset(&self.denied.groups);
        let fits = |person: &Email| {
            let named = other.crowd.anyone || other.crowd.persons.contains(person);
            named && groups_deny && !other.denied.persons.contains(person)
        };
        self.crowd.persons.difference(&self.denied.persons).all(fits)
    }

    fn unlisted_are_within(self, other: Allowed<'_>) -> bool {
        let denies_no_more =
            other.denied.groups.is_subset(&self.denied.groups) && other.denied.persons.is_subset(&self.denied.persons);
        let groups = self.crowd.groups.difference(&self.denied.groups);
        let groups_fit = groups.into_iter().all(|g| denies_no_more && (other.crowd.anyone || other.crowd.groups.contains(g)));
        let oncall_fit =
            self.crowd.oncall.iter().all(|o| denies_no_more && (other.crowd.anyone || other.crowd.oncall.contains(o)));
        let anyone_fits = !self.crowd.anyone || (other.crowd.anyone && denies_no_more);
        let machine_fits = |w: &Workload| other.crowd.workloads.iter().any(|o| workload::is_within(w, o));
        groups_fit && oncall_fit && anyone_fits && self.crowd.workloads.iter().all(machine_fits)
    }
}
