//! The signed word that what a run was given is gone: a DSSE envelope around an in-toto statement, for others to keep.
//!
//! What stands in a statement stays as it is: it is read years later, with nothing but the key. A change of meaning is another
//! [`RUN_ATTESTATION`].

use super::request::scope_view;
use super::{ArtefactView, LeftoverView, ResourceActionsView, SubjectView};
use curfew_domain::audit::{Envelope, EnvelopeSignature};
use curfew_domain::lease::Evidence;
use curfew_domain::{
    ActionName, Approval, EndCause, Grant, GrantState, Id, Lease, Request, ResourceName, RoleName, Run, RunEnd,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What an in-toto statement calls itself (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>).
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// What Curfew's statements about runs are. A name, not an address.
pub const RUN_ATTESTATION: &str = "https://curfew.dev/attestation/run/v1";

/// A DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttestationView {
    /// `application/vnd.in-toto+json`.
    pub payload_type: String,
    /// The statement: base64 of the JSON of a `StatementView`.
    pub payload: String,
    /// One, by the key that signs the audit log's checkpoints: `GET /audit/key`.
    pub signatures: Vec<AttestationSignatureView>,
}

/// A signature of a DSSE envelope: Ed25519 over `DSSEv1 28 application/vnd.in-toto+json LENGTH PAYLOAD`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttestationSignatureView {
    /// The vkey without the key itself: `<name>+<key id in hex>`.
    pub keyid: String,
    /// Base64.
    pub sig: String,
}

impl From<Envelope> for AttestationView {
    fn from(envelope: Envelope) -> Self {
        let signature = |EnvelopeSignature { keyid, sig }| AttestationSignatureView { keyid, sig };
        let signatures = envelope.signatures.into_iter().map(signature).collect();
        Self { payload_type: envelope.payload_type, payload: envelope.payload, signatures }
    }
}

/// An in-toto statement about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementView {
    /// `https://in-toto.io/Statement/v1`.
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// The commit that the run's token names (`gitCommit`) and the images and plans that its client hashed (`sha256`); where
    /// there is none of these, the run itself (`sha256` of the RFC 8785 JSON of `id`, `issuer`, `number` and `provider`).
    pub subject: Vec<StatementSubjectView>,
    /// `https://curfew.dev/attestation/run/v1`.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    pub predicate: RunAttestationView,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementSubjectView {
    /// For people.
    pub name: String,
    /// Its hashes, in hex, by their algorithms.
    pub digest: BTreeMap<String, String>,
}

/// That a run is over, what was given with it, and how the end of each is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunAttestationView {
    /// The run.
    pub run: AttestedRunView,
    /// Whether, of everything that was given with the run, every target was read after the end and shows no access. If not,
    /// the grants say which was not, and why.
    pub all_verified_gone: bool,
    /// What was given, oldest first.
    pub grants: Vec<AttestedGrantView>,
    /// How many more were given, which whoever asked for this may not see; `all_verified_gone` speaks of them too.
    pub grants_withheld: u64,
    /// Where it all stands in the audit log.
    pub audit: AttestedLogView,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttestedRunView {
    /// `run_...`.
    #[schema(value_type = String)]
    pub id: Id<Run>,
    /// `github`, `gitlab`, ...
    pub provider: String,
    /// As its provider counts it.
    pub number: String,
    /// The server's name for who vouched; the address stands in the subject's id.
    pub issuer: String,
    /// The workload whose client began it.
    pub subject: SubjectView,
    /// Its repository, branch, commit and whatever else its token said that people know a run by.
    pub claims: BTreeMap<String, String>,
    /// `over`.
    pub state: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Timestamp,
    /// When it was over.
    #[schema(value_type = String, format = DateTime)]
    pub over_at: Timestamp,
    /// `finished`, `silent` or `provider_ended`.
    #[schema(value_type = String)]
    pub over_because: RunEnd,
}

/// A grant that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttestedGrantView {
    /// `grt_...`.
    #[schema(value_type = String)]
    pub id: Id<Grant>,
    /// The request it came from.
    #[schema(value_type = String)]
    pub request_id: Id<Request>,
    /// The role.
    #[schema(value_type = String)]
    pub role: RoleName,
    /// Whose it was.
    pub subject: SubjectView,
    /// What it gave.
    pub scope: Vec<ResourceActionsView>,
    /// The content hash of the policy set it was decided under.
    pub policy_version: String,
    /// Who said yes, oldest first; nobody where policy alone gave it.
    pub approvals: Vec<AttestedApprovalView>,
    /// What was presented when it was claimed, and how that is known.
    pub artefacts: Vec<ArtefactView>,
    /// When it was claimed; null when it never was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub activated_at: Option<Timestamp>,
    /// When access had ended.
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
    /// Why it ended.
    #[schema(value_type = String)]
    pub end_cause: EndCause,
    /// Whether every target was read after the end and shows no access.
    pub verified: bool,
    /// Why not, and what may still be open; null when it is verified.
    pub unverified_because: Option<String>,
    /// What was made in targets, oldest first; nothing when it was never claimed.
    pub leases: Vec<AttestedLeaseView>,
}

/// Somebody's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttestedApprovalView {
    /// Who.
    pub approver: SubjectView,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The stage it counted in.
    pub stage: String,
    /// To which request: that of the grant, or one for more time.
    #[schema(value_type = String)]
    pub request_id: Id<Request>,
}

/// What was made in a target, and how it is known to be gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttestedLeaseView {
    /// `lse_...`.
    #[schema(value_type = String)]
    pub id: Id<Lease>,
    /// On what.
    #[schema(value_type = String)]
    pub resource: ResourceName,
    /// The kind of connector.
    pub connector: String,
    /// What it gave there.
    #[schema(value_type = Vec<String>)]
    pub actions: Vec<ActionName>,
    /// Its name in the target, which no other has had or will have.
    pub handle: String,
    /// `revoked`; `locked_out` while what the subject left behind is still being cleared.
    pub state: String,
    /// Whether the target was read after the end and shows no access.
    pub verified: bool,
    /// When it was read, or given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub verified_at: Option<Timestamp>,
    /// What may outlive the end in such a target.
    pub residual_exposure: Vec<String>,
    /// What the subject had left behind.
    pub leftovers: Vec<LeftoverView>,
}

/// A checkpoint of the audit log that covers every end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttestedLogView {
    /// How many events it has.
    pub tree_size: u64,
    /// The root hash over them, in hex.
    pub root_hash: String,
    /// The same as a signed note, by the same key.
    pub checkpoint: String,
}

impl AttestedGrantView {
    /// Of a grant, its leases and who said yes; none while it has not ended.
    pub fn new(grant: &Grant, leases: &[Lease], approvals: &[(Id<Request>, Approval)]) -> Option<Self> {
        let (end_cause, activated_at, evidence) = match &grant.state {
            GrantState::Ended { cause, activated_at, evidence, .. } => (*cause, *activated_at, evidence),
            GrantState::Approved { .. }
            | GrantState::Activating { .. }
            | GrantState::Active { .. }
            | GrantState::Ending { .. } => return None,
        };
        let unverified_because = match evidence {
            Evidence::Read { .. } => None,
            Evidence::Unread { because, .. } => Some(because.clone()),
        };
        Some(Self {
            id: grant.id,
            request_id: grant.request_id,
            role: grant.role.clone(),
            subject: SubjectView::from(&grant.subject),
            scope: scope_view(&grant.scope),
            policy_version: grant.policy_version.clone(),
            approvals: approvals.iter().map(AttestedApprovalView::from).collect(),
            artefacts: grant.presented.iter().map(ArtefactView::from).collect(),
            activated_at,
            ended_at: evidence.at(),
            end_cause,
            verified: unverified_because.is_none(),
            unverified_because,
            leases: leases.iter().map(AttestedLeaseView::from).collect(),
        })
    }
}

impl From<&(Id<Request>, Approval)> for AttestedApprovalView {
    fn from((request_id, approval): &(Id<Request>, Approval)) -> Self {
        Self {
            approver: SubjectView::from(&approval.approver),
            at: approval.at,
            stage: approval.stage.clone(),
            request_id: *request_id,
        }
    }
}

impl From<&Lease> for AttestedLeaseView {
    fn from(lease: &Lease) -> Self {
        Self {
            id: lease.id,
            resource: lease.resource.clone(),
            connector: lease.connector.clone(),
            actions: lease.actions.clone(),
            handle: lease.handle(),
            state: lease.state.word().to_owned(),
            verified: matches!(lease.evidence(), Some(Evidence::Read { .. })),
            verified_at: lease.evidence().map(Evidence::at),
            residual_exposure: lease.residual_exposure.clone(),
            leftovers: lease.leftovers().iter().map(LeftoverView::from).collect(),
        }
    }
}
