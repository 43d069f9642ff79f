//! The resources of a set, and what globs cover.

use crate::glob;
use crate::model::{Condition, Pattern, Resource, Role};
use curfew_domain::{Pair, ResourceName};
use std::collections::{BTreeMap, BTreeSet};

/// The resources by name, and the globs of the roles worked out once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    resources: BTreeMap<ResourceName, Resource>,
    /// Roles tend to share globs and selectors; each is matched against all resources once.
    selected: BTreeMap<Pattern, Vec<ResourceName>>,
}

impl Inventory {
    pub(crate) fn new<'r>(
        resources: impl IntoIterator<Item = Resource>,
        roles: impl IntoIterator<Item = &'r Role>,
    ) -> Self {
        let resources = resources.into_iter().map(|r| (r.name.clone(), r)).collect();
        let mut inventory = Self { resources, selected: BTreeMap::new() };
        for condition in roles.into_iter().flat_map(|r| &r.conditions) {
            let exact = matches!(condition.resource, Pattern::Exact(_));
            if !exact && !inventory.selected.contains_key(&condition.resource) {
                let covered = inventory.resources.values().filter(|r| selects(&condition.resource, r));
                let covered = covered.map(|r| r.name.clone()).collect();
                inventory.selected.insert(condition.resource.clone(), covered);
            }
        }
        inventory
    }

    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values()
    }

    pub(crate) fn resource(&self, name: &ResourceName) -> Option<&Resource> {
        self.resources.get(name)
    }

    /// Adds one; globs and selectors cover it from now on.
    pub(crate) fn add(&mut self, resource: Resource) {
        for (pattern, covered) in &mut self.selected {
            if selects(pattern, &resource) {
                covered.push(resource.name.clone());
                covered.sort();
            }
        }
        self.resources.insert(resource.name.clone(), resource);
    }

    /// What a pattern of a role of this set covers, by name.
    pub(crate) fn covered(&self, pattern: &Pattern) -> impl Iterator<Item = &Resource> {
        self.selected.get(pattern).into_iter().flatten().filter_map(|name| self.resources.get(name))
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
