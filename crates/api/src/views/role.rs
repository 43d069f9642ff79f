//! What may be asked for, on the wire.

use super::StageView;
use curfew_domain::{ActionName, RoleName, Seconds};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A role that the caller may ask for, and what it would take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: RoleName,
    /// What it is for; empty when the policy does not say.
    pub description: String,
    /// What it can give; a resource may be a pattern.
    pub scope: Vec<RoleScopeView>,
    /// The shortest time.
    #[schema(value_type = u32)]
    pub min_duration_seconds: Seconds,
    /// The time when nothing is said.
    #[schema(value_type = u32)]
    pub default_duration_seconds: Seconds,
    /// The longest time.
    #[schema(value_type = u32)]
    pub max_duration_seconds: Seconds,
    /// `automatic` or `stages`.
    pub approval: String,
    /// Who has to say yes, in order; empty when it is automatic.
    pub stages: Vec<StageView>,
    /// What the reason must be like; null when anything goes.
    pub justification: Option<JustificationView>,
    /// The bundles that it is in.
    #[schema(value_type = Vec<String>)]
    pub bundles: Vec<RoleName>,
    /// What else it wants to be told.
    pub inputs: Vec<RoleInputView>,
}

/// Something a role wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleInputView {
    /// What it is called.
    pub name: String,
    /// `string`, `integer`, `boolean` or `enum`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What to ask a person; empty when the policy does not say.
    pub prompt: String,
    /// Whether it has to be given.
    pub required: bool,
    /// What an `enum` may be; empty for the others.
    pub values: Vec<String>,
    /// Characters a `string` may have; null for the others.
    pub max_length: Option<u32>,
}

/// One line of a role's scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleScopeView {
    /// A resource, or a pattern of resources.
    pub resource: String,
    /// What may be done there.
    #[schema(value_type = Vec<String>)]
    pub actions: Vec<ActionName>,
}

/// What a reason must be like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JustificationView {
    /// Whether it may be left out.
    pub required: bool,
    /// Characters it must have.
    pub min_length: u32,
    /// What it must match as a whole.
    pub pattern: Option<String>,
}
