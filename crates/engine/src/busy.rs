//! Which leases this process has its hands on, so that making and ending one never overlap.

use curfew_domain::{Id, Lease};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    Making,
    Taking,
}

/// Leases under way in this process.
#[derive(Default)]
pub(crate) struct Busy(Mutex<BTreeMap<Id<Lease>, Hand>>);

impl Busy {
    pub(crate) fn begin_making(&self, id: Id<Lease>) {
        self.lock().insert(id, Hand::Making);
    }

    /// Whether the caller may take it now.
    pub(crate) fn begin_taking(&self, id: Id<Lease>) -> bool {
        let mut busy = self.lock();
        if busy.contains_key(&id) {
            return false;
        }
        busy.insert(id, Hand::Taking);
        true
    }

    pub(crate) fn done(&self, id: Id<Lease>) {
        self.lock().remove(&id);
    }

    pub(crate) fn is_making(&self, id: Id<Lease>) -> bool {
        self.lock().get(&id) == Some(&Hand::Making)
    }

    pub(crate) fn holds(&self, id: Id<Lease>) -> bool {
        self.lock().contains_key(&id)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Id<Lease>, Hand>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
