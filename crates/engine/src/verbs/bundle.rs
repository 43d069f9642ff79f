//! Several roles under one ask. Each is decided by its own rule, and each becomes a request of its own or none.

use super::ask::{AskFor, RunClient};
use super::request::RequestError;
use crate::Engine;
use curfew_domain::request::Origin;
use curfew_domain::{Decision, Identity, InputValue, Inputs, Request, RoleName, Seconds};
use curfew_policy::{Bundle, Occasion, PolicySet};
use std::net::IpAddr;

/// What somebody says when asking for a bundle; it holds for each of its roles.
#[derive(Debug, Clone)]
pub struct BundleAsk {
    /// Which.
    pub bundle: RoleName,
    /// For how long; each role's default if nothing is said.
    pub duration: Option<Seconds>,
    /// Why.
    pub reason: String,
    /// A reference into a ticket system.
    pub ticket: String,
    /// What else the roles want to be told; each is told what it has an input for.
    pub inputs: Inputs,
    /// Where the ask comes from, if that is known.
    pub source_ip: Option<IpAddr>,
    /// The run's client that asks; none when a person does.
    pub client: Option<RunClient>,
}

/// What became of one role of a bundle.
#[derive(Debug, Clone)]
pub enum BundlePart {
    /// A request.
    Asked(Box<Request>),
    /// Nothing: policy denies it.
    Denied(Box<Decision>),
}

impl Engine {
    /// The bundles of which the caller may ask for something.
    pub fn bundles_for(&self, who: &Identity) -> Vec<Bundle> {
        let policy = self.policy();
        let may = |bundle: &&Bundle| bundle.roles.iter().any(|(role, _)| policy.is_eligible(role, who));
        policy.bundles().iter().filter(may).cloned().collect()
    }

    /// Asks for every role of a bundle. What policy denies becomes no request and keeps none of the others from being
    /// asked for. `key` is the caller's idempotency key.
    ///
    /// # Errors
    /// When there is no such bundle, or policy denies every role of it; and as [`RequestError`] says.
    pub async fn request_bundle(
        &self,
        who: &Identity,
        ask: BundleAsk,
        key: Option<&str>,
    ) -> Result<Vec<BundlePart>, RequestError> {
        let policy = self.policy();
        let found = self.bundles_for(who).into_iter().find(|bundle| bundle.name == ask.bundle);
        let bundle = found.ok_or_else(|| RequestError::NoSuchBundle(ask.bundle.clone()))?;
        let has = |name: &String| bundle.roles.iter().any(|(role, _)| has_input(&policy, role, name));
        if !ask.inputs.keys().all(has) {
            return Err(RequestError::Text("no role of the bundle has an input of that name"));
        }
        let mut parts = Vec::new();
        for (role, _) in &bundle.roles {
            let part = AskFor {
                role: role.clone(),
                resources: Vec::new(),
                actions: Vec::new(),
                duration: ask.duration,
                reason: ask.reason.clone(),
                ticket: ask.ticket.clone(),
                inputs: inputs_of(&policy, role, &ask.inputs),
                source_ip: ask.source_ip,
                client: ask.client.clone(),
            };
            let key = key.map(|key| format!("{key} {role}"));
            match self.ask_on(who, part, (Occasion::Request, Origin::Bundle), key.as_deref()).await {
                Ok(request) => parts.push(BundlePart::Asked(Box::new(request))),
                Err(RequestError::Denied(decision)) => parts.push(BundlePart::Denied(decision)),
                Err(error) => return Err(error),
            }
        }
        if parts.iter().any(|part| matches!(part, BundlePart::Asked(_))) {
            return Ok(parts);
        }
        let denied = parts.into_iter().find_map(|part| match part {
            BundlePart::Asked(_) => None,
            BundlePart::Denied(decision) => Some(decision),
        });
        Err(denied.map_or(RequestError::NoSuchBundle(ask.bundle), RequestError::Denied))
    }
}

fn has_input(policy: &PolicySet, role: &RoleName, name: &str) -> bool {
    policy.role(role).is_some_and(|role| role.constraints.inputs.iter().any(|input| input.name == *name))
}

/// What a role wants to be told, typed as it wants it.
fn inputs_of(policy: &PolicySet, role: &RoleName, given: &Inputs) -> Inputs {
    let of_role = given.iter().filter(|(name, _)| has_input(policy, role, name));
    let typed = |(name, value): (&String, &InputValue)| match value {
        InputValue::Text(text) => policy.typed_inputs(role, [(name.as_str(), text.as_str())]),
        InputValue::Integer(_) | InputValue::Boolean(_) => Inputs::from([(name.clone(), value.clone())]),
    };
    of_role.flat_map(typed).collect()
}
