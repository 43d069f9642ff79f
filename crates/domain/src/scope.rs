//! What a role can give and a request asks for: pairs of a resource and an action.

use crate::limits;
use crate::names::{ActionName, ResourceName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pair {
    /// The thing.
    pub resource: ResourceName,
    /// What may be done there.
    pub action: ActionName,
}

/// On the wire, a resource with its actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceActions {
    /// The thing.
    pub resource: ResourceName,
    /// What may be done there, sorted.
    pub actions: Vec<ActionName>,
}

/// A set of pairs, never empty. Serialized as `[{resource, actions}]`, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<ResourceActions>", into = "Vec<ResourceActions>")]
pub struct Scope(BTreeSet<Pair>);

/// A scope without pairs, or with too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAScope {
    /// An empty scope never means "all".
    #[error("a scope needs at least one resource and action")]
    Empty,
    /// More than [`limits::SCOPE_PAIRS`].
    #[error("a scope may hold at most {} pairs of a resource and an action", limits::SCOPE_PAIRS)]
    TooLarge,
}

impl Scope {
    /// A scope of these pairs.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn new(pairs: impl IntoIterator<Item = Pair>) -> Result<Self, NotAScope> {
        let pairs: BTreeSet<Pair> = pairs.into_iter().take(limits::SCOPE_PAIRS + 1).collect();
        match pairs.len() {
            0 => Err(NotAScope::Empty),
            n if n > limits::SCOPE_PAIRS => Err(NotAScope::TooLarge),
            _ => Ok(Self(pairs)),
        }
    }

    /// The pairs, sorted.
    pub fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.0.iter()
    }

    /// Whether every pair of this scope is also in the other.
    pub fn is_within(&self, other: &Scope) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The actions of each resource, sorted.
    pub fn by_resource(&self) -> BTreeMap<ResourceName, Vec<ActionName>> {
        let mut map: BTreeMap<ResourceName, Vec<ActionName>> = BTreeMap::new();
        for pair in &self.0 {
            map.entry(pair.resource.clone()).or_default().push(pair.action.clone());
        }
        map
    }

    /// Only the pairs with these actions.
    ///
    /// # Errors
    /// When none is left.
    pub fn only_actions(&self, actions: &BTreeSet<ActionName>) -> Result<Self, NotAScope> {
        Self::new(self.0.iter().filter(|p| actions.contains(&p.action)).cloned())
    }

    /// Every action that stands somewhere in the scope.
    pub fn actions(&self) -> BTreeSet<ActionName> {
        self.0.iter().map(|p| p.action.clone()).collect()
    }
}

impl TryFrom<Vec<ResourceActions>> for Scope {
    type Error = NotAScope;
    fn try_from(list: Vec<ResourceActions>) -> Result<Self, NotAScope> {
        Self::new(list.into_iter().flat_map(|entry| {
            let resource = entry.resource;
            entry.actions.into_iter().map(move |action| Pair { resource: resource.clone(), action })
        }))
    }
}

impl From<Scope> for Vec<ResourceActions> {
    fn from(scope: Scope) -> Self {
        scope.by_resource().into_iter().map(|(resource, actions)| ResourceActions { resource, actions }).collect()
    }
}
