//! Ending certificates: refused first, then what every host says.

use super::certificate::serial;
use super::connector::{KEPT_AFTER_EXPIRY, Ssh};
use super::desk::{Desk, OnHost, State};
use super::facts::{self, Refused};
use super::settings::{Settings, is_same_host};
use curfew_domain::lease::Evidence;
use curfew_domain::limits::LONGEST_GRANT;
use curfew_domain::{ResourceName, Timestamp};
use curfew_engine::seams::connector::{CallError, Found, Revocation, RevokeOrder, Target};
use futures::future::{Either, select};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How long a revocation waits for the hosts' reports. They ask every second at the latest.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// A host that has been silent for this long is not waited for.
pub(super) const SILENT_AFTER: Duration = Duration::from_secs(10);

/// The hosts that a certificate of a resource may open.
pub(super) struct Hosts {
    /// Those that have a token, and so report.
    pub(super) watched: Vec<String>,
    /// Those that do not.
    pub(super) unwatched: Vec<String>,
}

impl Ssh {
    /// Refuses all serials in one commit, then waits once for all hosts.
    pub(super) async fn revoke_all(
        &self,
        target: &Target,
        orders: &[RevokeOrder],
    ) -> Vec<Result<Revocation, CallError>> {
        match self.refuse_and_wait(target, orders).await {
            Ok((desk, hosts)) => orders.iter().map(|order| self.verdict(target, &desk, &hosts, order)).collect(),
            Err(error) => vec![Err(error); orders.len()],
        }
    }

    async fn refuse_and_wait(&self, target: &Target, orders: &[RevokeOrder]) -> Result<(Arc<Desk>, Hosts), CallError> {
        let resource = &target.resource;
        let epoch = self.check_epoch(target).await;
        if let Err(stale @ CallError::StaleEpoch { .. }) = epoch {
            return Err(stale);
        }
        let desk = self.desk(resource).await?;
        let ends = orders.iter().map(|o| (serial(o.lease), o.expires_at)).collect();
        // The hosts are told even when the ledger fails: then nothing is answered for, but access ends.
        self.refuse(resource, &desk, ends).await?;
        epoch?;
        let hosts = self.hosts(target, &desk).await?;
        let mut reports = desk.reports.subscribe();
        let mut patience = self.clock.sleep(PATIENCE);
        while !self.settled(&desk, &hosts, orders) {
            match select(pin!(reports.changed()), patience).await {
                Either::Left((_, rest)) => patience = rest,
                Either::Right(_) => break,
            }
        }
        Ok((desk, hosts))
    }

    /// Puts serials on the revocation list: at once for the hosts, and durably before it returns.
    async fn refuse(
        &self,
        resource: &ResourceName,
        desk: &Desk,
        ends: BTreeMap<u64, Timestamp>,
    ) -> Result<(), CallError> {
        let now = self.clock.wall();
        let over = |expires_at: Timestamp| expires_at.plus(KEPT_AFTER_EXPIRY) <= now;
        let (unwritten, forgotten) = {
            let mut state = desk.lock();
            for (serial, expires_at) in ends.into_iter().filter(|(_, at)| !over(*at)) {
                let stood = state.standing.remove(&serial).is_some();
                if state.refused.insert(serial, Refused { expires_at }).is_none() {
                    let changes = match stood {
                        true => facts::refuses(resource, serial),
                        false => facts::refuses_unknown(resource, serial, expires_at),
                    };
                    state.unwritten.insert(serial, changes);
                }
            }
            (state.unwritten.clone(), forget(&mut state, over))
        };
        desk.duties_changed();
        let tidied = forgotten.iter().flat_map(|serial| facts::forgotten(resource, *serial));
        let changes = unwritten.values().flat_map(|changes| changes.iter().cloned()).chain(tidied).collect();
        self.commit(resource, changes).await?;
        let is_written = |serial: &_, left: &_| unwritten.get(serial).is_some_and(|now| Arc::ptr_eq(now, left));
        desk.lock().unwritten.retain(|serial, left| !is_written(serial, left));
        Ok(())
    }

    /// Which hosts the resource's certificates may open: those the lease was made for, those of now, and all
    /// that have a token. One that was taken out of policy may still trust the authority.
    pub(super) async fn hosts(&self, target: &Target, desk: &Desk) -> Result<Hosts, CallError> {
        let resource = &target.resource;
        let watched = facts::enrolled(&*self.store, resource).await;
        let watched: Vec<_> = watched.map_err(|e| super::connector::unreadable(resource, e))?.into_iter().collect();
        let of_lease = Settings::read(&target.definition.settings).map(|s| s.hosts).unwrap_or_default();
        let of_now = desk.lock().settings.as_ref().map(|s| s.hosts.clone()).unwrap_or_default();
        let mut unwatched: Vec<_> = of_lease.into_iter().chain(of_now).collect();
        unwatched.retain(|entry| !watched.iter().any(|name| is_same_host(name, entry)));
        unwatched.sort();
        unwatched.dedup();
        Ok(Hosts { watched, unwatched })
    }

    /// Whether waiting for further reports is pointless.
    fn settled(&self, desk: &Desk, hosts: &Hosts, orders: &[RevokeOrder]) -> bool {
        let now = self.clock.monotonic();
        let state = desk.lock();
        hosts.watched.iter().all(|host| {
            let silent = state.hosts.get(host).is_some_and(|s| now.saturating_sub(s.monotonic) > SILENT_AFTER);
            let clear =
                |o: &RevokeOrder| matches!(state.on_host(host, serial(o.lease), o.expires_at), OnHost::Clear { .. });
            silent || orders.iter().all(clear)
        })
    }

    /// What the hosts' reports say about one lease.
    fn verdict(
        &self,
        target: &Target,
        desk: &Desk,
        hosts: &Hosts,
        order: &RevokeOrder,
    ) -> Result<Revocation, CallError> {
        let now = self.clock.wall();
        let (mut read_at, mut open, mut silent) = (None, Vec::new(), 0);
        for host in &hosts.watched {
            match desk.lock().on_host(host, serial(order.lease), order.expires_at) {
                OnHost::Clear { at } => read_at = read_at.max(Some(at)),
                OnHost::Session { account, since } => {
                    open.push(format!("{host} showed an open session of `{account}` at {since}"));
                }
                OnHost::Silent { since } => {
                    silent += 1;
                    open.push(match since {
                        Some(at) => format!("{host} last reported at {at}, before it refused the certificate"),
                        None => format!("{host} has not reported since this server began"),
                    });
                }
            }
        }
        if !open.is_empty() {
            let (resource, message) = (target.resource.to_string(), open.join("; "));
            return Err(match silent == hosts.watched.len() {
                true => CallError::Unreachable { resource, message },
                false => CallError::Lost { resource, message },
            });
        }
        let evidence = match read_at {
            Some(at) if hosts.unwatched.is_empty() => Evidence::Read { at },
            Some(_) | None => Evidence::Unread { at: now, because: unread(&hosts.unwatched, order, now) },
        };
        Ok(Revocation::Revoked { evidence, leftovers: Vec::new() })
    }

    /// Refuses a serial that the ledger does not know.
    pub(super) async fn lock_found(&self, target: &Target, found: &Found) -> Result<(), CallError> {
        if found.marker.as_ref().is_some_and(|m| m.installation != target.installation) {
            let message = format!("{} bears the marker of another installation", found.name);
            return Err(CallError::NotOurs { resource: target.resource.to_string(), message });
        }
        let serial = found.locator.parse::<u64>().ok().filter(|s| *s > 0);
        let serial =
            serial.ok_or_else(|| CallError::Invalid("the locator is no serial of a certificate".to_owned()))?;
        self.check_epoch(target).await?;
        let desk = self.desk(&target.resource).await?;
        let longest = self.clock.wall().plus(LONGEST_GRANT);
        let until = found.marker.as_ref().map_or(longest, |marker| marker.expires_at);
        self.refuse(&target.resource, &desk, BTreeMap::from([(serial, until)])).await
    }
}

/// Takes what nobody need remember out of the state, and names it.
fn forget(state: &mut State, over: impl Fn(Timestamp) -> bool) -> Vec<u64> {
    let refused = state.refused.iter().filter(|(_, r)| over(r.expires_at)).map(|(serial, _)| *serial);
    let standing = state.standing.iter().filter(|(_, s)| over(s.expires_at)).map(|(serial, _)| *serial);
    let forgotten: Vec<u64> = refused.chain(standing).filter(|s| !state.unwritten.contains_key(s)).collect();
    for serial in &forgotten {
        state.refused.remove(serial);
        state.standing.remove(serial);
    }
    forgotten
}

/// What may still be open where nobody reports.
fn unread(unwatched: &[String], order: &RevokeOrder, now: Timestamp) -> String {
    if unwatched.is_empty() {
        return "the resource has no host that could be read".to_owned();
    }
    let hosts = unwatched.join(", ");
    let logins = match order.expires_at > now {
        true => format!(
            ", and until {} its certificate opens new ones unless the host reads the revocation list",
            order.expires_at
        ),
        false => String::new(),
    };
    format!("no `curfew host` reports from {hosts}: an open session there may last until it is closed{logins}")
}
