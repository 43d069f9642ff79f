//! The faults that the simulator puts into a ledger in memory, and what is left after them.

use crate::build::*;
use crate::{check, commit, wait};
use curfew_engine::seams::store::{CommitError, Store};
use curfew_store::MemoryStore;
use curfew_store::memory::{CommitPoint, Fault};
use futures::FutureExt;
use std::sync::Arc;

/// A ledger whose commit of number 1 has this fault, after a first one without.
fn with_fault(fault: Fault) -> MemoryStore {
    let decide = move |point: CommitPoint<'_>| {
        assert_eq!(point.changes.len(), 1);
        if point.number == 1 { fault } else { Fault::None }
    };
    let store = MemoryStore::new().with_faults(Arc::new(decide));
    commit(&store, vec![happened(0)]).expect("no fault");
    store
}

fn size(store: &MemoryStore) -> u64 {
    wait(store.tree_head()).expect("a head").size
}

#[test]
fn a_commit_that_fails_before_is_not_written() {
    let store = with_fault(Fault::FailBefore);
    assert!(matches!(commit(&store, vec![happened(1)]), Err(CommitError::Unavailable(_))));
    assert_eq!(size(&store), 1);
    assert!(commit(&store, vec![happened(2)]).is_ok());
}

#[test]
fn a_commit_whose_reply_is_lost_is_written() {
    let store = with_fault(Fault::LoseReply);
    assert!(matches!(commit(&store, vec![happened(1)]), Err(CommitError::Unavailable(_))));
    assert_eq!(size(&store), 2);
    let store = with_fault(Fault::LoseReply);
    let stale = denied(&asked(1, ASK).next);
    assert!(matches!(commit(&store, vec![request_step(stale)]), Err(CommitError::Conflict(_))), "it was not written");
}

#[test]
fn a_crash_ends_the_handle_and_not_the_ledger() {
    for (fault, left) in [(Fault::CrashBefore, 1), (Fault::CrashAfter, 2)] {
        let store = with_fault(fault);
        let clone = store.clone();
        assert!(store.commit(vec![happened(1)]).now_or_never().is_none(), "a dead server hears nothing");
        assert!(store.has_crashed() && clone.has_crashed());
        assert!(matches!(commit(&clone, vec![happened(2)]), Err(CommitError::Unavailable(_))));
        assert!(wait(clone.tree_head()).is_err());
        let next = store.reopen();
        assert_eq!(size(&next), left);
        assert!(commit(&next, vec![happened(3)]).is_ok());
        check::the_log_is_whole(&next);
        assert!(wait(store.events(0, 1)).is_err(), "the old handle stays dead");
    }
}

#[test]
fn a_future_made_before_a_crash_writes_nothing_after_it() {
    let store = MemoryStore::new();
    let late = store.commit(vec![happened(1)]);
    store.crash();
    assert!(matches!(wait(late), Err(CommitError::Unavailable(_))));
    assert_eq!(size(&store.reopen()), 0);
}
