//! Who.

use super::RunView;
use curfew_domain::{Email, GroupName, Identity, RunKey, Subject, SubjectId, SubjectKind, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// A person, a workload, or Curfew itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubjectView {
    /// `person`, `workload` or `system`.
    #[schema(value_type = String)]
    pub kind: SubjectKind,
    /// `issuer|sub`.
    #[schema(value_type = String)]
    pub id: SubjectId,
    /// For display and look-up.
    #[schema(value_type = Option<String>)]
    pub email: Option<Email>,
    /// For display.
    pub name: Option<String>,
}

impl SubjectView {
    /// The e-mail if there is one, else the id.
    pub fn label(&self) -> String {
        self.email.as_ref().map_or_else(|| self.id.to_string(), ToString::to_string)
    }
}

impl From<&Subject> for SubjectView {
    fn from(s: &Subject) -> Self {
        Self { kind: s.kind, id: s.id.clone(), email: s.email.clone(), name: s.name.clone() }
    }
}

/// The caller: a subject with what the server knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhoAmIView {
    /// Who.
    #[serde(flatten)]
    pub subject: SubjectView,
    /// The groups that the sign-in asserted, and the policy's own groups that hold the caller.
    #[schema(value_type = Vec<String>)]
    pub groups: Vec<GroupName>,
    /// Whether the policy, or a development server, makes the caller an administrator.
    pub administrator: bool,
    /// Whether the policy, or a development server, lets the caller read everything.
    pub auditor: bool,
    /// When the sign-in is over.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The run that a machine's token was given to; people have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunView>,
}

/// What the policy lets an identity do over other people's things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Powers {
    /// May revoke anything, apply policy, run `doctor`.
    pub administrator: bool,
    /// May read everything.
    pub auditor: bool,
}

impl WhoAmIView {
    /// Of an identity, in these groups.
    pub fn new(
        who: &Identity,
        groups: impl IntoIterator<Item = GroupName>,
        powers: Powers,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            subject: SubjectView::from(&who.subject),
            groups: groups.into_iter().collect(),
            administrator: powers.administrator,
            auditor: powers.auditor,
            expires_at,
            run: None,
        }
    }

    /// Of a machine: with the run its token was given to.
    #[must_use]
    pub fn of_run(self, run: &RunKey) -> Self {
        Self { run: Some(RunView::from(run)), ..self }
    }
}

/// A fresh sign-in. The token is shown once and never printed by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedInView {
    /// What to send as `Authorization: Bearer`.
    pub token: String,
    /// When it is over.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// As whom.
    pub subject: SubjectView,
}

impl fmt::Debug for SignedInView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedInView")
            .field("token", &"[not shown]")
            .field("expires_at", &self.expires_at)
            .field("subject", &self.subject)
            .finish()
    }
}
