//! What a program on an SSH host asks and reports, implemented by the SSH connector. The server
//! carries it over HTTP without knowing what it means.

use super::BoxFuture;
use super::connector::{CallError, LedgerMark};
use curfew_domain::{ResourceName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One certificate authority that a host of the resource must trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// The resource it opens, and no other.
    pub resource: ResourceName,
    /// Which of the resource's authorities, from 1. Several stand during a rotation.
    pub number: u32,
    /// The line for `TrustedUserCAKeys`.
    pub public_key: String,
}

/// What a host has to do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDuties {
    /// The lines for `TrustedUserCAKeys`.
    pub authorities: Vec<Authority>,
    /// The OpenSSH key revocation list, base 64.
    pub revocation_list: String,
    /// Certificate serials whose sessions must end.
    pub end_serials: Vec<u64>,
    /// Principal (`cf:<resource>:<action>`) to the accounts of the host it may enter.
    pub principals: BTreeMap<String, Vec<String>>,
    /// Seconds until the host should ask again at the latest.
    pub poll_seconds: u32,
    /// How far the ledger has come. The host keeps it, and says it with each report.
    pub mark: LedgerMark,
}

/// One session on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSession {
    /// The serial of the certificate it was opened with.
    pub serial: u64,
    /// The host's process id of the sshd that serves it.
    pub pid: u32,
    /// The account it runs as.
    pub account: String,
    /// The key id of the certificate, which begins with the marker; empty when the host does not know it.
    #[serde(default)]
    pub key_id: String,
}

/// What a host saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// SHA-256, in hex, of the revocation list that sshd reads there now.
    pub revocation_list_sha256: String,
    /// Every open session of ours.
    pub sessions: Vec<HostSession>,
    /// When it looked, by its own clock.
    pub at: Timestamp,
    /// How far the ledger had come when the host last did as it was told; none before the first time.
    #[serde(default)]
    pub mark: Option<LedgerMark>,
}

/// The desk where SSH hosts ask and report.
pub trait HostDesk: Send + Sync {
    /// The authorities of one resource, or of all.
    fn authorities<'a>(
        &'a self,
        resource: Option<&'a ResourceName>,
    ) -> BoxFuture<'a, Result<Vec<Authority>, CallError>>;
    /// The key revocation list of one resource, or of all together.
    fn revocation_list<'a>(&'a self, resource: Option<&'a ResourceName>) -> BoxFuture<'a, Result<Vec<u8>, CallError>>;
    /// A host's report, answered with its duties. The caller has authenticated the host.
    fn sync<'a>(
        &'a self,
        resource: &'a ResourceName,
        host: &'a str,
        report: HostReport,
    ) -> BoxFuture<'a, Result<HostDuties, CallError>>;
    /// Makes the next authority of a resource; the one before stays trusted for the overlap.
    fn rotate<'a>(&'a self, resource: &'a ResourceName) -> BoxFuture<'a, Result<Vec<Authority>, CallError>>;
}
