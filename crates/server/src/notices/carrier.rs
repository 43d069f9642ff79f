//! One way out, as the courier sees it.

use super::told::Told;
use curfew_engine::seams::BoxFuture;
use curfew_engine::seams::store::Notice;
use std::time::Duration;

/// Where a notice goes: all mail goes through one server, each webhook is a place of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// The mail server.
    Mail,
    /// The webhook of this name.
    Webhook(String),
}

impl Way {
    /// The way of a notice; none when its channel is one this version does not know.
    pub(super) fn of(notice: &Notice) -> Option<Self> {
        match notice.channel.as_str() {
            "email" => Some(Self::Mail),
            "webhook" => Some(Self::Webhook(notice.to.clone())),
            _ => None,
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mail => f.write_str("the mail server"),
            Self::Webhook(name) => write!(f, "the webhook {name}"),
        }
    }
}

/// A receiver that asks for more is asked again after this.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// Why a notice was not handed over. Messages hold neither a secret nor a webhook's path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Undelivered {
    /// Nobody takes anything there now: whatever else goes the same way waits too.
    #[error("{0}")]
    Nobody(String),
    /// Nobody takes anything there now, and they said for how long.
    #[error("{why}, and asks to be left alone for {} s", .wait.as_secs())]
    Later {
        /// What was answered.
        why: String,
        /// How long they asked for, at most [`LONGEST_WAIT`].
        wait: Duration,
    },
    /// This notice was not taken; others may be.
    #[error("{0}")]
    This(String),
    /// The receiver wants nothing any more (410 Gone).
    #[error("the receiver answered 410: it wants nothing any more")]
    Gone,
}

/// Hands notices over. One call is one try; the courier bounds its time and repeats it.
pub(super) trait Carrier: Send + Sync {
    /// Hands one notice over.
    fn carry<'a>(&'a self, notice: &'a Notice, told: &'a Told) -> BoxFuture<'a, Result<(), Undelivered>>;
}
