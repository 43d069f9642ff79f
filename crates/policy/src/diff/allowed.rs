//! Whether everybody in one crowd is in another, whoever is in the provider's groups.

use super::workload;
use crate::crowd::Crowd;
use crate::workload::Workload;
use curfew_domain::Email;

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
        let groups_fit =
            groups.into_iter().all(|g| denies_no_more && (other.crowd.anyone || other.crowd.groups.contains(g)));
        let oncall_fit =
            self.crowd.oncall.iter().all(|o| denies_no_more && (other.crowd.anyone || other.crowd.oncall.contains(o)));
        let anyone_fits = !self.crowd.anyone || (other.crowd.anyone && denies_no_more);
        let machine_fits = |w: &Workload| other.crowd.workloads.iter().any(|o| workload::is_within(w, o));
        groups_fit && oncall_fit && anyone_fits && self.crowd.workloads.iter().all(machine_fits)
    }
}
