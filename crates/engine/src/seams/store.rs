//! The ledger: state, evidence, and what is to be sent, changed together or not at all.

use super::BoxFuture;
use curfew_domain::audit::{AuditEvent, SealedEvent};
use curfew_domain::{
    BeatId, Email, Grant, Id, Identity, Lease, Request, Run, RunKey, Subject, Timestamp, Transition, WorkloadToken,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that can be written. A commit takes a list of these; all of it becomes durable, or nothing.
#[derive(Debug, Clone)]
pub enum Change {
    /// A step of a request.
    Request(Box<Transition<Request>>),
    /// A step of a grant.
    Grant(Box<Transition<Grant>>),
    /// A step of a lease.
    Lease(Box<Transition<Lease>>),
    /// A step of a run. At most one run of a key is live, and none begins of a key that its provider has ended. It is not
    /// over while it has a beat, unless its provider says so; then they go with it.
    ///
    /// While a run is over, or the beat is gone that they live with, the ledger takes no step that makes a request, makes
    /// a grant of one, claims it or gives it more time: [`CommitError::Conflict`].
    Run(Box<Transition<Run>>),
    /// A client of a live run begins to beat. Refused when the run is not live, or has that beat.
    Beat(Box<Beat>),
    /// A client was heard of. Refused when the beat is gone, or is another key's. Nothing makes the time earlier.
    BeatHeard {
        /// Of which run.
        run: Id<Run>,
        /// Which client.
        beat: BeatId,
        /// The thumbprint of the key that its call has proved.
        owner: String,
        /// When it will have been silent for too long.
        until: Timestamp,
    },
    /// A client is done, or has been silent for too long. Refused when the run would live on without any: the last client's
    /// commit says that the run is over, too.
    BeatOver {
        /// Of which run.
        run: Id<Run>,
        /// Which client.
        beat: BeatId,
    },
    /// The provider says that this run of its own has ended: no run of that key begins again. Again, it changes nothing.
    RunEndedByProvider {
        /// Which.
        key: RunKey,
        /// When that was heard.
        at: Timestamp,
    },
    /// Evidence without a state of its own: refusals, sign-ins, policy versions.
    Event(Box<AuditEvent>),
    /// Something to send: stays until it was sent.
    Notice(Notice),
    /// A notice was handed over; it leaves the outbox.
    NoticeSent(String),
    /// A notice could not be handed over; try again then.
    NoticeLater {
        /// Which.
        id: String,
        /// How often it was tried.
        attempts: u32,
        /// When to try again.
        next_at: Timestamp,
    },
    /// An Idempotency-Key was used for this request. A second commit with the same key is refused with
    /// [`CommitError::KeyUsed`].
    RequestKey {
        /// SHA-256 over subject and key, in hex.
        key: String,
        /// What it made.
        request: Id<Request>,
    },
    /// Somebody signed in.
    Session(Box<Session>),
    /// A workload's token was exchanged. With the same key again it changes nothing; with another key the commit is refused
    /// with [`CommitError::Conflict`], so that of two who present one token at one moment a single one gets in.
    TokenUsed(TokenUse),
    /// A sign-in was given up.
    SessionEnded {
        /// SHA-256 of the token, in hex.
        token_hash: String,
    },
    /// In a commit of its own: what is of no use any more is removed, at most a thousand of a kind: sign-ins that were over before
    /// `sessions_before`, the workloads' tokens that nobody could exchange since then, the keys of requests made before
    /// `keys_before`, and what providers said before then of runs that ended. Runs and events stay for ever.
    Prune {
        /// Sign-ins and workloads' tokens that were over by then go.
        sessions_before: Timestamp,
        /// Idempotency keys of requests made before then go.
        keys_before: Timestamp,
    },
    /// A signing key, sealed. Written once per name and number.
    Key(SealedKey),
    /// A named fact about the installation itself, replaced whole: `installation`, `policy`, `host_token/...`.
    Fact {
        /// Its name.
        name: String,
        /// Its value; none removes it.
        value: Option<String>,
    },
}

/// Something to send, in the outbox until it was sent. At least once, with a stable id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable id, also the webhook's and the mail's message id.
    pub id: String,
    /// `email` or `webhook`.
    pub channel: String,
    /// An address, or a webhook's name.
    pub to: String,
    /// What happened: `requested`, `approved`, `denied`, `activated`, `ending_soon`, `ended`, `overdue`, ...
    pub about: String,
    /// The facts to tell, rendered when sent. No secret.
    pub data: serde_json::Value,
    /// When it was written.
    pub created_at: Timestamp,
    /// When to try next.
    pub next_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

/// A sign-in. The token itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// SHA-256 of the token, in hex.
    pub token_hash: String,
    /// Who.
    pub subject: Subject,
    /// The groups the issuer asserted.
    pub groups: std::collections::BTreeSet<curfew_domain::GroupName>,
    /// When.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// What a machine's sign-in is bound to; none for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<BoundToken>,
}

/// That a workload's token was exchanged, and for whom. The token itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    /// SHA-256 over its issuer and its `jti`, or over its issuer and its text where it has none, in hex.
    pub token_id: String,
    /// The RFC 7638 thumbprint, in base 64, of the key it was exchanged for.
    pub key_thumbprint: String,
    /// From then on no exchange takes it anyway.
    pub until: Timestamp,
}

/// A workload's token that was exchanged for a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundToken {
    /// What it said.
    pub token: WorkloadToken,
    /// The RFC 7638 thumbprint, in base 64, of the key that each call has to prove.
    pub key_thumbprint: String,
}

/// A client of a run that has to be heard of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Of which run.
    pub run: Id<Run>,
    /// Which client.
    pub beat: BeatId,
    /// The thumbprint of the key that its calls prove: nobody else keeps it alive or ends it.
    pub owner: String,
    /// What its own job's token said; another job of the run may have another.
    pub token: WorkloadToken,
    /// When it will have been silent for too long.
    pub until: Timestamp,
}

/// A signing key, sealed with a key that is not in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKey {
    /// What it is for: `checkpoint`, `ssh/hosts/web`.
    pub name: String,
    /// Which of that name, from 1; a rotation adds one.
    pub number: u32,
    /// The ed25519 public key, in hex.
    pub public: String,
    /// The sealed seed, in hex.
    pub sealed: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a commit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The events of the commit with their places, in the order of the changes.
    pub events: Vec<SealedEvent>,
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Somebody else changed it first: load again and decide again.
    #[error("{0} was changed by somebody else at the same moment")]
    Conflict(String),
    /// The Idempotency-Key made this request before.
    #[error("the idempotency key was used for {0}")]
    KeyUsed(Id<Request>),
    /// The ledger cannot be written: disk full, broken, stopping.
    #[error("the ledger cannot be written: {0}")]
    Unavailable(String),
}

/// Why nothing could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot be read: {0}")]
pub struct ReadError(pub String);

/// A page of a listing, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Begin after this id (128 bits); from the newest when absent.
    pub before: Option<u128>,
    /// At most this many.
    pub limit: usize,
}

/// Which requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Only this subject's.
    pub subject: Option<curfew_domain::SubjectId>,
    /// Only in this state (`pending`, ...).
    pub state: Option<&'static str>,
    /// Only what lives with this run.
    pub run: Option<Id<Run>>,
}

/// Which grants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantFilter {
    /// Only this subject's.
    pub subject: Option<curfew_domain::SubjectId>,
    /// Only those with this resource in scope.
    pub resource: Option<curfew_domain::ResourceName>,
    /// Only those of this role.
    pub role: Option<curfew_domain::RoleName>,
    /// Only what lives with this run.
    pub run: Option<Id<Run>>,
    /// Whether ended ones are listed too.
    pub ended: Ended,
}

/// Which runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those of this number, whoever its provider is.
    pub number: Option<String>,
    /// Whether those that are over are listed too.
    pub over: Over,
}

/// Whether runs that are over are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Over {
    /// Only live ones.
    #[default]
    Left,
    /// Everything.
    Listed,
}

/// Whether ended grants are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ended {
    /// Only what may still give access, or could.
    #[default]
    Left,
    /// Everything.
    Listed,
}

/// What is due at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Pending requests whose time is over.
    pub requests: Vec<Request>,
    /// Grants whose time to be claimed, or whose access, is over.
    pub grants: Vec<Grant>,
    /// Clients of runs that were silent for too long.
    pub beats: Vec<Beat>,
    /// When the next thing falls due after that, if any.
    pub next_at: Option<Timestamp>,
}

/// What is not over, as it was at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open {
    /// Every lease that is not `Revoked`.
    pub leases: Vec<Lease>,
    /// Every grant that is not `Ended`.
    pub grants: Vec<Grant>,
}

/// The ledger. [`Store::commit`] is the only writer.
pub trait Store: Send + Sync {
    /// Writes all changes in one durable transaction with their audit leaves, in order, each transition only
    /// if the ledger holds its `from`. Callers that commit at the same moment share one sync; a commit
    /// that denies or ends goes before the others of its batch. The future may be dropped: the commit
    /// then happens, or not, as a whole.
    fn commit(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<Committed, CommitError>>;

    /// One request.
    fn request(&self, id: Id<Request>) -> BoxFuture<'_, Result<Option<Request>, ReadError>>;
    /// Who asked, as they were when they asked; unknown requests are left out.
    fn askers<'a>(&'a self, of: &'a [Id<Request>])
    -> BoxFuture<'a, Result<BTreeMap<Id<Request>, Identity>, ReadError>>;
    /// One grant.
    fn grant(&self, id: Id<Grant>) -> BoxFuture<'_, Result<Option<Grant>, ReadError>>;
    /// One lease.
    fn lease(&self, id: Id<Lease>) -> BoxFuture<'_, Result<Option<Lease>, ReadError>>;
    /// These leases, in this order; unknown ones are left out.
    fn leases<'a>(&'a self, ids: &'a [Id<Lease>]) -> BoxFuture<'a, Result<Vec<Lease>, ReadError>>;
    /// Requests, newest first.
    fn requests<'a>(&'a self, filter: &'a RequestFilter, page: Page) -> BoxFuture<'a, Result<Vec<Request>, ReadError>>;
    /// Grants, newest first.
    fn grants<'a>(&'a self, filter: &'a GrantFilter, page: Page) -> BoxFuture<'a, Result<Vec<Grant>, ReadError>>;
    /// Every lease that is not `Revoked` and every grant that is not `Ended`, as they were at one moment.
    fn open(&self) -> BoxFuture<'_, Result<Open, ReadError>>;
    /// Every grant that is not `Ended`.
    fn open_grants(&self) -> BoxFuture<'_, Result<Vec<Grant>, ReadError>>;
    /// Every lease that is not `Revoked`.
    fn open_leases(&self) -> BoxFuture<'_, Result<Vec<Lease>, ReadError>>;
    /// What is due now, at most `limit` of each kind, the longest overdue first.
    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, ReadError>>;

    /// One run.
    fn run(&self, id: Id<Run>) -> BoxFuture<'_, Result<Option<Run>, ReadError>>;
    /// The newest run of a key.
    fn newest_run<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Option<Run>, ReadError>>;
    /// Runs, newest first.
    fn runs<'a>(&'a self, filter: &'a RunFilter, page: Page) -> BoxFuture<'a, Result<Vec<Run>, ReadError>>;
    /// When its provider said that the run of this key has ended.
    fn ended_by_provider<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Option<Timestamp>, ReadError>>;
    /// One client of a run, if it beats.
    fn beat<'a>(&'a self, run: Id<Run>, beat: &'a BeatId) -> BoxFuture<'a, Result<Option<Beat>, ReadError>>;
    /// The clients of a run that beat, by id.
    fn beats(&self, run: Id<Run>) -> BoxFuture<'_, Result<Vec<Beat>, ReadError>>;

    /// Notices to send now, at most `limit`, oldest first.
    fn notices(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Notice>, ReadError>>;
    /// The sign-in of a token's hash, expired or not.
    fn session<'a>(&'a self, token_hash: &'a str) -> BoxFuture<'a, Result<Option<Session>, ReadError>>;
    /// The sign-ins of the person of an address that were not removed yet, over or not, newest first, at most `limit`.
    fn sign_ins_of<'a>(&'a self, email: &'a Email, limit: usize) -> BoxFuture<'a, Result<Vec<Session>, ReadError>>;
    /// The sign-ins of persons that stand at a time, by their end, at most `limit`.
    fn sign_ins(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Session>, ReadError>>;
    /// The sealed keys of a name, by number.
    fn keys<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<SealedKey>, ReadError>>;
    /// The request that was made with a key, while the key is kept.
    fn request_of_key<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Id<Request>>, ReadError>>;
    /// A named fact.
    fn fact<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, ReadError>>;
    /// Every named fact that begins so.
    fn facts<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<BTreeMap<String, String>, ReadError>>;

    /// Events from `from`, at most `limit`, in order.
    fn events(&self, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<SealedEvent>, ReadError>>;
    /// Events about a request, grant or lease (any printed id), in order.
    fn events_about<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<SealedEvent>, ReadError>>;
    /// Size and RFC 6962 root of the audit log.
    fn tree_head(&self) -> BoxFuture<'_, Result<TreeHead, ReadError>>;
    /// The RFC 6962 inclusion proof of an event in the tree of a size; none when there is no such.
    fn inclusion_proof(&self, seq: u64, size: u64) -> BoxFuture<'_, Result<Option<Vec<[u8; 32]>>, ReadError>>;
    /// The RFC 6962 consistency proof between two sizes; none when there is no such.
    fn consistency_proof(&self, old: u64, new: u64) -> BoxFuture<'_, Result<Option<Vec<[u8; 32]>>, ReadError>>;
}

/// The audit log's size and root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// How many events.
    pub size: u64,
    /// The RFC 6962 root hash.
    pub root: [u8; 32],
}
