//! What exactly was approved, and what was presented.

use curfew_domain::{Artefact, ArtefactKind, Presented, PresentedArtefact};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A commit, image or plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtefactView {
    /// `commit`, `image` or `plan`.
    #[schema(value_type = String)]
    pub kind: ArtefactKind,
    /// Its hash, in hex.
    pub value: String,
    /// How a run presented it: `token`, `measured` or `claimed`; null where an approver named it.
    #[schema(value_type = Option<String>)]
    pub by: Option<Presented>,
}

impl From<&Artefact> for ArtefactView {
    fn from(artefact: &Artefact) -> Self {
        Self { kind: artefact.kind, value: artefact.value().to_owned(), by: None }
    }
}

impl From<&PresentedArtefact> for ArtefactView {
    fn from(presented: &PresentedArtefact) -> Self {
        Self { by: Some(presented.by), ..Self::from(&presented.artefact) }
    }
}
