//! What goes over the wire, and the client that sends it.
//!
//! The server and the command line agree here and nowhere else: both compile against these types, and the
//! OpenAPI document is generated from them.
//!
//! **Invariant:** nothing here decides anything. A view is made from a domain value and holds what a script may
//! rely on; a body is bounded and refuses what it does not know.

pub mod bodies;
pub mod client;
pub mod error;
pub mod queries;
pub mod views;

mod input;
mod serde_seconds;

pub use bodies::{
    ActivateBody, ApproveBody, ArtefactBody, AskBody, BeatBody, Bounded, BundleBody, DenyBody, ExtendBody, HostBody,
    HostReportBody, HostSessionBody, NarrowBody, OutOfBounds, PolicyApplyBody, PresentedBody, PublicHalfBody,
    ReviewBody, RevocationBody, RevokeBody, RotateBody, SignInBody, WorkloadSignInBody,
};
pub use client::{Client, ClientError, Download, EventStream, IdempotencyKey, ProofKey};
pub use error::{ErrorBody, ErrorCode, ErrorView};
pub use input::InputBody;
pub use queries::{
    AboutResource, AuditFrom, AuditSearch, ConsistencyOf, GrantsQuery, OfResource, ProofOf, RequestsQuery, RunsQuery,
    WhichGrants, WhichRequests, WhichRuns,
};
pub use views::{
    ActionView, ActivationView, ApprovalView, ArtefactView, AttestationSignatureView, AttestationView,
    AttestedApprovalView, AttestedGrantView, AttestedLeaseView, AttestedLogView, AttestedRunView, AuditEventView,
    AuditKeyView, AuthoritiesView, AuthorityView, BundlePartView, BundleView, CheckpointView, ConnectionView,
    ConnectorView, ConsistencyView, DecisionView, DeniedPartView, DoctorView, EndOrderedView, ExtendsView, FindingView,
    GrantView, HeldUpView, HostDutiesView, HostTokenView, JustificationView, LeaseView, LedgerMarkView, LeftoverView,
    Listing, MoreTimeView, NarrowedView, PolicyAppliedState, PolicyAppliedView, PolicyFileView, PolicySourceView,
    PolicyTouchedView, PolicyView, Powers, PrivilegeView, ProofView, RUN_ATTESTATION, ReasonView, RequestGrantView,
    RequestStageView, RequestView, ResourceActionsView, ReviewView, RoleInputView, RoleScopeView, RoleView,
    RunAttestationView, RunStateView, RunView, STATEMENT, SettingView, SignInMethodsView, SignedInView, StageView,
    StandingView, StatementSubjectView, StatementView, SubjectView, WantedHalfView, WhoAmIView, WorkloadIssuerView,
    WorkloadSignedInView,
};

/// The path under which everything here is served.
pub const PREFIX: &str = "/api/v1";
/// Items of a page when nothing is said.
pub const PAGE_DEFAULT: u32 = 100;
/// Items of a page at most.
pub const PAGE_MOST: u32 = 1_000;
