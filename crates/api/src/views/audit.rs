//! Evidence, on the wire. The bytes that are hashed are those of an export, not these.

use super::SubjectView;
use curfew_domain::audit::{AuditAction, SealedEvent};
use curfew_domain::{Grant, Id, Lease, Request, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One line of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEventView {
    /// Its place, from 0.
    pub seq: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who did it.
    pub actor: SubjectView,
    /// What was done: `request.created`, ...
    #[schema(value_type = String)]
    pub action: AuditAction,
    /// Whose access it is about.
    pub subject: Option<SubjectView>,
    /// The request it is about.
    #[schema(value_type = Option<String>)]
    pub request_id: Option<Id<Request>>,
    /// The grant it is about.
    #[schema(value_type = Option<String>)]
    pub grant_id: Option<Id<Grant>>,
    /// The lease it is about.
    #[schema(value_type = Option<String>)]
    pub lease_id: Option<Id<Lease>>,
    /// Why.
    pub because: String,
    /// The policy version it was decided under.
    pub policy_version: Option<String>,
    /// Facts of this kind of event.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
    /// The RFC 6962 leaf hash, in hex.
    pub leaf_hash: String,
}

impl From<&SealedEvent> for AuditEventView {
    fn from(sealed: &SealedEvent) -> Self {
        let event = &sealed.event;
        let details = event.details.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
        Self {
            seq: sealed.seq,
            at: event.at,
            actor: SubjectView::from(&event.actor),
            action: event.action,
            subject: event.subject.as_ref().map(SubjectView::from),
            request_id: event.request_id,
            grant_id: event.grant_id,
            lease_id: event.lease_id,
            because: event.because.clone(),
            policy_version: event.policy_version.clone(),
            details: serde_json::Value::Object(details),
            leaf_hash: sealed.leaf_hash.clone(),
        }
    }
}

/// The key that checkpoints are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditKeyView {
    /// A C2SP vkey, as `audit verify --key` takes it.
    pub key: String,
}

/// How the log stands, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckpointView {
    /// A C2SP signed note.
    pub checkpoint: String,
}

/// That one event is in the log (RFC 6962, section 2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofView {
    /// The event's place.
    pub seq: u64,
    /// Its leaf hash, in hex.
    pub leaf_hash: String,
    /// The size of the log that it is proven in.
    pub tree_size: u64,
    /// The audit path, in hex, from the leaf up.
    pub hashes: Vec<String>,
    /// The signed note over that size.
    pub checkpoint: String,
}

/// That one size of the log grew from another (RFC 6962, section 2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsistencyView {
    /// The smaller size.
    pub old: u64,
    /// The larger size.
    pub new: u64,
    /// The proof, in hex.
    pub hashes: Vec<String>,
}
