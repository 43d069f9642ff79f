//! Sets of subjects, some of whom only the identity provider can list.

use crate::allowance::Allowance;
use crate::directory::Directory;
use crate::model::{Listed, Principal};
use crate::workload::Workload;
use curfew_domain::{Email, GroupName};
use std::collections::BTreeSet;
use std::fmt;

/// Who is meant by a list. Static groups are resolved to their persons; the provider's stand for whoever is in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Crowd {
    /// Any signed-in person.
    pub(crate) anyone: bool,
    pub(crate) persons: BTreeSet<Email>,
    /// The provider's.
    pub(crate) groups: BTreeSet<GroupName>,
    /// Whoever is on call, by the name of the schedule.
    pub(crate) oncall: BTreeSet<GroupName>,
    pub(crate) workloads: BTreeSet<Workload>,
}

impl Crowd {
    /// Everybody whom a list names, themselves or through groups.
    pub(crate) fn of(directory: &Directory, list: &[Listed]) -> Self {
        let everybody = directory.everybody(list, &Allowance::endless());
        let mut crowd = Self { persons: everybody.persons, ..Self::default() };
        for principal in everybody.unlisted {
            match principal {
                Principal::Group(name) => {
                    crowd.groups.insert(name);
                }
                Principal::OnCall(name) => {
                    crowd.oncall.insert(name);
                }
                Principal::Person(_) | Principal::Workload(_) => {}
            }
        }
        crowd.workloads.extend(list.iter().filter_map(|listed| match &listed.principal {
            Principal::Workload(workload) => Some(workload.clone()),
            Principal::Person(_) | Principal::Group(_) | Principal::OnCall(_) => None,
        }));
        crowd
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.anyone
            && self.persons.is_empty()
            && self.groups.is_empty()
            && self.oncall.is_empty()
            && self.workloads.is_empty()
    }

    /// Both together.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.anyone |= other.anyone;
        all.persons.extend(other.persons.iter().cloned());
        all.groups.extend(other.groups.iter().cloned());
        all.oncall.extend(other.oncall.iter().cloned());
        all.workloads.extend(other.workloads.iter().cloned());
        all
    }

    /// Without those whom another names.
    pub(crate) fn without(mut self, other: &Self) -> Self {
        self.persons.retain(|person| !other.persons.contains(person));
        self.groups.retain(|group| !other.groups.contains(group));
        self
    }

    /// How many at most, when that can be said.
    pub(crate) fn size(&self) -> Option<usize> {
        let listed = !self.anyone && self.groups.is_empty() && self.oncall.is_empty() && self.workloads.is_empty();
        listed.then_some(self.persons.len())
    }

    /// Every name in it, as policy writes them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.spelled().collect()
    }

    /// The same, each when it is wanted: of a large crowd few are shown.
    fn spelled(&self) -> impl Iterator<Item = String> {
        let anyone = self.anyone.then(|| "anyone".to_owned()).into_iter();
        let groups = self.groups.iter().map(|g| format!("group:{g}"));
        let oncall = self.oncall.iter().map(|o| format!("oncall:{o}"));
        let listed = anyone.chain(self.persons.iter().map(ToString::to_string)).chain(groups);
        listed.chain(oncall).chain(self.workloads.iter().map(ToString::to_string))
    }

    fn len(&self) -> usize {
        let named = self.persons.len() + self.groups.len() + self.oncall.len() + self.workloads.len();
        named + usize::from(self.anyone)
    }
}

impl fmt::Display for Crowd {
    /// The first few names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        if self.is_empty() {
            return f.write_str("nobody");
        }
        let shown: Vec<String> = self.spelled().take(SHOWN).collect();
        f.write_str(&shown.join(", "))?;
        match self.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
