//! Who is in which group: the static ones by e-mail, the identity provider's by what it asserts.

use crate::allowance::{Allowance, Paid};
use crate::draft::Group;
use crate::model::{Listed, Principal};
use curfew_domain::{Email, GroupName, Identity, SubjectKind};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

/// The groups of a set. Static and provider's names are disjoint: nobody captures a name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    members: BTreeMap<GroupName, Vec<Principal>>,
    idp: BTreeSet<GroupName>,
    /// Static groups in which an address, or another group, stands itself.
    holders: HashMap<Principal, Vec<GroupName>>,
}

/// Everybody in a group, as far as that can be listed.
#[derive(Debug, Default)]
pub(crate) struct Everybody {
    pub(crate) persons: BTreeSet<Email>,
    /// The provider's groups and those on call, whom only others know.
    pub(crate) unlisted: BTreeSet<Principal>,
}

impl Directory {
    pub(crate) fn new(groups: &[Group], idp: impl IntoIterator<Item = GroupName>) -> Self {
        let mut directory = Self { idp: idp.into_iter().collect(), ..Self::default() };
        for group in groups {
            let principals: Vec<Principal> = group.members.iter().map(|m| m.principal.clone()).collect();
            for principal in &principals {
                let holders = directory.holders.entry(principal.clone()).or_insert_with(|| Vec::with_capacity(1));
                if holders.last() != Some(&group.name) {
                    holders.push(group.name.clone());
                }
            }
            directory.members.insert(group.name.clone(), principals);
        }
        directory
    }

    /// The groups an identity is in. A provider's claim counts only for a group that the policy declares as the
    /// provider's: claiming the name of a static group gives nothing. Machines are in no group.
    pub(crate) fn groups_of(&self, who: &Identity) -> BTreeSet<GroupName> {
        match who.subject.kind {
            SubjectKind::Person => {}
            SubjectKind::Workload | SubjectKind::System => return BTreeSet::new(),
        }
        let claimed: BTreeSet<GroupName> = who.groups.intersection(&self.idp).cloned().collect();
        let address = who.subject.email.iter().cloned().map(Principal::Person);
        let groups = claimed.iter().cloned().map(Principal::Group);
        let mut found = self.above(address.chain(groups), &Allowance::endless());
        found.extend(claimed);
        found
    }

    /// The static groups that hold one of these, themselves or through other groups; some of them when the allowance
    /// is spent.
    fn above(&self, start: impl IntoIterator<Item = Principal>, allowance: &Allowance) -> BTreeSet<GroupName> {
        let mut found = BTreeSet::new();
        let mut open: Vec<Principal> = start.into_iter().collect();
        while let Some(principal) = open.pop() {
            let holders = self.holders.get(&principal).map_or(0, Vec::len);
            if allowance.pay(holders + 1) == Paid::No {
                break;
            }
            for holder in self.holders.get(&principal).into_iter().flatten() {
                if found.insert(holder.clone()) {
                    open.push(Principal::Group(holder.clone()));
                }
            }
        }
        found
    }

    /// Goes through whom a list names, a group's members in its place, until told to stop or the
    /// allowance is spent. Somebody may come twice.
    pub(crate) fn visit<'d>(
        &'d self,
        list: impl IntoIterator<Item = &'d Listed>,
        allowance: &Allowance,
        mut each: impl FnMut(&'d Principal) -> ControlFlow<()>,
    ) {
        let mut seen: BTreeSet<&GroupName> = BTreeSet::new();
        let mut open: Vec<&'d Principal> = list.into_iter().map(|l| &l.principal).collect();
        while let Some(principal) = open.pop() {
            if allowance.pay(1) == Paid::No {
                return;
            }
            let members = match principal {
                Principal::Group(name) => self.members.get_key_value(name),
                Principal::Person(_) | Principal::OnCall(_) | Principal::Workload(_) => None,
            };
            match members {
                Some((name, members)) if seen.insert(name) => open.extend(members),
                Some(_) => {}
                None => {
                    if each(principal).is_break() {
                        return;
                    }
                }
            }
        }
    }

    /// Everybody whom a list names, themselves or through groups; some of them when the allowance is spent.
    pub(crate) fn everybody<'d>(
        &'d self,
        list: impl IntoIterator<Item = &'d Listed>,
        allowance: &Allowance,
    ) -> Everybody {
        let mut found = Everybody::default();
        self.visit(list, allowance, |principal| {
            match principal {
                Principal::Person(email) => {
                    found.persons.insert(email.clone());
                }
                Principal::Group(_) | Principal::OnCall(_) => {
                    found.unlisted.insert(principal.clone());
                }
                // A machine never decides, and is no person that could be counted.
                Principal::Workload(_) => {}
            }
            ControlFlow::Continue(())
        });
        found
    }

    /// Whether a list names the principal, itself or through static groups.
    pub(crate) fn names(&self, list: &BTreeSet<Principal>, principal: &Principal, allowance: &Allowance) -> bool {
        list.contains(principal)
            || self
                .above([principal.clone()], allowance)
                .into_iter()
                .any(|group| list.contains(&Principal::Group(group)))
    }
}
