//! The policy in force, on the wire.

use curfew_domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The policy in force, where it comes from, and its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// Which set it is: `CONTENT`, or `COMMIT:CONTENT` when it was read from git.
    pub policy_version: String,
    /// The commit it was read from.
    pub commit: Option<String>,
    /// The content hash of its files, in hex.
    pub content: String,
    /// Which environment this server is.
    pub environment: Option<String>,
    /// `folder` or `git`.
    pub source: PolicySourceView,
    /// The folder, or the address of the repository.
    pub from: String,
    /// The branch that is followed.
    pub branch: Option<String>,
    /// When the repository was last reached.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reached_at: Option<Timestamp>,
    /// Why nothing new is given, while the policy in force may be older than it is allowed to be.
    pub stale: Option<String>,
    /// Why what is in the repository is not in force.
    pub trouble: Option<String>,
    /// Its files.
    pub files: Vec<PolicyFileView>,
}

/// Where policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicySourceView {
    /// A folder of the server's machine.
    Folder,
    /// A branch of a git repository.
    Git,
}

/// One file of a policy set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyFileView {
    /// Its path, relative to the policy folder.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// What became of putting a policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyAppliedView {
    /// How it stands.
    pub state: PolicyAppliedState,
    /// The version that is in force now.
    pub policy_version: String,
    /// The commit it was read from.
    pub commit: Option<String>,
    /// The version that was in force before.
    pub before: String,
    /// While it waits: who has to say yes still.
    pub missing: Vec<String>,
    /// Live grants that it would no longer give.
    pub live_grants: Vec<PolicyTouchedView>,
}

/// How putting a policy in force stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyAppliedState {
    /// It is in force, and was not before.
    Applied,
    /// It was in force already.
    Unchanged,
    /// Others have to say yes to going back.
    Waiting,
}

/// A live grant that a policy would no longer give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyTouchedView {
    /// The grant.
    pub id: String,
    /// Its role.
    pub role: String,
    /// Whose it is.
    pub subject: String,
    /// `ended`, or `kept` to its end.
    pub effect: String,
}
