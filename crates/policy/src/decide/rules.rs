//! Expressions of the role, and the guardrails over all roles.

use super::Case;
use super::reasons::Reasons;
use crate::scene::{Said, Scene};
use cedar_policy::AuthorizationError;
use curfew_domain::ReasonCode;
use std::collections::BTreeMap;

impl Case<'_> {
    pub(super) fn when(&self, scene: &Scene<'_>, reasons: &mut Reasons) {
        const CODE: ReasonCode = ReasonCode::When;
        for rule in &self.role.constraints.when {
            match scene.says(&rule.expression.policies, &rule.expression.needs) {
                Said::True => reasons.holds(CODE, &rule.place, rule.message.clone()),
                Said::False(_) => reasons.fails(CODE, &rule.place, rule.message.clone()),
                Said::Unknown(why) => {
                    reasons.unknown(CODE, &rule.place, format!("{} (could not be evaluated: {why})", rule.message));
                }
            }
        }
    }

    /// One that forbids any of the resources forbids all of the request.
    pub(super) fn guardrails(&self, scene: &Scene<'_>, reasons: &mut Reasons) {
        const CODE: ReasonCode = ReasonCode::Guardrail;
        let guardrails = self.set.guardrails();
        let Some(first) = guardrails.first() else { return };
        let mut forbid: BTreeMap<usize, Result<(), String>> = BTreeMap::new();
        for place in scene.places() {
            for (number, guardrail) in guardrails.iter().enumerate() {
                if let Some(fact) = scene.unknown(&guardrail.needs, place) {
                    forbid.entry(number).or_insert(Err(format!("{fact} is not known for this request")));
                }
            }
            let known = |number: &usize| scene.unknown(&guardrails[*number].needs, place).is_none();
            match scene.response(self.set.guardrail_policies(), place) {
                Err(why) => {
                    forbid.entry(0).or_insert(Err(why));
                }
                Ok(response) => {
                    let number = |id: &cedar_policy::PolicyId| AsRef::<str>::as_ref(id).parse::<usize>().ok();
                    let diagnostics = response.diagnostics();
                    for hit in diagnostics.reason().filter_map(number).filter(|n| *n < guardrails.len()).filter(known) {
                        forbid.insert(hit, Ok(()));
                    }
                    for error in diagnostics.errors() {
                        let AuthorizationError::PolicyEvaluationError(failed) = error;
                        let hit = number(failed.policy_id()).filter(|n| *n < guardrails.len()).unwrap_or(0);
                        if known(&hit) {
                            forbid.entry(hit).or_insert(Err(error.to_string()));
                        }
                    }
                }
            }
        }
        if forbid.is_empty() {
            let message = match guardrails.len() {
                1 => "the guardrail allows it".to_owned(),
                all => format!("all {all} guardrails allow it"),
            };
            return reasons.holds(CODE, &first.place, message);
        }
        for (number, why) in forbid {
            let guardrail = &guardrails[number];
            match why {
                Ok(()) => reasons.fails(CODE, &guardrail.place, guardrail.message.clone()),
                Err(why) => {
                    let message = format!("{} (could not be evaluated: {why})", guardrail.message);
                    reasons.unknown(CODE, &guardrail.place, message);
                }
            }
        }
    }

    /// Whether nobody has to say yes to this request.
    pub(super) fn approves_itself(&self, scene: Option<&Scene<'_>>) -> bool {
        let (Some(expression), Some(scene)) = (&self.role.auto_approve_when, scene) else { return false };
        scene.says(&expression.policies, &expression.needs) == Said::True
    }
}
