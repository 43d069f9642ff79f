//! Runs of pipelines, on the wire.

use super::{GrantView, RequestView, SubjectView};
use curfew_domain::{Id, Run, RunEnd, RunKey, Seconds, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which run of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// `github`, `gitlab`, ...
    pub provider: String,
    /// The provider's id of the run.
    pub id: String,
}

impl From<&RunKey> for RunView {
    fn from(key: &RunKey) -> Self {
        Self { provider: key.provider.clone(), id: key.number.clone() }
    }
}

/// A machine's sign-in. The token is worth nothing without the key that it is bound to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadSignedInView {
    /// What each call carries as `Authorization: DPoP`.
    pub token: String,
    /// When the sign-in is over.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Who it is.
    pub subject: SubjectView,
    /// Whose run the token was given to.
    pub run: RunView,
    /// How long a client may be silent.
    #[schema(value_type = u32)]
    pub heartbeat_window_seconds: Seconds,
}

impl std::fmt::Debug for WorkloadSignedInView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkloadSignedInView").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// A run, with everything that came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStateView {
    /// `run_...`.
    #[schema(value_type = String)]
    pub id: Id<Run>,
    /// As its provider counts it.
    pub run: RunView,
    /// `live` or `over`.
    pub state: String,
    /// The workload whose client began it.
    pub subject: SubjectView,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Timestamp,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub over_at: Option<Timestamp>,
    /// `finished`, `silent` or `provider_ended`.
    #[schema(value_type = Option<String>)]
    pub over_because: Option<RunEnd>,
    /// How long a client may be silent.
    #[schema(value_type = u32)]
    pub heartbeat_window_seconds: Seconds,
    /// Until when it lives if no client of it is heard of again; null when it is over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub silent_at: Option<Timestamp>,
    /// Its repository or project, branch, commit and whatever else its token said that people know a run by.
    pub claims: std::collections::BTreeMap<String, String>,
    /// What was asked by it and for its people, oldest first.
    pub requests: Vec<RequestView>,
    /// What came of that, oldest first.
    pub grants: Vec<GrantView>,
}
