//! A change of state together with its evidence.

use crate::audit::{AuditEvent, Detail};
use serde::{Deserialize, Serialize};

/// How often a noun has changed. 0 is "does not exist yet"; a ledger refuses a transition whose `from`
/// is not what it holds, so a lost update cannot be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// Of a noun that does not exist yet.
    pub const NONE: Version = Version(0);

    /// From a ledger's number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A noun that a ledger keeps one row of.
pub trait Noun: Serialize + Clone {
    /// How often it has changed.
    fn version(&self) -> Version;
    /// Sets the version; only [`Transition::new`] calls it.
    fn set_version(&mut self, version: Version);
}

/// One step of one noun: what it was, what it is now, and the event that says so. The only way to write
/// state, so that a change without evidence does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a transition does nothing until a ledger has committed it"]
pub struct Transition<T> {
    /// The version it was made from.
    pub from: Version,
    /// The noun after the step; its version is `from` plus one.
    pub next: T,
    /// The evidence; the new state stands in its details under `after`.
    pub event: AuditEvent,
}

impl<T: Noun> Transition<T> {
    /// A step to `next`, whose version is still that of the noun it was made from.
    pub fn new(mut next: T, mut event: AuditEvent) -> Self {
        let from = next.version();
        next.set_version(from.next());
        let after = serde_json::to_value(&next).expect("INVARIANT: nouns serialize to JSON");
        let after = Detail::try_from(after).expect("INVARIANT: nouns hold only integers, texts, lists and maps");
        event.details.insert("after".to_owned(), after);
        Self { from, next, event }
    }
}
