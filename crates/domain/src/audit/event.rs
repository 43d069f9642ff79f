//! One line of evidence.

use crate::grant::Grant;
use crate::id::Id;
use crate::lease::Lease;
use crate::request::Request;
use crate::subject::Subject;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A value inside an event: integers and texts, and lists and maps of them. There are no floats,
/// booleans or nulls, so that every implementation of RFC 8785 writes the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Detail {
    /// A whole number within ±(2^53 - 1), which every JSON reader keeps exactly.
    Integer(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Detail>),
    /// A map.
    Map(BTreeMap<String, Detail>),
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Detail {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// A value that an event cannot hold: a float, or a number beyond ±(2^53 - 1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot stand in an audit event")]
pub struct NotADetail(pub String);

impl TryFrom<serde_json::Value> for Detail {
    type Error = NotADetail;

    /// Nulls inside maps are left out, elsewhere they and booleans are refused.
    fn try_from(value: serde_json::Value) -> Result<Self, NotADetail> {
        use serde_json::Value;
        const SAFE: i64 = (1 << 53) - 1;
        match value {
            Value::Number(n) => match n.as_i64() {
                Some(i) if (-SAFE..=SAFE).contains(&i) => Ok(Self::Integer(i)),
                _ => Err(NotADetail(n.to_string())),
            },
            Value::String(text) => Ok(Self::Text(text)),
            Value::Array(items) => Ok(Self::List(items.into_iter().map(Self::try_from).collect::<Result<_, _>>()?)),
            Value::Object(map) => map
                .into_iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| Ok((k, Self::try_from(v)?)))
                .collect::<Result<_, _>>()
                .map(Self::Map),
            Value::Bool(_) | Value::Null => Err(NotADetail(value.to_string())),
        }
    }
}

impl From<Detail> for serde_json::Value {
    fn from(detail: Detail) -> Self {
        match detail {
            Detail::Integer(i) => i.into(),
            Detail::Text(text) => text.into(),
            Detail::List(items) => items.into_iter().map(Self::from).collect::<Vec<_>>().into(),
            Detail::Map(map) => Self::Object(map.into_iter().map(|(k, v)| (k, v.into())).collect()),
        }
    }
}

/// Everything that is worth a line of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each variant says what its printed name says")]
pub enum AuditAction {
    #[serde(rename = "request.created")]
    RequestCreated,
    #[serde(rename = "request.approved")]
    RequestApproved,
    #[serde(rename = "request.denied")]
    RequestDenied,
    #[serde(rename = "request.withdrawn")]
    RequestWithdrawn,
    #[serde(rename = "request.escalated")]
    RequestEscalated,
    #[serde(rename = "request.lapsed")]
    RequestLapsed,
    #[serde(rename = "request.refused")]
    RequestRefused,
    #[serde(rename = "approval.given")]
    ApprovalGiven,
    #[serde(rename = "grant.approved")]
    GrantApproved,
    #[serde(rename = "grant.activating")]
    GrantActivating,
    #[serde(rename = "grant.activation_failed")]
    GrantActivationFailed,
    #[serde(rename = "grant.activated")]
    GrantActivated,
    #[serde(rename = "grant.extending")]
    GrantExtending,
    #[serde(rename = "grant.extended")]
    GrantExtended,
    #[serde(rename = "grant.ending")]
    GrantEnding,
    #[serde(rename = "grant.ended")]
    GrantEnded,
    #[serde(rename = "lease.wanted")]
    LeaseWanted,
    #[serde(rename = "lease.issuing")]
    LeaseIssuing,
    #[serde(rename = "lease.issued")]
    LeaseIssued,
    #[serde(rename = "lease.extending")]
    LeaseExtending,
    #[serde(rename = "lease.extended")]
    LeaseExtended,
    #[serde(rename = "lease.revoking")]
    LeaseRevoking,
    #[serde(rename = "lease.locked_out")]
    LeaseLockedOut,
    #[serde(rename = "lease.revoked")]
    LeaseRevoked,
    #[serde(rename = "lease.overdue")]
    LeaseOverdue,
    #[serde(rename = "run.began")]
    RunBegan,
    #[serde(rename = "run.triggered")]
    RunTriggered,
    #[serde(rename = "run.over")]
    RunOver,
    #[serde(rename = "target.drift")]
    TargetDrift,
    #[serde(rename = "policy.applied")]
    PolicyApplied,
    #[serde(rename = "policy.refused")]
    PolicyRefused,
    #[serde(rename = "policy.rollback_asked")]
    PolicyRollbackAsked,
    #[serde(rename = "sign_in.accepted")]
    SignInAccepted,
    #[serde(rename = "sign_in.refused")]
    SignInRefused,
    #[serde(rename = "token.refused")]
    TokenRefused,
    #[serde(rename = "break_glass.used")]
    BreakGlassUsed,
    #[serde(rename = "break_glass.reviewed")]
    BreakGlassReviewed,
    #[serde(rename = "audit.exported")]
    AuditExported,
    #[serde(rename = "key.made")]
    KeyMade,
    #[serde(rename = "notice.given_up")]
    NoticeGivenUp,
    #[serde(rename = "server.started")]
    ServerStarted,
    #[serde(rename = "host.enrolled")]
    HostEnrolled,
    #[serde(rename = "host.removed")]
    HostRemoved,
}

impl AuditAction {
    /// The printed name: `request.created`.
    pub fn as_str(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(_) | Err(_) => String::new(),
        }
    }
}

/// What happened, before it has its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When, by Curfew's clock.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Subject,
    /// What was done.
    pub action: AuditAction,
    /// Whose access it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// The request it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Id<Request>>,
    /// The grant it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<Id<Grant>>,
    /// The lease it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_id: Option<Id<Lease>>,
    /// Why, in a sentence. Text that people typed stands here as typed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// The policy version it was decided under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<String>,
    /// Facts of this kind of event. A transition puts the new state under `after`, so that replaying
    /// the events gives the state.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Detail>,
}

impl AuditEvent {
    /// An event with nothing but its time, actor and action.
    pub fn new(at: Timestamp, actor: Subject, action: AuditAction) -> Self {
        Self {
            at,
            actor,
            action,
            subject: None,
            request_id: None,
            grant_id: None,
            lease_id: None,
            because: String::new(),
            policy_version: None,
            details: BTreeMap::new(),
        }
    }

    /// The same event with a reason.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.because = why.into();
        self
    }

    /// The same event with one more fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Detail>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }
}

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedEvent {
    /// Its place, from 0, without gaps.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: AuditEvent,
    /// The RFC 6962 leaf hash, in hex, of the canonical bytes of `seq` and the event.
    pub leaf_hash: String,
}
