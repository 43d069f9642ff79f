//! What SSH hosts must trust and refuse, on the wire.

use curfew_domain::ResourceName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One certificate authority that the hosts of a resource must trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthorityView {
    /// The resource it opens, and no other.
    #[schema(value_type = String)]
    pub resource: ResourceName,
    /// Which of the resource's authorities, from 1.
    pub number: u32,
    /// The line for `TrustedUserCAKeys`.
    pub public_key: String,
}

/// The authorities of one resource, or of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthoritiesView {
    /// Oldest first; several of one resource stand during a rotation.
    pub authorities: Vec<AuthorityView>,
}

/// An OpenSSH key revocation list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevocationListView {
    /// Its bytes, base 64 with padding.
    pub krl: String,
}
