//! Where hosts ask what to do and say what they see.

use super::connector::Ssh;
use super::desk::{Desk, Seen};
use super::public_key::ed25519_blob;
use super::revocation_list::{self, Section};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use curfew_domain::ResourceName;
use curfew_engine::keyring::NumberedKey;
use curfew_engine::seams::connector::{CallError, LedgerMark};
use curfew_engine::seams::host_desk::{Authority, HostDuties, HostReport};
use curfew_engine::seams::{BoxFuture, HostDesk};
use futures::future::{Either, select};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

/// How long a host that is up to date is kept waiting for something to do.
const LONG_POLL: Duration = Duration::from_secs(4);
/// When a host asks again at the latest. Seconds.
const POLL_SECONDS: u32 = 1;
/// Most sessions in one report.
const SESSIONS: usize = 10_000;
const TEXT_BYTES: usize = 1_024;

impl HostDesk for Ssh {
    fn authorities<'a>(
        &'a self,
        resource: Option<&'a ResourceName>,
    ) -> BoxFuture<'a, Result<Vec<Authority>, CallError>> {
        Box::pin(async move {
            let mut authorities = Vec::new();
            for resource in self.asked(resource).await? {
                authorities.extend(self.authority_lines(&resource).await?);
            }
            Ok(authorities)
        })
    }

    fn revocation_list<'a>(&'a self, resource: Option<&'a ResourceName>) -> BoxFuture<'a, Result<Vec<u8>, CallError>> {
        Box::pin(async move { self.list_of(&self.asked(resource).await?).await })
    }

    fn sync<'a>(
        &'a self,
        resource: &'a ResourceName,
        host: &'a str,
        report: HostReport,
    ) -> BoxFuture<'a, Result<HostDuties, CallError>> {
        Box::pin(self.sync_host(resource, host, report))
    }

    fn rotate<'a>(&'a self, resource: &'a ResourceName) -> BoxFuture<'a, Result<Vec<Authority>, CallError>> {
        Box::pin(async move {
            let desk = self.known(resource).await?;
            self.next_signer(resource).await?;
            desk.duties_changed();
            self.authority_lines(resource).await
        })
    }
}

impl Ssh {
    /// The resource that was asked about, if it is known; all of them when none was named.
    async fn asked(&self, resource: Option<&ResourceName>) -> Result<Vec<ResourceName>, CallError> {
        match resource {
            Some(resource) => {
                self.known(resource).await?;
                Ok(vec![resource.clone()])
            }
            None => super::facts::resources(&*self.store)
                .await
                .map_err(|error| CallError::Unreachable { resource: "ssh".to_owned(), message: error.to_string() }),
        }
    }

    /// The desk of a resource that was prepared at some time. Names that nobody ever defined make no authority.
    async fn known(&self, resource: &ResourceName) -> Result<std::sync::Arc<Desk>, CallError> {
        let desk = self.desk(resource).await?;
        match desk.lock().settings.is_some() {
            true => {}
            false => return Err(CallError::Invalid(format!("{resource} is no SSH resource in force"))),
        }
        Ok(desk)
    }

    async fn sync_host(
        &self,
        resource: &ResourceName,
        host: &str,
        report: HostReport,
    ) -> Result<HostDuties, CallError> {
        check(&report)?;
        let desk = self.known(resource).await?;
        self.check_mark(resource, (&desk, host), report.mark.as_ref()).await?;
        let list = report.revocation_list_sha256.clone();
        let open: BTreeSet<u64> = report.sessions.iter().map(|s| s.serial).collect();
        let mut changes = desk.duties.subscribe();
        let seen = Seen { report, wall: self.clock.wall(), monotonic: self.clock.monotonic() };
        desk.lock().hosts.insert(host.to_owned(), seen);
        desk.reported();
        let mut patience = self.clock.sleep(LONG_POLL);
        loop {
            let (duties, sha256) = self.duties(resource, &desk).await?;
            let digest = digest(&duties);
            let idle = {
                let mut state = desk.lock();
                let nothing_new = state.served.insert(host.to_owned(), digest) == Some(digest);
                nothing_new && list == sha256 && !duties.end_serials.iter().any(|s| open.contains(s))
            };
            if !idle {
                return Ok(duties);
            }
            match select(pin!(changes.changed()), patience).await {
                Either::Left((_, rest)) => patience = rest,
                Either::Right(_) => return Ok(duties),
            }
        }
    }

    /// The duties of each host of a resource, and the revocation list's hash.
    async fn duties(&self, resource: &ResourceName, desk: &Desk) -> Result<(HostDuties, String), CallError> {
        let keys: Vec<NumberedKey> = self.trusted(resource).await?;
        let authorities = self.authority_lines(resource).await?;
        let mark = self.mark(resource).await?;
        let mut state = desk.lock();
        let serials: BTreeSet<u64> = state.refused.keys().copied().collect();
        let section = |k: &NumberedKey| Section { authority: ed25519_blob(&k.key.verifying_key()), serials: &serials };
        let list = revocation_list::encode(&keys.iter().map(section).collect::<Vec<_>>());
        let sha256 = hex::encode(Sha256::digest(&list));
        // Under the same lock, so that what is remembered of the list is what stands in it.
        state.giving(&sha256);
        let principals = state.settings.as_ref().map(|s| s.principals(resource)).unwrap_or_default();
        let duties = HostDuties {
            authorities,
            revocation_list: STANDARD.encode(list),
            end_serials: serials.into_iter().collect(),
            principals,
            poll_seconds: POLL_SECONDS,
            mark,
        };
        Ok((duties, sha256))
    }
}

fn check(report: &HostReport) -> Result<(), CallError> {
    let long = |s: &curfew_engine::seams::host_desk::HostSession| s.account.len().max(s.key_id.len()) > TEXT_BYTES;
    let hash = &report.revocation_list_sha256;
    let hash_fits = hash.is_empty() || (hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    let mark_fits = report.mark.as_ref().is_none_or(|mark| mark.leaf_hash.len() <= TEXT_BYTES);
    if report.sessions.len() > SESSIONS || report.sessions.iter().any(long) || !hash_fits || !mark_fits {
        return Err(CallError::Invalid("the report is too large, or its hash is none".to_owned()));
    }
    Ok(())
}

/// Of what there is to do; that the ledger has grown is no duty.
fn digest(duties: &HostDuties) -> [u8; 32] {
    let duties = HostDuties { mark: LedgerMark::default(), ..duties.clone() };
    let text = serde_json::to_vec(&duties).expect("INVARIANT: plain structs serialize");
    Sha256::digest(text).into()
}
