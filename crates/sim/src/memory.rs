//! What the world remembers that no ledger has to tell it: what people were answered, what has ended, what was
//! ever made. A server and its ledger may forget; the world does not.

use crate::targets::{Kind, Targets, kind, resources};
use curfew_domain::lease::Evidence;
use curfew_domain::{BeatId, Grant, GrantState, Id, Lease, Request, ResourceName, Run, RunKey, SubjectId, Timestamp};
use curfew_store::memory::MemoryStore;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that somebody was told, and that stays true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Promise {
    /// An ask with this key made, or had made, this request.
    Asked { key: String, request: Id<Request> },
    /// A person's yes was taken.
    Approved { request: Id<Request>, by: SubjectId },
    /// A no was taken.
    Denied(Id<Request>),
    /// A request was taken back.
    Withdrawn(Id<Request>),
    /// A grant was returned or revoked.
    Ended(Id<Grant>),
    /// A grant was given this end.
    Extended { grant: Id<Grant>, until: Timestamp },
    /// A client said that it is done.
    Done { run: Id<Run>, beat: BeatId },
    /// A provider said that a run has ended.
    RunEnded(RunKey),
    /// Access was given, and this was wrong with it.
    Activated { leases: Vec<Id<Lease>>, wrong: Option<String> },
}

/// Promises, shared with the verbs that make them.
#[derive(Clone, Default)]
pub(crate) struct Promises(Arc<Mutex<Vec<Promise>>>);

impl Promises {
    pub(crate) fn add(&self, promise: Promise) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(promise);
    }

    pub(crate) fn all(&self) -> Vec<Promise> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn keep(&self, count: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).truncate(count);
    }
}

/// A copy of the ledger, with what was promised by then.
pub(crate) struct Backup {
    pub(crate) store: MemoryStore,
    pub(crate) registers: BTreeMap<ResourceName, curfew_connectors::ssh::fake::Register>,
    promises: usize,
}

/// Everything the world remembers.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) promises: Promises,
    /// Leases whose targets were read when they ended, in any ledger there was.
    pub(crate) ended: BTreeMap<Id<Lease>, ResourceName>,
    /// Grants that ended after they had given access, in any ledger there was.
    pub(crate) over: BTreeSet<Id<Grant>>,
    /// The latest end that was ever ordered for a lease, in any ledger there was.
    pub(crate) ends: BTreeMap<Id<Lease>, Timestamp>,
    /// Leases that a restored ledger does not know, and things that were planted.
    pub(crate) orphans: BTreeSet<Id<Lease>>,
    /// The oid or serial that each name of ours had, by resource.
    pub(crate) made: BTreeMap<(ResourceName, String), u64>,
    /// When a grant was first seen to give access, by the time that really passed.
    pub(crate) begun: BTreeMap<Id<Grant>, Timestamp>,
    /// When it was first seen that what an open grant lives with is over, by the time that really passed.
    pub(crate) strays: BTreeMap<Id<Grant>, Timestamp>,
    /// The highest epoch that each target has seen.
    pub(crate) epochs: BTreeMap<ResourceName, u64>,
    /// How often the ledger was set back.
    pub(crate) restored: u32,
}

impl Memory {
    /// A copy of the ledger as it is now.
    pub(crate) fn back_up(&self, store: &MemoryStore, targets: &Targets) -> Backup {
        Backup { store: store.copy(), registers: targets.hosts.registers(), promises: self.promises.count() }
    }

    /// The ledger is set back: what was promised since is nobody's any more, and what was given since is unknown.
    pub(crate) fn set_back(&mut self, backup: &Backup, before: &Ledger, after: &Ledger) {
        self.promises.keep(backup.promises);
        self.restored += 1;
        self.remember(before);
        self.orphans.extend(before.leases.keys().filter(|id| !after.leases.contains_key(id)));
    }

    /// Takes in what the ledger says now.
    pub(crate) fn remember(&mut self, ledger: &Ledger) {
        let over = |grant: &&Grant| matches!(grant.state, GrantState::Ended { activated_at: Some(_), .. });
        self.over.extend(ledger.grants.values().filter(over).map(|grant| grant.id));
        for lease in ledger.leases.values() {
            let latest = self.ends.entry(lease.id).or_insert_with(|| lease.latest_end());
            *latest = lease.latest_end().max(*latest);
            if let Some(Evidence::Read { .. }) = lease.evidence() {
                self.ended.entry(lease.id).or_insert_with(|| lease.resource.clone());
            }
        }
    }

    /// Takes in what the targets have seen, and says which of them has gone back.
    pub(crate) fn note_epochs(&mut self, targets: &Targets) -> Option<(ResourceName, u64, u64)> {
        let mut back = None;
        for resource in resources() {
            let seen = targets.epoch(&resource);
            let highest = self.epochs.entry(resource.clone()).or_insert(seen);
            // A host's epoch is in the ledger, and is set back with it.
            if seen < *highest && kind(&resource) == Kind::Database {
                back = Some((resource, *highest, seen));
            }
            *highest = seen.max(*highest);
        }
        back
    }
}

/// A ledger, read whole.
pub(crate) struct Ledger {
    pub(crate) requests: BTreeMap<Id<Request>, Request>,
    pub(crate) grants: BTreeMap<Id<Grant>, Grant>,
    pub(crate) leases: BTreeMap<Id<Lease>, Lease>,
}

impl Ledger {
    /// Everything in it but its events.
    pub(crate) fn read(store: &MemoryStore) -> Self {
        use curfew_engine::seams::store::{Ended, GrantFilter, Page, RequestFilter, Store};
        use futures::executor::block_on;
        let page = || Page { before: None, limit: usize::MAX };
        let filter = GrantFilter { ended: Ended::Listed, ..GrantFilter::default() };
        let requests = block_on(store.requests(&RequestFilter::default(), page())).unwrap_or_default();
        let grants = block_on(store.grants(&filter, page())).unwrap_or_default();
        let ids: Vec<Id<Lease>> = grants.iter().flat_map(|g| g.leases.iter().copied()).collect();
        let leases = block_on(store.leases(&ids)).unwrap_or_default();
        Self {
            requests: requests.into_iter().map(|r| (r.id, r)).collect(),
            grants: grants.into_iter().map(|g| (g.id, g)).collect(),
            leases: leases.into_iter().map(|l| (l.id, l)).collect(),
        }
    }
}
