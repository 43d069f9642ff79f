//! Another role that gives the same, for somebody whom this one refuses.

use crate::ask::Ask;
use crate::model::Role;
use crate::set::PolicySet;
use curfew_domain::{Decision, Outcome, Pair, Scope};

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
        let named = ask.resources.iter().flat_map(|resource| {
            ask.actions.iter().map(move |action| Pair { resource: resource.clone(), action: action.clone() })
        });
        Scope::new(given.chain(named)).ok()
    }
}
