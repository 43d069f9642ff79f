//! What SSH hosts must trust, refuse and do, on the wire.

use curfew_domain::ResourceName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
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

/// A host that may report, with the token it does so with. The token is shown once and never printed by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostTokenView {
    /// The resource whose host it is.
    #[schema(value_type = String)]
    pub resource: ResourceName,
    /// The host, as the resource's settings name it.
    pub host: String,
    /// What it sends as `Authorization: Bearer`.
    pub token: String,
}

impl fmt::Debug for HostTokenView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("HostTokenView");
        shown.field("resource", &self.resource).field("host", &self.host).field("token", &"[not shown]").finish()
    }
}

/// What a host has to do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostDutiesView {
    /// The lines for `TrustedUserCAKeys`.
    pub authorities: Vec<AuthorityView>,
    /// The OpenSSH key revocation list, base 64.
    pub revocation_list: String,
    /// Certificate serials whose sessions must end.
    pub end_serials: Vec<u64>,
    /// Principal to the accounts of the host that it may enter.
    pub principals: BTreeMap<String, Vec<String>>,
    /// Seconds until the host should ask again at the latest.
    pub poll_seconds: u32,
    /// How far the ledger has come. The host keeps it, and says it with each report.
    pub mark: LedgerMarkView,
}

/// A place in the ledger's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerMarkView {
    /// The place of an event.
    pub seq: u64,
    /// Its RFC 6962 leaf hash, in hex.
    pub leaf_hash: String,
}
