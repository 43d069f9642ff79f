//! How a request goes from stage to stage: whose turn it is, and what happens when nobody decides in time.
//!
//! **Invariant:** which list of a stage counts is fixed when the request is made, and later only time opens another; who
//! stands in a list is what the policy in force says.

use crate::subject::Email;
use crate::time::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

/// What was fixed for a request when it was made, beside the decision itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// One for each stage of the decision, in order.
    pub stages: Vec<StageCourse>,
    /// In how many stages one person counts.
    pub counted: Counted,
    /// Whether an approver has to say why.
    pub approver_reason: ApproverReason,
    /// How long ago approvers must have shown a second factor; none asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvers_mfa: Option<ApproversMfa>,
    /// The person behind the run that asks, who must not approve either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Email>,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            stages: Vec::new(),
            counted: Counted::Once,
            approver_reason: ApproverReason::Optional,
            approvers_mfa: None,
            behind: None,
        }
    }
}

/// In how many stages one person counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// In one.
    Once,
    /// In each that they may decide.
    InEachStage,
}

/// Whether an approver has to say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApproverReason {
    /// They may.
    Optional,
    /// They have to.
    Required,
}

/// What becomes of a stage that waited its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// The request is denied.
    Reject,
    /// Others may decide it as well.
    Escalate,
}

/// What approvers must have signed in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApproversMfa {
    /// How long ago at most; none means at any time of the sign-in.
    #[serde(default, rename = "max_age_seconds", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Seconds>,
}

/// One stage of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageCourse {
    /// As in the decision.
    pub name: String,
    /// Whose yes counts.
    pub opening: Opening,
    /// How long it waits from its turn; none means until the request lapses.
    #[serde(default, rename = "timeout_seconds", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Seconds>,
    /// What becomes of it then.
    pub on_timeout: OnTimeout,
    /// When its turn came; none before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
}

impl StageCourse {
    /// When something happens to it if nobody decides; none when nothing will.
    pub fn due_at(&self) -> Option<Timestamp> {
        match self.opening {
            Opening::Own | Opening::Fallback => Some(self.opened_at?.plus(self.timeout?)),
            Opening::Escalated | Opening::FallbackEscalated => None,
        }
    }
}

/// Which list of a stage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opening {
    /// Its own.
    Own,
    /// `fallback`, because nobody but the requester was left when the request was made.
    Fallback,
    /// Its own and `escalate_to`, because its time is over.
    Escalated,
    /// `fallback` and `escalate_to`.
    FallbackEscalated,
}

impl Opening {
    /// The same, open to `escalate_to` as well.
    pub fn escalated(self) -> Self {
        match self {
            Self::Own | Self::Escalated => Self::Escalated,
            Self::Fallback | Self::FallbackEscalated => Self::FallbackEscalated,
        }
    }
}
