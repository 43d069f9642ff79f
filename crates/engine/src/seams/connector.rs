//! The plug to one kind of target. Calls and answers are plain data, so that a connector can run near its
//! target, away from the server.

use super::BoxFuture;
use curfew_domain::connector::ConnectorKind;
use curfew_domain::lease::{Definition, Evidence, Leftover};
use curfew_domain::{ActionName, Id, Lease, ResourceName, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One target as a call sees it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The resource's name in policy; connections may be kept under it.
    pub resource: ResourceName,
    /// Reference to the way in, and settings.
    pub definition: Definition,
    /// The way in for Curfew's own account, resolved. Absent where the kind needs none.
    pub admin: Option<SecretString>,
    /// Which Curfew this is: 16 lower-case hex digits, made once with the ledger. Part of every marker.
    pub installation: String,
    /// The fencing epoch. A target that has seen a higher one refuses the effect.
    pub epoch: u64,
    /// How far the ledger has come. Whatever makes access tells the target so, with the access itself.
    pub mark: LedgerMark,
}

/// A place in the ledger's log. Targets are told how far it had come, so that a server which is started on an older
/// copy of its ledger finds out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct LedgerMark {
    /// The place of an event.
    pub seq: u64,
    /// Its RFC 6962 leaf hash, in hex.
    pub leaf_hash: String,
}

/// What a target remembers of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    /// The furthest place each part of it was told.
    pub marks: Vec<LedgerMark>,
    /// Parts of it that could not be asked, each a sentence.
    pub silent: Vec<String>,
}

/// What every object we make in a target bears: `curfew:<installation>:<lease>:<expiry as Unix seconds>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Which Curfew made it.
    pub installation: String,
    /// For which lease.
    pub lease: Id<Lease>,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl std::fmt::Display for Marker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "curfew:{}:{}:{}", self.installation, self.lease, self.expires_at.as_unix_seconds())
    }
}

impl Marker {
    /// Reads a marker; none when the text is not exactly one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("curfew:")?.split(':');
        let (installation, lease, seconds) = (parts.next()?, parts.next()?, parts.next()?);
        let marker = Self {
            installation: installation.to_owned(),
            lease: lease.parse().ok()?,
            expires_at: Timestamp::from_millis(seconds.parse::<i64>().ok()?.checked_mul(1_000)?),
        };
        (parts.next().is_none() && marker.to_string() == text).then_some(marker)
    }
}

/// The public half of a secret that the subject's client made and keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicHalf {
    /// `scram_sha_256`, `ssh_public_key`, ...; must be the kind the connector asks for.
    pub kind: String,
    /// The half itself. It is input: the connector parses it strictly and rebuilds it.
    pub value: String,
}

/// Make this access, idempotently by its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IssueOrder {
    /// The lease. The name in the target is [`curfew_domain::lease::handle`] of it.
    pub lease: Id<Lease>,
    /// What to give.
    pub actions: Vec<ActionName>,
    /// Written into the target as its own expiry, translated to the target's clock.
    pub expires_at: Timestamp,
    /// Now, by the engine's clock; `expires_at` minus this is what is left.
    pub now: Timestamp,
    /// What the subject will prove it has.
    pub public_half: PublicHalf,
    /// Who it is for, for the target's own logs: an e-mail or an id, already safe to print.
    pub label: String,
}

impl IssueOrder {
    /// The marker of what it makes.
    pub fn marker(&self, target: &Target) -> Marker {
        Marker { installation: target.installation.clone(), lease: self.lease, expires_at: self.expires_at }
    }
}

/// What was made, read back from the target and equal to the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// The target's own identifier (a PostgreSQL oid, a certificate serial).
    pub locator: String,
    /// What a client needs to connect besides its secret: `host`, `port`, `user`, `certificate`, ...
    pub connection: BTreeMap<String, String>,
}

/// Let what stands there last longer. The intent is committed, and nothing later was ever ordered for the lease.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExtendOrder {
    /// The lease.
    pub lease: Id<Lease>,
    /// The target's own identifier.
    pub locator: String,
    /// What it gives.
    pub actions: Vec<ActionName>,
    /// What its client was given to connect with.
    pub connection: BTreeMap<String, String>,
    /// Its new end.
    pub expires_at: Timestamp,
    /// Now, by the engine's clock; `expires_at` minus this is what is left.
    pub now: Timestamp,
    /// Who it is for, for the target's own logs: an e-mail or an id, already safe to print.
    pub label: String,
}

impl ExtendOrder {
    /// The marker of what it makes of it.
    pub fn marker(&self, target: &Target) -> Marker {
        Marker { installation: target.installation.clone(), lease: self.lease, expires_at: self.expires_at }
    }
}

/// End this access, whatever its state: live, half made, renamed, already gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RevokeOrder {
    /// The lease.
    pub lease: Id<Lease>,
    /// The target's own identifier, unless the issue was interrupted.
    pub locator: Option<String>,
    /// What it gave.
    pub actions: Vec<ActionName>,
    /// Its end as the ledger has it.
    pub expires_at: Timestamp,
    /// Since when it was there: what was made in the target before cannot be its leftover.
    pub since: Timestamp,
    /// Now, by the engine's clock.
    pub now: Timestamp,
    /// How far to go.
    pub reach: Reach,
}

/// How far a revocation goes. Clearing what a subject left behind can take as long as the subject wishes, so
/// nobody else's end waits for it: it has a lane of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nobody gets in or is still in; and all of it where nothing was left behind. Otherwise `LockedOut`.
    Access,
    /// Everything, leftovers too.
    Leftovers,
}

/// What a revocation came to. The order of the variants is the order in which access ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Revocation {
    /// Nobody gets in or is still in; leftovers are still being cleared. Call again.
    LockedOut {
        /// How that is known.
        evidence: Evidence,
        /// What still stands in the way, for a person.
        because: String,
    },
    /// Nothing is left.
    Revoked {
        /// How that is known.
        evidence: Evidence,
        /// What the subject had left behind, and what was done about it.
        leftovers: Vec<Leftover>,
    },
}

/// Something in the target that bears a marker of ours, or one of our names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its name there.
    pub name: String,
    /// Its own identifier there.
    pub locator: String,
    /// Its marker, if it bears one that parses.
    pub marker: Option<Marker>,
    /// Whether anybody gets in with it, or is in.
    pub access: Access,
}

/// Whether something in a target lets anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// A new login would succeed, or a session is open.
    Open,
    /// Neither.
    Locked,
}

/// What a look at a target shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Everything that bears a marker, or one of our names.
    pub found: Vec<Found>,
    /// Where what we keep there (group roles, settings) differs from policy; each a sentence. New
    /// grants there stop until it is gone.
    pub drift: Vec<String>,
    /// The target's clock minus ours, in milliseconds; 0 where it has none.
    pub clock_offset_millis: i64,
    /// The highest fencing epoch the target has seen.
    pub epoch: u64,
}

/// One thing that was looked at before trusting a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// How it stands.
    pub standing: Standing,
    /// What was seen, and for a failure what to do.
    pub message: String,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Right.
    Ok,
    /// Works, but somebody should know.
    Warning,
    /// The target is refused until it is mended.
    Failed,
}

/// Why a call to a target did not give an answer. Messages never hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "details", rename_all = "snake_case")]
pub enum CallError {
    /// Nothing listens, or nothing answers. The effect did not happen, or may have: look.
    #[error("{resource} cannot be reached: {message}")]
    Unreachable {
        /// Which resource.
        resource: String,
        /// What the network said.
        message: String,
    },
    /// The target said no; nothing was changed.
    #[error("{resource} refused: {message}")]
    Refused {
        /// Which resource.
        resource: String,
        /// What it said, and what to do.
        message: String,
    },
    /// The answer was lost: it may have happened.
    #[error("the answer of {resource} was lost: {message}")]
    Lost {
        /// Which resource.
        resource: String,
        /// What happened.
        message: String,
    },
    /// The target has seen a server with a higher epoch.
    #[error("{resource} has been served by a newer server (epoch {seen}); this one (epoch {ours}) must not touch it")]
    StaleEpoch {
        /// Which resource.
        resource: String,
        /// The target's epoch.
        seen: u64,
        /// Ours.
        ours: u64,
    },
    /// The order itself is wrong: an unknown action, a public half that is none.
    #[error("{0}")]
    Invalid(String),
    /// An object of our name is not ours: another installation's marker, another oid. It was not touched.
    #[error("{resource}: {message}; it was not touched")]
    NotOurs {
        /// Which resource.
        resource: String,
        /// What stands there.
        message: String,
    },
}

/// The plug to one kind of target. Every call may be repeated at any time and is bounded in time by the
/// connector itself. Batches are orders that arrived together; each is answered by itself, in order.
pub trait Connector: Send + Sync {
    /// What there is to know without calling.
    fn kind(&self) -> &'static ConnectorKind;

    /// Whether the target can be trusted with access: privileges, versions, clock. Changes nothing.
    fn preflight<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Vec<Finding>>;

    /// Makes what Curfew keeps in a target (group roles, its own schema) as the settings say, records the
    /// epoch there, and is done before the first issue. Repeatable.
    fn prepare<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>>;

    /// Answers when the target does; changes nothing. What a circuit breaker probes with.
    fn probe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>>;

    /// Makes access: expiry first, the right to log in last, then reads it back. Issuing a lease that
    /// stands there exactly as ordered is success.
    fn issue<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [IssueOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>>;

    /// Gives what stands there a later end, then reads it back. Only what still lets its subject in is extended: what
    /// was locked, ended or is over stays so. What stands there with that end already is success.
    fn extend<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [ExtendOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>>;

    /// Takes access away: logins first, then sessions, then what was left behind, then looks.
    fn revoke<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [RevokeOrder],
    ) -> BoxFuture<'a, Vec<Result<Revocation, CallError>>>;

    /// Reads everything of ours in the target. Changes nothing.
    fn observe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Observation, CallError>>;

    /// What the target remembers of the ledger. Changes nothing.
    fn told<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Told, CallError>>;

    /// Tells the target how far the ledger has come; what it was told before is forgotten. A target that is told
    /// whenever it asks needs nothing here.
    fn tell<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>>;

    /// The ledger is an older copy of the one that this target was told of, and goes on from there: closes what only
    /// the lost part of it knew, as far as [`Connector::lock`] cannot find it, and tells the target of this ledger.
    fn begin_again<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>>;

    /// Locks (never removes) something that bears our marker and that the ledger does not know.
    fn lock<'a>(&'a self, target: &'a Target, found: &'a Found) -> BoxFuture<'a, Result<(), CallError>>;
}
