//! Time-bound authority, on the wire.

use super::request::scope_view;
use super::{ArtefactView, LeaseView, ResourceActionsView, RunView, SubjectView};
use curfew_domain::lease::Evidence;
use curfew_domain::request::Origin;
use curfew_domain::review::{Review, ReviewVerdict};
use curfew_domain::{
    EndCause, Grant, GrantState, Id, Lease, LeaseState, Request, ResourceName, RoleName, Seconds, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A grant as it stands, with every lease ever made under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantView {
    /// `grt_...`.
    #[schema(value_type = String)]
    pub id: Id<Grant>,
    /// The request it came from.
    #[schema(value_type = String)]
    pub request_id: Id<Request>,
    /// The pipeline's run it lives with; null for people.
    pub run: Option<RunView>,
    /// `approved`, `activating`, `active`, `ending` or `ended`.
    pub state: String,
    /// The role.
    #[schema(value_type = String)]
    pub role: RoleName,
    /// Whose it is.
    pub subject: SubjectView,
    /// `asked`, `trigger`, `break_glass` or `bundle`.
    #[schema(value_type = String)]
    pub origin: Origin,
    /// What it gives, after every approver's narrowing.
    pub scope: Vec<ResourceActionsView>,
    /// What was presented when it was claimed, and how that is known.
    pub artefacts: Vec<ArtefactView>,
    /// How long, from activation.
    #[schema(value_type = u32)]
    pub duration_seconds: Seconds,
    /// Until when it may be claimed; null once it is.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub claim_until: Option<Timestamp>,
    /// When it was claimed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub activated_at: Option<Timestamp>,
    /// When access ends by itself; null until it is claimed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// How often it was given more time.
    pub extensions: u32,
    /// The later end that its targets are being given; `expires_at` counts until they were read back.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub extends_to: Option<Timestamp>,
    /// The request for more time that was just made; null in every other answer.
    pub more_time: Option<MoreTimeView>,
    /// Where its review stands; null unless it is emergency access.
    pub review: Option<ReviewView>,
    /// When access had ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Why it ends or ended.
    #[schema(value_type = Option<String>)]
    pub end_cause: Option<EndCause>,
    /// Who ordered its end; null while nobody has, and in listings.
    pub end_ordered: Option<EndOrderedView>,
    /// Whether every target was read after the end and shows no access.
    pub verified: bool,
    /// Why the end could not be verified, and what may still be open.
    pub unverified_because: Option<String>,
    /// What was made in targets, oldest first.
    pub leases: Vec<LeaseView>,
}

/// Where the review of emergency access stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviewView {
    /// `ok` or `misuse`; null while nobody has looked.
    #[schema(value_type = Option<String>)]
    pub verdict: Option<ReviewVerdict>,
    /// By when somebody should look; null once somebody has.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
    /// Who looked.
    pub by: Option<SubjectView>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// What they had to say, as typed.
    pub note: Option<String>,
}

impl From<&Review> for ReviewView {
    fn from(review: &Review) -> Self {
        match review {
            Review::Due { by } => Self { verdict: None, due_at: Some(*by), by: None, at: None, note: None },
            Review::Done(done) => Self {
                verdict: Some(done.verdict),
                due_at: None,
                by: Some(SubjectView::from(&done.by)),
                at: Some(done.at),
                note: Some(done.note.clone()),
            },
        }
    }
}

/// A request for more time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoreTimeView {
    /// `req_...`: what approvers see and decide.
    #[schema(value_type = String)]
    pub request_id: Id<Request>,
    /// `pending` while people have to say yes, `approved` when it is given.
    pub state: String,
    /// How long the grant would last in all, from its activation.
    #[schema(value_type = u32)]
    pub duration_seconds: Seconds,
    /// Who could decide its first stage.
    pub approvers: Vec<String>,
}

/// An order to end a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndOrderedView {
    /// Who gave it; Curfew itself when the time was over.
    pub by: SubjectView,
    /// Why, as typed.
    pub because: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// What a client needs to connect, besides the secret that it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionView {
    /// To what.
    #[schema(value_type = String)]
    pub resource: ResourceName,
    /// The kind of target.
    pub connector: String,
    /// `host`, `port`, `user`, `certificate`, ...: none of it secret.
    pub connection: BTreeMap<String, String>,
}

/// What activating a grant takes for one resource: a public half of this kind. The client makes the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WantedHalfView {
    /// For which resource.
    #[schema(value_type = String)]
    pub resource: ResourceName,
    /// The kind of target.
    pub connector: String,
    /// What the connector asks for: `scram_sha_256`, `ssh_public_key`, ...
    pub kind: String,
}

/// An activated grant, and how to connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivationView {
    /// The grant.
    pub grant: GrantView,
    /// One for each live lease.
    pub connections: Vec<ConnectionView>,
}

/// The facts of a state, laid side by side.
struct Facts {
    claim_until: Option<Timestamp>,
    activated_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    extends_to: Option<Timestamp>,
    end_cause: Option<EndCause>,
    evidence: Option<Evidence>,
}

impl Facts {
    fn of(state: &GrantState) -> Self {
        let none = Self {
            claim_until: None,
            activated_at: None,
            expires_at: None,
            extends_to: None,
            end_cause: None,
            evidence: None,
        };
        match state.clone() {
            GrantState::Approved { claim_until } => Self { claim_until: Some(claim_until), ..none },
            GrantState::Activating { activated_at, until, .. } => {
                Self { activated_at: Some(activated_at), expires_at: Some(until), ..none }
            }
            GrantState::Active { activated_at, until, extends_to } => {
                Self { activated_at: Some(activated_at), expires_at: Some(until), extends_to, ..none }
            }
            GrantState::Ending { cause, activated_at, until, .. } => {
                Self { activated_at, expires_at: until, end_cause: Some(cause), ..none }
            }
            GrantState::Ended { cause, activated_at, until, evidence } => {
                Self { activated_at, expires_at: until, end_cause: Some(cause), evidence: Some(evidence), ..none }
            }
        }
    }
}

impl GrantView {
    /// Of a grant and its leases; leases of other grants are left out.
    pub fn new(grant: &Grant, leases: &[Lease]) -> Self {
        let facts = Facts::of(&grant.state);
        let unverified_because = match &facts.evidence {
            Some(Evidence::Unread { because, .. }) => Some(because.clone()),
            Some(Evidence::Read { .. }) | None => None,
        };
        Self {
            id: grant.id,
            request_id: grant.request_id,
            run: grant.lives_with.as_ref().map(|lives| RunView::from(&lives.key)),
            state: grant.state_word().to_owned(),
            role: grant.role.clone(),
            subject: SubjectView::from(&grant.subject),
            origin: grant.origin,
            scope: scope_view(&grant.scope),
            artefacts: grant.presented.iter().map(ArtefactView::from).collect(),
            duration_seconds: grant.duration,
            claim_until: facts.claim_until,
            activated_at: facts.activated_at,
            expires_at: facts.expires_at,
            extensions: grant.extensions,
            extends_to: facts.extends_to,
            more_time: None,
            review: None,
            ended_at: facts.evidence.as_ref().map(Evidence::at),
            end_cause: facts.end_cause,
            end_ordered: None,
            verified: matches!(facts.evidence, Some(Evidence::Read { .. })),
            unverified_because,
            leases: leases.iter().filter(|l| l.grant_id == grant.id).map(LeaseView::from).collect(),
        }
    }
}

impl From<&Request> for MoreTimeView {
    fn from(request: &Request) -> Self {
        Self {
            request_id: request.id,
            state: request.state_word().to_owned(),
            duration_seconds: request.duration,
            approvers: request.decision.approvers.clone(),
        }
    }
}

impl ActivationView {
    /// Of an activated grant and its leases.
    pub fn new(grant: &Grant, leases: &[Lease]) -> Self {
        let connections = leases.iter().filter(|l| l.grant_id == grant.id).filter_map(connection).collect();
        Self { grant: GrantView::new(grant, leases), connections }
    }
}

fn connection(lease: &Lease) -> Option<ConnectionView> {
    match &lease.state {
        LeaseState::Live { connection, .. } => Some(ConnectionView {
            resource: lease.resource.clone(),
            connector: lease.connector.clone(),
            connection: connection.clone(),
        }),
        LeaseState::Wanted
        | LeaseState::Issuing { .. }
        | LeaseState::Revoking { .. }
        | LeaseState::LockedOut { .. }
        | LeaseState::Revoked { .. } => None,
    }
}
