//! How one signs in here, for whoever has not yet.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What anybody may know before signing in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInMethodsView {
    /// Whether `login --as` works, from loopback.
    pub development: bool,
    /// Who may vouch for the jobs of pipelines.
    pub workloads: Vec<WorkloadIssuerView>,
}

/// One that vouches for the jobs of pipelines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadIssuerView {
    /// This server's name for it.
    pub name: String,
    /// `github`, `gitlab`, ...
    pub kind: String,
    /// For whom its tokens have to be.
    pub audience: String,
}
