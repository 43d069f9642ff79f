//! Looks at every target, compares with the ledger, and carries out the plan.

use crate::Engine;
use crate::activation::ATTEMPTS;
use crate::ending::EndOrder;
use crate::engine::Changes;
use crate::lanes::Lane;
use crate::plan::{Action, CLOCKS_DIFFER_MILLIS, Picture, plan};
use crate::seams::connector::{Found, Observation};
use crate::seams::store::{CommitError, Open, ReadError};
use curfew_domain::lease::Definition;
use curfew_domain::{EndCause, Grant, Id, Lease, LeaseState, ResourceName, Subject, Timestamp};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

/// Unordered removals in one pass beyond which Curfew stops and tells people.
const BLAST_LIMIT: usize = 20;

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

/// What is not over, and how many events the ledger had before it was read.
pub(crate) struct Reading {
    pub(crate) open: Open,
    size: u64,
}

impl Engine {
    /// One pass over everything.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn reconcile(&self) -> Result<Report, ReadError> {
        let reading = self.reading().await?;
        self.reconcile_from(reading).await
    }

    /// One pass over everything, beginning with what was open a moment ago.
    pub(crate) async fn reconcile_from(&self, before: Reading) -> Result<Report, ReadError> {
        self.end_strays(&before.open.grants).await?;
        self.end_what_is_denied(&before.open.grants).await?;
        self.raise_unreviewed(self.clock.now()).await?;
        let lanes = self.lanes_in_use(&before.open.leases);
        let mut report = Report::default();
        let mut observed: BTreeMap<ResourceName, Observation> = BTreeMap::new();
        let mut hours: BTreeMap<ResourceName, Timestamp> = BTreeMap::new();
        for (lane, seen) in join_all(lanes.iter().map(|lane| self.observe(lane))).await {
            match seen {
                Ok(seen) => {
                    report.read += 1;
                    let hour = self.clock.wall().as_millis().saturating_add(seen.clock_offset_millis);
                    let hour = Timestamp::from_millis(hour);
                    lane.saw(seen.drift.clone(), doubt(hour, self.clock.now()));
                    let latest = hours.entry(lane.resource.clone()).or_insert(hour);
                    *latest = hour.max(*latest);
                    merge(&mut observed, lane.resource.clone(), seen);
                }
                Err(message) => report.unread.push((lane.resource.clone(), message)),
            }
        }
        // A resource of which one definition could not be read is not judged by what another shows.
        observed.retain(|resource, _| !report.unread.iter().any(|(unread, _)| unread == resource));
        let then: Live = before.open.leases.iter().filter_map(live).collect();
        let ids: BTreeSet<Id<Lease>> = before.open.leases.iter().map(|l| l.id).collect();
        let after = self.refresh(before).await?.open;
        let known = self.known(ids, &after.leases, &observed).await?;
        let settled = after.leases.iter().filter_map(live).filter(|l| then.contains(l)).map(|(id, _)| id).collect();
        let busy = after.leases.iter().map(|l| l.id).filter(|id| self.busy.holds(*id)).collect();
        let installation = self.standing().installation;
        let picture = Picture {
            installation: &installation,
            grants: &after.grants,
            leases: &after.leases,
            settled: &settled,
            known: &known,
            busy: &busy,
            hours: &hours,
        };
        let now = self.clock.now();
        let actions = plan(&picture, &observed, BLAST_LIMIT, now);
        report.actions = actions.len();
        self.raise_overdue(&after.leases, now).await;
        self.clear_alarms(&actions);
        let grants = after.grants.iter().map(|grant| (grant.id, grant)).collect();
        let leases = after.leases.iter().map(|lease| (lease.id, lease)).collect();
        for action in actions {
            self.carry_out(action, &grants, &leases).await;
        }
        Ok(report)
    }

    /// What is not over, as the ledger has it now.
    pub(crate) async fn reading(&self) -> Result<Reading, ReadError> {
        // The size first: what comes after it makes the reading an old one.
        let size = self.store.tree_head().await?.size;
        let open = self.store.open().await?;
        Ok(Reading { open, size })
    }

    /// The same as of now; read again only if the ledger has grown.
    pub(crate) async fn refresh(&self, reading: Reading) -> Result<Reading, ReadError> {
        if self.store.tree_head().await?.size == reading.size {
            return Ok(reading);
        }
        drop(reading);
        self.reading().await
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
            self.prepare(lane, &target).await?;
            let seen = lane.connector.observe(&target).await?;
            self.compare(lane, &target).await?;
            Ok(seen)
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
        before: BTreeSet<Id<Lease>>,
        after: &[Lease],
        observed: &BTreeMap<ResourceName, Observation>,
    ) -> Result<BTreeSet<Id<Lease>>, ReadError> {
        let mut known = before;
        known.extend(after.iter().map(|l| l.id));
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

    async fn carry_out(
        &self,
        action: Action,
        grants: &BTreeMap<Id<Grant>, &Grant>,
        leases: &BTreeMap<Id<Lease>, &Lease>,
    ) {
        match action {
            Action::End { grant, cause } => {
                if let Some(grant) = grants.get(&grant) {
                    self.end_by_plan((*grant).clone(), cause).await;
                }
            }
            Action::Revoke { lease, because } => {
                if let Some(lease) = leases.get(&lease) {
                    self.revoke_by_plan((*lease).clone(), because).await;
                }
            }
            Action::Take(id) => {
                let waits = self.retries.holds(id);
                self.take(leases.get(&id).filter(|_| !waits).map(|lease| (*lease).clone()));
            }
            Action::SettleActivation(grant) => self.settle_activation(grant).await,
            Action::Extend(grant) => self.begin_extension(grant),
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
                // The order may stand or not, and access ends meanwhile: what was carried out is recorded when it can be.
                Err(CommitError::Unavailable(_)) => return self.take([ending]),
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
}

/// Live leases, each at the version it was seen at.
type Live = BTreeSet<(Id<Lease>, u64)>;

fn live(lease: &Lease) -> Option<(Id<Lease>, u64)> {
    matches!(lease.state, LeaseState::Live { .. }).then(|| (lease.id, lease.version.get()))
}

/// What to say of a target whose clock differs from ours by more than is trusted.
fn doubt(theirs: Timestamp, ours: Timestamp) -> Option<String> {
    let (ahead, behind) = (theirs.millis_since(ours), ours.millis_since(theirs));
    let word = if ahead > behind { "ahead of" } else { "behind" };
    let by = ahead.max(behind);
    (by > CLOCKS_DIFFER_MILLIS).then(|| format!("its clock is {} s {word} Curfew's", by / 1_000))
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
