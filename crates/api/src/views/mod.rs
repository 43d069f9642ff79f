//! What a script may rely on: each noun as it is printed. Optional facts that are missing are printed as null.

mod artefact;
mod attestation;
mod audit;
mod bundle;
mod connector;
mod decision;
mod doctor;
mod grant;
mod lease;
mod listing;
mod policy;
mod request;
mod role;
mod run;
mod sign_in_methods;
mod ssh;
mod subject;

pub use artefact::ArtefactView;
pub use attestation::{
    AttestationSignatureView, AttestationView, AttestedApprovalView, AttestedGrantView, AttestedLeaseView,
    AttestedLogView, AttestedRunView, RUN_ATTESTATION, RunAttestationView, STATEMENT, StatementSubjectView,
    StatementView,
};
pub use audit::{AuditEventView, AuditKeyView, CheckpointView, ConsistencyView, ProofView};
pub use bundle::{BundlePartView, BundleView, DeniedPartView};
pub use connector::{ActionView, ConnectorView, PrivilegeView, SettingView};
pub use decision::{DecisionView, ReasonView, StageView};
pub use doctor::{DoctorView, FindingView, StandingView};
pub use grant::{ActivationView, ConnectionView, EndOrderedView, GrantView, MoreTimeView, ReviewView, WantedHalfView};
pub use lease::{HeldUpView, LeaseView, LeftoverView};
pub use listing::Listing;
pub use policy::{
    PolicyAppliedState, PolicyAppliedView, PolicyFileView, PolicySourceView, PolicyTouchedView, PolicyView,
};
pub use request::{
    ApprovalView, ExtendsView, NarrowedView, RequestGrantView, RequestStageView, RequestView, ResourceActionsView,
};
pub use role::{JustificationView, RoleInputView, RoleScopeView, RoleView};
pub use run::{RunStateView, RunView, WorkloadSignedInView};
pub use sign_in_methods::{SignInMethodsView, WorkloadIssuerView};
pub use ssh::{AuthoritiesView, AuthorityView, HostDutiesView, HostTokenView, LedgerMarkView};
pub use subject::{Powers, SignedInView, SubjectView, WhoAmIView};
