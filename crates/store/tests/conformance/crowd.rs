//! Many callers at once.

use crate::build::*;
use crate::{Bed, check, commit, wait};
use curfew_domain::RequestState;
use curfew_engine::seams::store::{Change, CommitError, Store};
use futures::FutureExt;
use std::pin::pin;
use std::sync::Barrier;

#[test]
fn callers_share_a_sync() {
    let bed = Bed::new();
    std::thread::scope(|scope| {
        for thread in 0..64 {
            let store = &bed.store;
            scope.spawn(move || {
                (0..20).for_each(|n| drop(commit(store, vec![happened(thread * 100 + n)]).expect("ok")))
            });
        }
    });
    let counts = bed.store.counts();
    assert_eq!(counts.commits, 64 * 20);
    assert!(counts.transactions * 4 <= counts.commits, "{counts:?}");
    check::the_log_is_whole(&bed.store);
    check::proofs_verify(&bed.store, &[1, 500, 1_024, 1_280]);
}

#[test]
fn of_a_thousand_verdicts_on_one_request_one_counts() {
    let bed = Bed::new();
    let request = asked(1, ASK);
    let pending = request.next.clone();
    commit(&bed.store, vec![request_step(request)]).expect("committed");
    let wins = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..50 {
            let (store, pending, wins) = (&bed.store, &pending, &wins);
            scope.spawn(move || {
                for n in 0..20 {
                    let step = if (thread + n) % 2 == 0 { approved(pending) } else { denied(pending) };
                    match commit(store, vec![request_step(step)]) {
                        Ok(_) => _ = wins.fetch_add(1, std::sync::atomic::Ordering::SeqCst),
                        Err(why) => assert_eq!(why, CommitError::Conflict(pending.id.to_string())),
                    }
                }
            });
        }
    });
    assert_eq!(wins.into_inner(), 1);
    assert_eq!(check::all_events(&bed.store).len(), 2);
    check::the_state_is_what_the_events_say(&bed.store);
}

#[test]
fn of_an_approval_and_a_denial_at_the_same_instant_one_counts() {
    let bed = Bed::new();
    for round in 0..200 {
        let request = asked(round, ASK);
        let pending = request.next.clone();
        commit(&bed.store, vec![request_step(request)]).expect("committed");
        let start = Barrier::new(2);
        let outcomes = std::thread::scope(|scope| {
            let threads = [approved(&pending), denied(&pending)].map(|step| {
                let (start, store) = (&start, &bed.store);
                scope.spawn(move || {
                    start.wait();
                    commit(store, vec![request_step(step)]).is_ok()
                })
            });
            threads.map(|thread| thread.join().expect("no panic"))
        });
        assert!(outcomes[0] ^ outcomes[1], "{outcomes:?}");
    }
}

#[test]
fn what_ends_goes_before_the_rest_of_its_batch() {
    // On a busy machine the batch may not come together; out of turn, an end never overtakes what came before it.
    assert!((0..10).any(|_| ends_overtake()), "in ten batches no end went first");
}

/// Whether a denial and an end went before what had been asked earlier.
fn ends_overtake() -> bool {
    let bed = Bed::new();
    let request = asked(1, ASK);
    let pending = request.next.clone();
    let mut grants = Vec::new();
    for n in 2..5 {
        let grant = granted(n, &asked(n, ASK).next, at(n));
        grants.push(grant.next.clone());
        commit(&bed.store, vec![grant_step(grant)]).expect("committed");
    }
    commit(&bed.store, vec![request_step(request)]).expect("committed");
    // While the writer is busy with this one, the others come together in the next batch.
    let mut busy = pin!(bed.store.commit((0..4_000).map(happened).collect()));
    assert!(busy.as_mut().now_or_never().is_none());
    let mut yes = pin!(bed.store.commit(vec![request_step(approved(&pending))]));
    let mut no = pin!(bed.store.commit(vec![request_step(denied(&pending))]));
    assert!(yes.as_mut().now_or_never().is_none() && no.as_mut().now_or_never().is_none());
    let claim = grants[0].clone().activating(vec![], at(100), at(9)).expect("claimed");
    let mut claim = pin!(bed.store.commit(vec![grant_step(claim)]));
    let mut revoke = pin!(bed.store.commit(vec![grant_step(ending(&grants[0], at(9)))]));
    assert!(claim.as_mut().now_or_never().is_none() && revoke.as_mut().now_or_never().is_none());
    if wait(no).is_err() || wait(revoke).is_err() {
        return false;
    }
    assert!(matches!(wait(yes), Err(CommitError::Conflict(_))));
    assert!(matches!(wait(claim), Err(CommitError::Conflict(_))));
    assert!(wait(busy).is_ok());
    let state = wait(bed.store.request(pending.id)).expect("read").expect("there").state;
    assert!(matches!(state, RequestState::Denied { .. }));
    true
}

#[test]
fn a_commit_refused_half_way_takes_nothing_of_its_batch_with_it() {
    let bed = Bed::new();
    let request = asked(1, ASK);
    let stale = denied(&request.next);
    commit(&bed.store, vec![request_step(request.clone())]).expect("committed");
    commit(&bed.store, vec![request_step(approved(&request.next))]).expect("committed");
    let before = bed.store.counts();
    let mut busy = pin!(bed.store.commit((0..4_000).map(happened).collect()));
    assert!(busy.as_mut().now_or_never().is_none());
    let mut good = pin!(bed.store.commit(vec![happened(1), fact("good", Some("1"))]));
    let half_way = vec![happened(2), fact("torn", Some("1")), happened(3), request_step(stale)];
    let mut torn = pin!(bed.store.commit(half_way));
    let mut after = pin!(bed.store.commit(vec![request_step(asked(2, ASK))]));
    assert!(good.as_mut().now_or_never().is_none() && torn.as_mut().now_or_never().is_none());
    assert!(after.as_mut().now_or_never().is_none());
    assert_eq!(wait(torn), Err(CommitError::Conflict(request.next.id.to_string())));
    assert!(wait(busy).is_ok() && wait(good).is_ok() && wait(after).is_ok());
    let counts = bed.store.counts();
    assert_eq!(counts.commits - before.commits, 3);
    assert!(counts.transactions - before.transactions <= 2, "they were no batch");
    assert_eq!(wait(bed.store.facts("")).expect("facts").into_keys().collect::<Vec<_>>(), ["good"]);
    assert_eq!(check::all_events(&bed.store).len(), 2 + 4_000 + 2);
    check::the_log_is_whole(&bed.store);
    check::the_state_is_what_the_events_say(&bed.store);
}

#[test]
fn a_dropped_future_leaves_a_whole_commit_or_none() {
    let bed = Bed::new();
    for n in 0..50 {
        let mut dropped = Box::pin(bed.store.commit(vec![happened(n), happened(n), Change::Notice(notice("x", n))]));
        let _polled_once = dropped.as_mut().now_or_never();
    }
    let seen = commit(&bed.store, vec![happened(99)]).expect("committed").events[0].seq;
    assert_eq!(seen % 2, 0, "half a commit was written");
    check::the_log_is_whole(&bed.store);
}

#[test]
fn reads_do_not_wait_for_a_write() {
    let bed = Bed::new();
    let request = asked(1, ASK);
    let pending = request.next.clone();
    commit(&bed.store, vec![request_step(request)]).expect("committed");
    // On a machine that is busy with other things the write may be over first, but not each time.
    let read_during_a_write = (0..10).any(|_| {
        let mut busy = pin!(bed.store.commit((0..4_000).map(happened).collect()));
        assert!(busy.as_mut().now_or_never().is_none());
        assert_eq!(wait(bed.store.request(pending.id)), Ok(Some(pending.clone())));
        let is_still_writing = busy.as_mut().now_or_never().is_none();
        if is_still_writing {
            wait(busy).expect("committed");
        }
        is_still_writing
    });
    assert!(read_during_a_write);
}
