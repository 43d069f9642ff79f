//! A request as policy sees it, and what policy says to it.

use crate::facts::Facts;
use crate::source::Place;
use curfew_domain::{
    ActionName, Course, Decision, GroupName, Identity, Inputs, Outcome, ReasonCode, ResourceName, RoleName, Scope,
    Seconds, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
    /// What else is said, by the names of the role's inputs.
    pub inputs: Inputs,
    /// What is known beside that.
    pub facts: Facts,
    /// How it came to be asked.
    pub occasion: Occasion,
    /// The time of asking.
    pub now: Timestamp,
}

impl Ask {
    /// All of a role for as long as it says, with nothing else given and nothing known.
    pub fn of(who: Identity, role: RoleName, now: Timestamp) -> Self {
        Self {
            who,
            role,
            resources: Vec::new(),
            actions: Vec::new(),
            pairs: None,
            duration: None,
            reason: String::new(),
            ticket: String::new(),
            inputs: Inputs::new(),
            facts: Facts::default(),
            occasion: Occasion::Request,
            now,
        }
    }
}

/// How a request came to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// Somebody asks, or claims what was approved.
    #[default]
    Request,
    /// Somebody wants to keep a grant longer. `duration` is then the total since its activation.
    Extension {
        /// How often it was extended before.
        earlier: u32,
    },
    /// An emergency: stages and windows are skipped, and somebody looks at it afterwards.
    BreakGlass,
    /// A run opened it for the subject. `facts.token` is the run's.
    Trigger,
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
    /// How it goes on from stage to stage, fixed now.
    pub course: Course,
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

/// A request that a policy tests itself with, and what it expects.
#[derive(Debug, Clone)]
pub struct Trial {
    /// What it shows.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// What is asked.
    pub ask: Ask,
    /// What is expected.
    pub expect: Expect,
    /// Exactly those who could decide the first stage now; anybody if nothing is said.
    pub approvers: Option<Vec<String>>,
    /// Where the role is named.
    pub(crate) role_place: Place,
    /// Groups of the identity provider that the person is said to be in, and where.
    pub(crate) groups: Vec<(GroupName, Place)>,
}

/// What a test expects. What is not said may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The answer.
    pub outcome: Outcome,
    /// Exactly these stages.
    pub stages: Option<Vec<String>>,
    /// Exactly so long, if it were activated then.
    pub max: Option<Seconds>,
    /// Exactly these codes, each once.
    pub unsatisfied: Option<BTreeSet<ReasonCode>>,
    /// Exactly these codes, each once.
    pub failed: Option<BTreeSet<ReasonCode>>,
}
