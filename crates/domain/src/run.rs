//! A run of a pipeline, as its token showed it, and how long it lives.
//!
//! A run lives while one of its clients beats. What its clients claimed for themselves lives with their own beats;
//! what a crew was given lives with the run.

use crate::id::{Id, Identified};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::transition::{Noun, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Which run of which pipeline, as its provider counts them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunKey {
    /// The name this server has for who vouches.
    pub issuer: String,
    /// The kind of issuer, as policy writes it: `github`, `gitlab`, ...
    pub provider: String,
    /// The provider's own id of the run.
    pub number: String,
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} run {}", self.provider, self.number)
    }
}

/// What a verified token said of a workload. It holds nothing that opens anything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkloadToken {
    /// Whose run it is of.
    pub run: RunKey,
    /// Each claim, flattened as `kubernetes.io.namespace`, with its texts.
    pub claims: BTreeMap<String, Vec<String>>,
}

/// One client that says, again and again, that it is still there. 32 lower-case hex digits, made by the client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BeatId(String);

/// The text is no beat's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a beat's id is 32 lower-case hex digits")]
pub struct NotABeatId;

impl BeatId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BeatId {
    type Error = NotABeatId;
    fn try_from(text: String) -> Result<Self, NotABeatId> {
        let sound = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if sound { Ok(Self(text)) } else { Err(NotABeatId) }
    }
}

impl From<BeatId> for String {
    fn from(id: BeatId) -> String {
        id.0
    }
}

impl fmt::Display for BeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a request or grant lives with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LivesWith {
    /// The run.
    pub run: Id<Run>,
    /// As its provider counts it.
    pub key: RunKey,
    /// The one client it lives with; none when it lives while any client of the run does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beat: Option<BeatId>,
}

/// Why a run was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// The last of its clients said so.
    Finished,
    /// None of its clients was heard of for the heartbeat window.
    Silent,
    /// Its provider said so. No run of that key begins again.
    ProviderEnded,
}

/// A run's states. `Over` is final: when its key is heard of again, that is another run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// A client of it beats.
    Live,
    /// None does.
    Over {
        /// Since when.
        at: Timestamp,
        /// Why.
        why: RunEnd,
    },
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: Id<Run>,
    /// How often it has changed.
    pub version: Version,
    /// The workload whose client began it.
    pub subject: Subject,
    /// What its token said.
    pub token: WorkloadToken,
    /// When it began.
    pub began_at: Timestamp,
    /// Where it stands.
    #[serde(flatten)]
    pub state: RunState,
}

impl Identified for Run {
    const PREFIX: &'static str = "run";
}

impl Noun for Run {
    fn version(&self) -> Version {
        self.version
    }
    fn set_version(&mut self, version: Version) {
        self.version = version;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_are_bounded() {
        assert!(BeatId::try_from("0123456789abcdef0123456789abcdef".to_owned()).is_ok());
        for bad in ["", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcde", "g".repeat(32).as_str()]
        {
            assert_eq!(BeatId::try_from(bad.to_owned()), Err(NotABeatId), "{bad}");
        }
    }
}
