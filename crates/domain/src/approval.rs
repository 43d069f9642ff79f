//! One person's verdict on one request, as it was said.

use crate::artefact::Artefact;
use crate::names::{ActionName, GroupName};
use crate::subject::{Identity, Subject};
use crate::time::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What one person said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// What an approver took away. Nothing can be added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// At most this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<Seconds>,
    /// These actions only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<BTreeSet<ActionName>>,
}

/// One person's verdict on one request digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub approver: Subject,
    /// Yes or no.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
    /// Why, as typed.
    #[serde(default)]
    pub reason: String,
    /// The stage it counts in.
    pub stage: String,
    /// What was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrowed: Option<Narrowed>,
    /// What the run has to present; nothing is given to one that presents another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artefact: Option<Artefact>,
    /// The digest of the request that was seen.
    pub digest: String,
    /// The groups the approver's sign-in asserted, so that their authority can be checked again.
    #[serde(default)]
    pub groups: BTreeSet<GroupName>,
}

impl Approval {
    /// The approver as they were signed in when they said so.
    pub fn identity(&self) -> Identity {
        Identity { subject: self.approver.clone(), groups: self.groups.clone() }
    }
}
