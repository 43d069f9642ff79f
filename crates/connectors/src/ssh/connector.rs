//! The SSH connector: one authority for each resource, one desk for each resource, one room.

use super::desk::Desk;
use super::facts;
use super::kind::KIND;
use super::public_key::{ed25519_blob, ed25519_line};
use super::revocation_list::{self, Section};
use super::settings::Settings;
use curfew_domain::connector::ConnectorKind;
use curfew_domain::limits::LONGEST_GRANT;
use curfew_domain::{ResourceName, Seconds, Timestamp};
use curfew_engine::keyring::{Keyring, NumberedKey};
use curfew_engine::seams::connector::{
    CallError, ExtendOrder, Finding, Found, IssueOrder, Issued, Observation, Revocation, RevokeOrder, Target, Told,
};
use curfew_engine::seams::host_desk::Authority;
use curfew_engine::seams::store::{Change, CommitError};
use curfew_engine::seams::{BoxFuture, Clock, Connector, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// How long an authority stays trusted after the next one was made: every certificate it signed has expired.
const OVERLAP: Seconds = Seconds::new(LONGEST_GRANT.as_secs() + 86_400);
/// How long a serial is refused beyond its certificate's expiry, for hosts and servers whose clocks are wrong.
pub(super) const KEPT_AFTER_EXPIRY: Seconds = Seconds::new(86_400);

/// Access to SSH hosts by certificate. It is the [`Connector`] and the
/// [`HostDesk`](curfew_engine::seams::HostDesk) in one, because what a host reports is the read-back.
pub struct Ssh {
    keyring: Arc<Keyring>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    desks: Mutex<BTreeMap<ResourceName, Arc<Desk>>>,
}

impl Ssh {
    /// A connector whose authorities are in this keyring and whose certificates are in this ledger.
    pub fn new(keyring: Arc<Keyring>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { keyring, store, clock, desks: Mutex::default() }
    }

    /// The desk of a resource, filled from the ledger the first time.
    pub(super) async fn desk(&self, resource: &ResourceName) -> Result<Arc<Desk>, CallError> {
        if let Some(desk) = self.desks().get(resource) {
            return Ok(desk.clone());
        }
        let loaded = facts::load(&*self.store, resource).await.map_err(|e| unreadable(resource, e))?;
        // Somebody else may have been first; theirs may have moved on since.
        Ok(self.desks().entry(resource.clone()).or_insert_with(|| Arc::new(Desk::new(loaded))).clone())
    }

    fn desks(&self) -> std::sync::MutexGuard<'_, BTreeMap<ResourceName, Arc<Desk>>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The authority that signs now.
    pub(super) async fn signer(&self, resource: &ResourceName) -> Result<NumberedKey, CallError> {
        self.keyring.current(&key_name(resource)).await.map_err(|e| unreadable(resource, e))
    }

    /// Makes the next authority.
    pub(super) async fn next_signer(&self, resource: &ResourceName) -> Result<NumberedKey, CallError> {
        self.keyring.rotate(&key_name(resource)).await.map_err(|e| unreadable(resource, e))
    }

    /// The authorities that hosts trust now, oldest first. The newest always is one.
    pub(super) async fn trusted(&self, resource: &ResourceName) -> Result<Vec<NumberedKey>, CallError> {
        self.signer(resource).await?;
        let all = self.keyring.all(&key_name(resource)).await.map_err(|e| unreadable(resource, e))?;
        let first = facts::first_authority(&*self.store, resource).await.map_err(|e| unreadable(resource, e))?;
        let now = self.clock.wall();
        let replaced_at: Vec<_> = all.iter().skip(1).map(|next| Some(next.created_at)).chain([None]).collect();
        let trusted = all.into_iter().zip(replaced_at);
        let counts = |(key, at): &(NumberedKey, Option<Timestamp>)| {
            key.number >= first && at.is_none_or(|at| at.plus(OVERLAP) > now)
        };
        Ok(trusted.filter(counts).map(|(key, _)| key).collect())
    }

    /// The lines for `TrustedUserCAKeys`.
    pub(super) async fn authority_lines(&self, resource: &ResourceName) -> Result<Vec<Authority>, CallError> {
        let line = |key: NumberedKey| Authority {
            resource: resource.clone(),
            number: key.number,
            public_key: ed25519_line(&key.key.verifying_key(), &format!("curfew:{resource}:{}", key.number)),
        };
        Ok(self.trusted(resource).await?.into_iter().map(line).collect())
    }

    /// One revocation list for these resources. Serials are unique for all time, so each stands under every
    /// authority of its resource.
    pub(super) async fn list_of(&self, resources: &[ResourceName]) -> Result<Vec<u8>, CallError> {
        let mut parts: Vec<(Vec<Vec<u8>>, BTreeSet<u64>)> = Vec::new();
        for resource in resources {
            let desk = self.desk(resource).await?;
            let keys = self.trusted(resource).await?;
            let serials = desk.lock().refused.keys().copied().collect();
            parts.push((keys.iter().map(|k| ed25519_blob(&k.key.verifying_key())).collect(), serials));
        }
        let sections = parts.iter().flat_map(|(keys, serials)| {
            keys.iter().map(move |authority| Section { authority: authority.clone(), serials })
        });
        Ok(revocation_list::encode(&sections.collect::<Vec<_>>()))
    }

    /// Writes facts; nothing counts before it is durable.
    pub(super) async fn commit(&self, resource: &ResourceName, changes: Vec<Change>) -> Result<(), CallError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.store.commit(changes).await.map(drop).map_err(|error: CommitError| CallError::Lost {
            resource: resource.to_string(),
            message: format!("its certificates are kept in the ledger: {error}"),
        })
    }

    /// Refuses when a server with a higher epoch has served the resource.
    pub(super) async fn check_epoch(&self, target: &Target) -> Result<(), CallError> {
        let resource = &target.resource;
        let seen = facts::epoch(&*self.store, resource).await.map_err(|e| unreadable(resource, e))?;
        if seen > target.epoch {
            return Err(CallError::StaleEpoch { resource: resource.to_string(), seen, ours: target.epoch });
        }
        Ok(())
    }

    async fn prepare_target(&self, target: &Target) -> Result<(), CallError> {
        let resource = &target.resource;
        let settings = settings(target)?;
        self.check_epoch(target).await?;
        self.signer(resource).await?;
        let desk = self.desk(resource).await?;
        let changed = {
            let state = desk.lock();
            state.settings.as_ref() != Some(&settings) || state.epoch != target.epoch
        };
        if changed {
            let facts = facts::prepared(resource, &target.definition.settings, target.epoch);
            self.commit(resource, facts.into()).await?;
            let mut state = desk.lock();
            state.settings = Some(settings);
            state.epoch = target.epoch;
            drop(state);
            desk.duties_changed();
        }
        Ok(())
    }
}

fn key_name(resource: &ResourceName) -> String {
    format!("ssh/{resource}")
}

/// The settings of a target, or why they cannot be used.
pub(super) fn settings(target: &Target) -> Result<Settings, CallError> {
    Settings::read(&target.definition.settings).map_err(|e| CallError::Invalid(e.to_string()))
}

/// The ledger, where the authority lives, did not answer.
pub(super) fn unreadable(resource: &ResourceName, error: impl std::fmt::Display) -> CallError {
    let message = format!("its authority and certificates are kept in the ledger: {error}");
    CallError::Unreachable { resource: resource.to_string(), message }
}

impl Connector for Ssh {
    fn kind(&self) -> &'static ConnectorKind {
        &KIND
    }

    fn preflight<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(self.look_over(target))
    }

    fn prepare<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.prepare_target(target))
    }

    fn probe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.anybody_there(target))
    }

    fn issue<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [IssueOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(self.issue_all(target, orders))
    }

    fn extend<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [ExtendOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(self.extend_all(target, orders))
    }

    fn revoke<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [RevokeOrder],
    ) -> BoxFuture<'a, Vec<Result<Revocation, CallError>>> {
        Box::pin(self.revoke_all(target, orders))
    }

    fn observe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Observation, CallError>> {
        Box::pin(self.observe_target(target))
    }

    fn told<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Told, CallError>> {
        Box::pin(self.told_hosts(target))
    }

    // A host is told whenever it asks, and that is every few seconds.
    fn tell<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.check_epoch(target))
    }

    fn begin_again<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.replace_authority(target))
    }

    fn lock<'a>(&'a self, target: &'a Target, found: &'a Found) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.lock_found(target, found))
    }
}
