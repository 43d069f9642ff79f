//! A request as policy sees it, and what policy says to it.

use curfew_domain::{ActionName, Decision, Identity, ResourceName, RoleName, Scope, Seconds, Timestamp};
use serde::Serialize;

/// What somebody asks for. Empty lists and texts are what was not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Who asks.
    pub who: Identity,
    /// For what role.
    pub role: RoleName,
    /// Only these resources of it.
    pub resources: Vec<ResourceName>,
    /// Only these actions of it.
    pub actions: Vec<ActionName>,
    /// Exactly these pairs, in place of `resources` and `actions`: what an approved request is asked again with.
    pub pairs: Option<Scope>,
    /// For how long; the role's default if nothing is said.
    pub duration: Option<Seconds>,
    /// Why.
    pub reason: String,
    /// A reference into a ticket system.
    pub ticket: String,
    /// The time of asking.
    pub now: Timestamp,
}

/// The answer, and what exactly was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// With its reasons.
    pub decision: Decision,
    /// What would be given; none when denied.
    pub terms: Option<Terms>,
}

/// What a request that was not denied comes down to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// The pairs it would give.
    pub scope: Scope,
    /// From activation.
    pub duration: Seconds,
    /// How long an approved request waits for its subject.
    pub claim_within: Seconds,
    /// How long the request waits for a decision.
    pub lapses_after: Seconds,
    /// A hash, in hex, over what the actions really give and where: connector, `admin` reference and settings of
    /// each resource in scope. An approval is bound to it.
    pub meaning: String,
}

/// A decision, with the nearest things that would change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The decision itself.
    #[serde(flatten)]
    pub decision: Decision,
    /// One sentence each.
    pub would_change: Vec<String>,
}

/// Why somebody may not decide a stage of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnApprover {
    /// The policy has no such role.
    #[error("there is no role `{0}`")]
    UnknownRole(RoleName),
    /// The role has no such stage: its approval is automatic, or the policy has changed.
    #[error("the role has no approval stage `{0}`")]
    UnknownStage(String),
    /// Nobody approves their own request.
    #[error("the requester never counts as an approver")]
    IsRequester,
    /// A deny list names them.
    #[error("{file}:{line} denies: a person on a deny list may neither ask nor approve")]
    Denied {
        /// The policy file.
        file: String,
        /// The line in it.
        line: u32,
    },
    /// They are none of those who may.
    #[error("not an approver of stage `{0}`")]
    NotInStage(String),
}
