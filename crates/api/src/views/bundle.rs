//! Several roles under one ask, on the wire.

use super::{DecisionView, RequestView};
use curfew_domain::RoleName;
use curfew_domain::request::Origin;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A bundle of which the caller may ask for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BundleView {
    /// What to ask for.
    #[schema(value_type = String)]
    pub name: RoleName,
    /// Its roles, each decided by its own rules.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<RoleName>,
}

/// What became of one role of a bundle: the request itself, or what policy said to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum BundlePartView {
    /// A request like any other, of origin `bundle`.
    Asked(Box<RequestView>),
    /// Policy denies it: there is no request.
    Denied(Box<DeniedPartView>),
}

/// A role of a bundle that policy denies. `id` is null, because what policy refuses becomes no request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeniedPartView {
    /// Null.
    pub id: Option<String>,
    /// `denied`.
    pub state: String,
    /// The role.
    #[schema(value_type = String)]
    pub role: RoleName,
    /// `bundle`.
    #[schema(value_type = String)]
    pub origin: Origin,
    /// Why.
    pub decision: DecisionView,
}
