//! What policy says, on the wire.

use curfew_domain::{Decision, Outcome, Reason, ReasonCode, RoleName, Stage, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer of policy to a request, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// `denied`, `needs_approval` or `automatic`.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// The one role that decided.
    #[schema(value_type = String)]
    pub role: RoleName,
    /// The content hash of the policy set.
    pub policy_version: String,
    /// Rules that hold.
    pub satisfied: Vec<ReasonView>,
    /// Rules that do not hold; any of them denies.
    pub unsatisfied: Vec<ReasonView>,
    /// Rules that could not be evaluated; any of them denies.
    pub failed: Vec<ReasonView>,
    /// The stages of approval, in order.
    pub stages: Vec<StageView>,
    /// Who could decide the first stage now.
    pub approvers: Vec<String>,
    /// The end if it were activated at the time of the decision; null when denied.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub max_until: Option<Timestamp>,
    /// What may outlive the end.
    pub residual_exposure: Vec<String>,
}

/// One rule, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonView {
    /// `deny`, `eligibility`, `scope`, `duration`, ...
    #[schema(value_type = String)]
    pub code: ReasonCode,
    /// A sentence.
    pub message: String,
    /// The policy file; empty when no file says it.
    pub file: String,
    /// The line in it, from 1; 0 when no file says it.
    pub line: u32,
}

/// One stage of approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageView {
    /// Its name.
    pub name: String,
    /// How many distinct persons it takes.
    pub require: u32,
    /// Who could decide it.
    pub approvers: Vec<String>,
}

impl From<&Decision> for DecisionView {
    fn from(d: &Decision) -> Self {
        let reasons = |list: &[Reason]| list.iter().map(ReasonView::from).collect();
        Self {
            outcome: d.outcome,
            role: d.role.clone(),
            policy_version: d.policy_version.clone(),
            satisfied: reasons(&d.satisfied),
            unsatisfied: reasons(&d.unsatisfied),
            failed: reasons(&d.failed),
            stages: d.stages.iter().map(StageView::from).collect(),
            approvers: d.approvers.clone(),
            max_until: d.max_until,
            residual_exposure: d.residual_exposure.clone(),
        }
    }
}

impl From<&Reason> for ReasonView {
    fn from(r: &Reason) -> Self {
        Self { code: r.code, message: r.message.clone(), file: r.file.clone(), line: r.line }
    }
}

impl From<&Stage> for StageView {
    fn from(s: &Stage) -> Self {
        Self { name: s.name.clone(), require: s.require, approvers: s.approvers.clone() }
    }
}
