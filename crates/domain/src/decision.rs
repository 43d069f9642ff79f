//! What policy says to a request: a value with its reasons, never a bare yes or no.

use crate::names::RoleName;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Policy does not allow it.
    Denied,
    /// People have to say yes first.
    NeedsApproval,
    /// Policy allows it by itself.
    Automatic,
}

/// What a reason is about. The order is the order in which a request is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// A deny list.
    Deny,
    /// Who may ask.
    Eligibility,
    /// Resources and actions.
    Scope,
    /// How long.
    Duration,
    /// The reason given.
    Justification,
    /// The ticket.
    Ticket,
    /// The hours in which it may be used.
    Window,
    /// Where the request came from.
    SourceIp,
    /// Multi-factor authentication.
    Mfa,
    /// How many at once.
    Concurrency,
    /// Typed inputs.
    Inputs,
    /// A condition of the role.
    When,
    /// A guardrail over all roles.
    Guardrail,
    /// Whether anybody is left to approve.
    Approvable,
}

/// One rule that was looked at, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What it is about.
    pub code: ReasonCode,
    /// A sentence for a person.
    pub message: String,
    /// The policy file, relative to the policy folder. Empty when no file says it.
    pub file: String,
    /// The line in that file, from 1. 0 when no file says it.
    pub line: u32,
}

/// One stage of approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// How many distinct persons it takes.
    pub require: u32,
    /// E-mails that could decide it, sorted; a provider's group that cannot be listed stands as `group:NAME`.
    pub approvers: Vec<String>,
}

/// The answer to a request under one policy version. A total, deterministic function of
/// (policy version, request, identity, time).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The answer.
    pub outcome: Outcome,
    /// The one role that decided.
    pub role: RoleName,
    /// The content hash of the policy set, in hex.
    pub policy_version: String,
    /// Rules that hold.
    pub satisfied: Vec<Reason>,
    /// Rules that do not hold; any of them denies.
    pub unsatisfied: Vec<Reason>,
    /// Rules that could not be evaluated; any of them denies.
    pub failed: Vec<Reason>,
    /// The stages of approval, in order; empty when denied or automatic.
    pub stages: Vec<Stage>,
    /// Who could decide the first stage now, sorted; empty when denied or automatic.
    pub approvers: Vec<String>,
    /// The end if it were activated at the time of the decision; none when denied.
    pub max_until: Option<Timestamp>,
    /// What may outlive the end, one sentence a resource.
    pub residual_exposure: Vec<String>,
}
