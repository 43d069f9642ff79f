//! The resources of a set, and what globs cover.

use crate::allowance::{Allowance, Paid};
use crate::glob;
use crate::model::{Condition, Pattern, Resource, Risk, Role};
use curfew_domain::{Pair, ResourceName};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// The resources by name, and the globs of the roles worked out once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    resources: BTreeMap<ResourceName, Resource>,
    /// Roles tend to share globs and selectors; each is matched against all resources once.
    selected: BTreeMap<Pattern, Covered>,
    /// Globs and selectors that were not worked out, because there are too many for too many resources.
    unmatched: usize,
}

/// What a glob or a selector covers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Covered {
    /// Sorted.
    names: Vec<ResourceName>,
    /// Every action that one of them has.
    pub(crate) actions: BTreeSet<String>,
    /// The kinds of target they are.
    pub(crate) connectors: BTreeSet<&'static str>,
    /// The highest risk, and the first that has it.
    riskiest: Option<(Risk, ResourceName)>,
    /// Those that say which files may hold roles over them.
    guarded: Vec<ResourceName>,
}

/// What a stored name costs, in comparisons.
const NAME_STEPS: usize = 4;
/// What the lengths of a glob and a name multiply to for one step more.
const GLOB_BYTES_PER_STEP: usize = 64;

impl Covered {
    /// Adds one. Names come in their order.
    fn push(&mut self, resource: &Resource) {
        self.names.push(resource.name.clone());
        for action in crate::link::actions_of(resource) {
            if !self.actions.contains(action) {
                self.actions.insert(action.to_owned());
            }
        }
        self.connectors.insert(resource.connector.name);
        if self.riskiest.as_ref().is_none_or(|(risk, _)| resource.risk > *risk) {
            self.riskiest = Some((resource.risk, resource.name.clone()));
        }
        if !resource.defined_by.is_empty() {
            self.guarded.push(resource.name.clone());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl Inventory {
    pub(crate) fn new<'r>(
        resources: impl IntoIterator<Item = Resource>,
        roles: impl IntoIterator<Item = &'r Role>,
        allowance: &Allowance,
    ) -> Self {
        let resources = resources.into_iter().map(|r| (r.name.clone(), r)).collect();
        let mut inventory = Self { resources, selected: BTreeMap::new(), unmatched: 0 };
        for condition in roles.into_iter().flat_map(|r| &r.conditions) {
            let exact = matches!(condition.resource, Pattern::Exact(_));
            if !exact && !inventory.selected.contains_key(&condition.resource) {
                let covered = inventory.matched(&condition.resource, allowance);
                inventory.unmatched += usize::from(covered.is_none());
                inventory.selected.insert(condition.resource.clone(), covered.unwrap_or_default());
            }
        }
        inventory
    }

    /// The resources that a pattern covers; none when the allowance is spent.
    fn matched(&self, pattern: &Pattern, allowance: &Allowance) -> Option<Covered> {
        let paid = |steps| (allowance.pay(steps) == Paid::Yes).then_some(());
        let (from, length) = match pattern {
            Pattern::Glob(glob) => (glob.split('*').next().unwrap_or_default(), glob.len()),
            Pattern::Exact(_) | Pattern::Labels(_) => ("", 0),
        };
        let mut covered = Covered::default();
        for (name, resource) in self.resources.range::<str, _>((Bound::Included(from), Bound::Unbounded)) {
            if !name.as_str().starts_with(from) {
                break;
            }
            paid(1 + length * name.as_str().len() / GLOB_BYTES_PER_STEP)?;
            if selects(pattern, resource) {
                paid(NAME_STEPS + crate::link::actions_of(resource).count())?;
                covered.push(resource);
            }
        }
        Some(covered)
    }

    /// How many globs and selectors were not worked out.
    pub(crate) fn unmatched(&self) -> usize {
        self.unmatched
    }

    /// What a pattern of a role of this set covers, as a whole.
    pub(crate) fn coverage(&self, pattern: &Pattern) -> Option<&Covered> {
        self.selected.get(pattern)
    }

    /// What of a pattern's resources has the highest risk; the first by name.
    pub(crate) fn riskiest(&self, pattern: &Pattern) -> Option<&Resource> {
        self.selected.get(pattern)?.riskiest.as_ref().and_then(|(_, name)| self.resources.get(name))
    }

    /// Those of a pattern's resources that say which files may hold roles over them.
    pub(crate) fn guarded(&self, pattern: &Pattern) -> impl Iterator<Item = &Resource> {
        let names = self.selected.get(pattern).map(|covered| covered.guarded.as_slice()).unwrap_or_default();
        names.iter().filter_map(|name| self.resources.get(name))
    }

    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values()
    }

    pub(crate) fn resource(&self, name: &ResourceName) -> Option<&Resource> {
        self.resources.get(name)
    }

    /// Adds one; globs and selectors cover it from now on.
    pub(crate) fn add(&mut self, resource: Resource) {
        self.resources.insert(resource.name.clone(), resource);
        for (pattern, covered) in &mut self.selected {
            *covered = Covered::default();
            self.resources.values().filter(|r| selects(pattern, r)).for_each(|r| covered.push(r));
        }
    }

    /// What a pattern of a role of this set covers, by name.
    pub(crate) fn covered(&self, pattern: &Pattern) -> impl Iterator<Item = &Resource> {
        let names = self.selected.get(pattern).map(|covered| covered.names.as_slice()).unwrap_or_default();
        names.iter().filter_map(|name| self.resources.get(name))
    }

    /// Every pair that a role can give.
    pub(crate) fn pairs(&self, role: &Role) -> BTreeSet<Pair> {
        role.conditions.iter().flat_map(|condition| self.pairs_of(condition)).collect()
    }

    fn pairs_of(&self, condition: &Condition) -> Vec<Pair> {
        let pair = |resource: &ResourceName, action| Pair { resource: resource.clone(), action };
        match &condition.resource {
            Pattern::Exact(name) => condition.actions.iter().map(|a| pair(name, a.clone())).collect(),
            Pattern::Glob(_) | Pattern::Labels(_) => {
                let on = |resource| {
                    let given = condition.actions.iter().filter(move |a| crate::link::has_action(resource, a));
                    given.map(move |a| pair(&resource.name, a.clone()))
                };
                self.covered(&condition.resource).flat_map(on).collect()
            }
        }
    }
}

fn selects(pattern: &Pattern, resource: &Resource) -> bool {
    match pattern {
        Pattern::Exact(name) => *name == resource.name,
        Pattern::Glob(glob) => glob::matches(glob, resource.name.as_str()),
        Pattern::Labels(selector) => selector.labels.iter().all(|(key, value)| resource.labels.get(key) == Some(value)),
    }
}
