//! Another role that gives the same, for somebody whom this one refuses.

use crate::ask::Ask;
use crate::model::Role;
use crate::set::PolicySet;
use curfew_domain::{Decision, Outcome, Pair, ResourceName, Scope};
use std::collections::BTreeSet;

/// How many are said.
const SAID: usize = 3;
/// How many are decided: whoever may ask for more of them asks for a list.
const TRIED: usize = 200;

impl PolicySet {
    /// Roles under which the same request would not be refused.
    pub(super) fn instead(&self, role: &Role, ask: &Ask, decision: &Decision) -> Vec<String> {
        if decision.outcome != Outcome::Denied {
            return Vec::new();
        }
        let Some(pairs) = self.meant(role, ask) else { return Vec::new() };
        let same = |other: &&Role| other.name != role.name;
        let others = self.roles_for(&ask.who).into_iter().filter(same).take(TRIED);
        let suggested = others.filter_map(|other| {
            let asked = Ask {
                role: other.name.clone(),
                pairs: Some(pairs.clone()),
                resources: Vec::new(),
                actions: Vec::new(),
                ..ask.clone()
            };
            let outcome = match self.decide(&asked).decision.outcome {
                Outcome::Denied => return None,
                Outcome::NeedsApproval => "needs approval",
                Outcome::Automatic => "automatic",
            };
            Some(format!("ask for `{}`, which gives it as well: {outcome}", other.name))
        });
        suggested.take(SAID).collect()
    }

    /// The pairs that the request is about, whether the role gives them or not.
    fn meant(&self, role: &Role, ask: &Ask) -> Option<Scope> {
        if ask.pairs.is_some() {
            return ask.pairs.clone();
        }
        let given = self.pairs(&role.name).into_iter().filter(|pair| {
            (ask.resources.is_empty() || ask.resources.contains(&pair.resource))
                && (ask.actions.is_empty() || ask.actions.contains(&pair.action))
        });
        // An action that the role gives nowhere is meant on the resources that it is about.
        let of_role = self.pairs(&role.name).into_iter().map(|pair| pair.resource);
        let resources: BTreeSet<ResourceName> =
            if ask.resources.is_empty() { of_role.collect() } else { ask.resources.iter().cloned().collect() };
        let given: Vec<Pair> = given.collect();
        let named = resources.iter().flat_map(|resource| {
            ask.actions.iter().map(move |action| Pair { resource: resource.clone(), action: action.clone() })
        });
        let strange = |pair: &Pair| !given.iter().any(|g| g.action == pair.action);
        let named: Vec<Pair> = named.filter(|pair| !ask.resources.is_empty() || strange(pair)).collect();
        Scope::new(given.into_iter().chain(named)).ok()
    }
}
