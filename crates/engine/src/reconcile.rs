//! Looks at every target, compares with the ledger, and carries out the plan.

use crate::Engine;
use crate::activation::ATTEMPTS;
use crate::ending::EndOrder;
use crate::engine::Changes;
use crate::lanes::Lane;
use crate::plan::{Action, Picture, plan};
use crate::seams::connector::{Found, Observation};
use crate::seams::store::{CommitError, ReadError};
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_domain::lease::Definition;
use curfew_domain::{EndCause, Grant, Id, Lease, LeaseState, ResourceName, Subject, Timestamp};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

/// Unordered removals in one pass beyond which Curfew stops and tells people.
const BLAST_LIMIT: usize = 20;
/// After how many minutes an end that is not done is an alarm.
const OVERDUE_MINUTES: [u64; 3] = [5, 15, 60];

/// What a pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Targets that were read.
    pub read: usize,
    /// Targets that could not be read, with why.
    pub unread: Vec<(ResourceName, String)>,
    /// Things done.
    pub actions: usize,
}

impl Engine {
    /// One pass over everything.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn reconcile(&self) -> Result<Report, ReadError> {
        self.end_what_is_denied().await?;
        let before = self.store.open_leases().await?;
        let lanes = self.lanes_in_use(&before);
        let mut report = Report::default();
        let mut observed: BTreeMap<ResourceName, Observation> = BTreeMap::new();
        for (lane, seen) in join_all(lanes.iter().map(|lane| self.observe(lane))).await {
            match seen {
                Ok(seen) => {
                    report.read += 1;
                    lane.saw(seen.drift.clone());
                    merge(&mut observed, lane.resource.clone(), seen);
                }
                Err(message) => report.unread.push((lane.resource.clone(), message)),
            }
        }
        // A resource of which one definition could not be read is not judged by what another shows.
        observed.retain(|resource, _| !report.unread.iter().any(|(unread, _)| unread == resource));
        let leases = self.store.open_leases().await?;
        let grants = self.store.open_grants().await?;
        let known = self.known(&before, &leases, &observed).await?;
        let settled = settled(&before, &leases);
        let busy = leases.iter().map(|l| l.id).filter(|id| self.busy.holds(*id)).collect();
        let installation = self.standing().installation;
        let picture = Picture {
            installation: &installation,
            grants: &grants,
            leases: &leases,
            settled: &settled,
            known: &known,
            busy: &busy,
        };
        let now = self.clock.now();
        let actions = plan(&picture, &observed, BLAST_LIMIT, now);
        report.actions = actions.len();
        self.raise_overdue(&leases, now).await;
        self.clear_alarms(&actions);
        for action in actions {
            self.carry_out(action, &grants, &leases).await;
        }
        Ok(report)
    }

    fn lanes_in_use(&self, leases: &[Lease]) -> Vec<Arc<Lane>> {
        let policy = self.policy();
        let defined = policy.resources().map(|resource| {
            let definition = Definition { admin: resource.admin.clone(), settings: resource.settings.clone() };
            self.lane(&resource.name, resource.connector.name, &definition)
        });
        let mut lanes: Vec<Arc<Lane>> = Vec::new();
        for lane in defined.chain(leases.iter().map(|lease| self.lane_of(lease))).filter_map(Result::ok) {
            if !lanes.iter().any(|known| Arc::ptr_eq(known, &lane)) {
                lanes.push(lane);
            }
        }
        lanes
    }

    async fn observe<'a>(&self, lane: &'a Arc<Lane>) -> (&'a Arc<Lane>, Result<Observation, String>) {
        let seen = async {
            let target = self.target(lane)?;
            lane.prepare(&target).await?;
            lane.connector.observe(&target).await
        };
        match seen.await {
            Ok(seen) => (lane, Ok(seen)),
            Err(error) => {
                lane.note(&error);
                (lane, Err(error.to_string()))
            }
        }
    }

    /// What the ledger knows of everything that was found. A lease that is `Revoked` and shows access is
    /// not known: somebody brought it back.
    async fn known(
        &self,
        before: &[Lease],
        after: &[Lease],
        observed: &BTreeMap<ResourceName, Observation>,
    ) -> Result<BTreeSet<Id<Lease>>, ReadError> {
        let mut known: BTreeSet<Id<Lease>> = before.iter().chain(after).map(|l| l.id).collect();
        let markers = observed.values().flat_map(|o| &o.found).filter_map(|f| f.marker.as_ref());
        let strangers: Vec<Id<Lease>> = markers.map(|m| m.lease).filter(|id| !known.contains(id)).collect();
        for lease in self.store.leases(&strangers).await? {
            match lease.state {
                LeaseState::Revoked { .. } => {}
                LeaseState::Wanted
                | LeaseState::Issuing { .. }
                | LeaseState::Live { .. }
                | LeaseState::Revoking { .. }
                | LeaseState::LockedOut { .. } => {
                    known.insert(lease.id);
                }
            }
        }
        Ok(known)
    }

    async fn carry_out(&self, action: Action, grants: &[Grant], leases: &[Lease]) {
        match action {
            Action::End { grant, cause } => {
                if let Some(grant) = grants.iter().find(|g| g.id == grant) {
                    self.end_by_plan(grant.clone(), cause).await;
                }
            }
            Action::Revoke { lease, because } => {
                if let Some(lease) = leases.iter().find(|l| l.id == lease) {
                    self.revoke_by_plan(lease.clone(), because).await;
                }
            }
            Action::Take(id) => {
                let waits = self.retries.holds(id);
                self.take(leases.iter().filter(|l| l.id == id && !waits).cloned());
            }
            Action::SettleActivation(grant) => self.settle_activation(grant).await,
            Action::SettleEnd(grant) => self.settle_end(grant).await,
            Action::EndWithout(grant) => self.end_without(grant, crate::plan::MISSING).await,
            Action::LockUnknown { resource, found } => self.lock_unknown(&resource, &found).await,
            Action::Alarm { resource, message } => self.alarm(&resource, &message).await,
        }
    }

    async fn end_by_plan(&self, grant: Grant, cause: EndCause) {
        let order = EndOrder { cause, actor: &Subject::system(), because: "its time is over" };
        if let Err(error) = self.order_end(grant, &order).await {
            tracing::warn!(%error, "a grant whose time is over could not be ended yet");
        }
    }

    /// Ends one lease, and with it the grant that lived by it.
    async fn revoke_by_plan(&self, lease: Lease, because: &str) {
        let mut lease = lease;
        for _ in 0..ATTEMPTS {
            let mut changes = Changes::default();
            let id = lease.id;
            let Ok(step) = lease.revoking(&Subject::system(), because, self.clock.now()) else { return };
            let ending = changes.lease(step);
            match self.commit(changes).await {
                Ok(_) => {
                    let grant_id = ending.grant_id;
                    self.take([ending]);
                    return self.end_without(grant_id, because).await;
                }
                Err(CommitError::Conflict(_) | CommitError::KeyUsed(_)) => match self.store.lease(id).await {
                    Ok(Some(recorded)) => lease = recorded,
                    Ok(None) | Err(_) => return,
                },
                Err(CommitError::Unavailable(_)) => return,
            }
        }
    }

    async fn lock_unknown(&self, resource: &ResourceName, found: &Found) {
        let message = format!("`{}` bears our marker and the ledger does not know it: it is being locked", found.name);
        self.alarm(resource, &message).await;
        let lanes: Vec<Arc<Lane>> = {
            let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            lanes.values().filter(|lane| lane.resource == *resource).cloned().collect()
        };
        for lane in lanes {
            let Ok(target) = self.target(&lane) else { continue };
            if let Err(error) = lane.connector.lock(&target, found).await {
                tracing::error!(%resource, name = found.name, %error, "an unknown object could not be locked");
            }
        }
    }

    /// Says it once, as evidence and to people, for as long as it stands.
    pub(crate) async fn alarm(&self, resource: &ResourceName, message: &str) {
        let news = self.alarms.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{resource}: {message}"));
        if !news {
            return;
        }
        tracing::warn!(%resource, because = message, "alarm");
        let now = self.clock.now();
        let event = AuditEvent::new(now, Subject::system(), AuditAction::TargetDrift)
            .because(message)
            .with("resource", resource.to_string());
        let mut changes = Changes::default();
        changes.notices(self.notices_of_alarm(resource, message, now));
        changes.0.push(crate::seams::Change::Event(Box::new(event)));
        let _ = self.commit(changes).await;
    }

    fn clear_alarms(&self, actions: &[Action]) {
        let standing: BTreeSet<String> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Alarm { resource, message } => Some(format!("{resource}: {message}")),
                Action::LockUnknown { resource, found } => Some(format!(
                    "{resource}: `{}` bears our marker and the ledger does not know it: it is being locked",
                    found.name
                )),
                Action::End { .. }
                | Action::Revoke { .. }
                | Action::Take(_)
                | Action::SettleActivation(_)
                | Action::EndWithout(_)
                | Action::SettleEnd(_) => None,
            })
            .collect();
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        alarms.retain(|alarm| standing.contains(alarm) || alarm.starts_with(OVERDUE));
    }

    /// An end that takes too long is an alarm at 5, 15 and 60 minutes; it is never given up.
    async fn raise_overdue(&self, leases: &[Lease], now: Timestamp) {
        for lease in leases {
            let since = match &lease.state {
                LeaseState::Revoking { since, .. } | LeaseState::LockedOut { since, .. } => *since,
                LeaseState::Wanted
                | LeaseState::Issuing { .. }
                | LeaseState::Live { .. }
                | LeaseState::Revoked { .. } => continue,
            };
            let minutes = now.millis_since(since) / 60_000;
            let Some(crossed) = OVERDUE_MINUTES.iter().rev().find(|m| minutes >= **m) else { continue };
            let name = format!("{OVERDUE}{}:{crossed}", lease.id);
            if !self.alarms.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
                continue;
            }
            let because = format!("its end was ordered {minutes} minutes ago and is not done");
            let event = lease
                .event(AuditAction::LeaseOverdue, &Subject::system(), now)
                .because(because)
                .with("state", lease.state.word())
                .with("minutes", i64::try_from(*crossed).unwrap_or(i64::MAX));
            let mut changes = Changes::default();
            changes.notices(self.notices_of_overdue(lease, *crossed, now));
            changes.0.push(crate::seams::Change::Event(Box::new(event)));
            let _ = self.commit(changes).await;
        }
    }
}

const OVERDUE: &str = "overdue:";

fn settled(before: &[Lease], after: &[Lease]) -> BTreeSet<Id<Lease>> {
    let live = |lease: &&Lease| matches!(lease.state, LeaseState::Live { .. });
    let then: BTreeSet<(Id<Lease>, u64)> = before.iter().filter(live).map(|l| (l.id, l.version.get())).collect();
    after.iter().filter(live).filter(|l| then.contains(&(l.id, l.version.get()))).map(|l| l.id).collect()
}

fn merge(observed: &mut BTreeMap<ResourceName, Observation>, resource: ResourceName, seen: Observation) {
    match observed.get_mut(&resource) {
        Some(already) => {
            already.found.extend(seen.found);
            already.drift.extend(seen.drift);
        }
        None => {
            observed.insert(resource, seen);
        }
    }
}
