//! Looking at emergency access afterwards.
//!
//! A review is a fact beside the grant: the grant's own states stay what they are, and `Ended` stays final.

use crate::audit::{AuditAction, AuditEvent};
use crate::grant::{Grant, GrantState};
use crate::subject::Subject;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What somebody found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    /// It was an emergency, and used for it.
    Ok,
    /// It was not.
    Misuse,
}

impl ReviewVerdict {
    /// The word, as on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Misuse => "misuse",
        }
    }
}

/// What was said of one use of emergency access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// What was found.
    pub verdict: ReviewVerdict,
    /// Who looked.
    pub by: Subject,
    /// When.
    pub at: Timestamp,
    /// What they have to say about it.
    pub note: String,
}

/// Where the review of a grant stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "review", rename_all = "snake_case")]
pub enum Review {
    /// Nobody has looked. The subject gets no further emergency access.
    Due {
        /// By when somebody should.
        by: Timestamp,
    },
    /// Somebody has.
    Done(Reviewed),
}

impl Grant {
    /// Whether there is something to look at: what ended without ever giving access has nothing.
    pub fn is_worth_a_review(&self) -> bool {
        match &self.state {
            GrantState::Approved { .. } | GrantState::Activating { .. } | GrantState::Active { .. } => true,
            GrantState::Ending { activated_at, .. } | GrantState::Ended { activated_at, .. } => activated_at.is_some(),
        }
    }

    /// The evidence that emergency access was taken.
    pub fn break_glass_used(&self, because: &str, now: Timestamp) -> AuditEvent {
        self.event(AuditAction::BreakGlassUsed, &self.subject, now).because(because).with("role", self.role.to_string())
    }

    /// The evidence that somebody looked at it.
    pub fn break_glass_reviewed(&self, review: &Reviewed) -> AuditEvent {
        let event = self.event(AuditAction::BreakGlassReviewed, &review.by, review.at);
        event.because(review.note.clone()).with("verdict", review.verdict.word())
    }
}
