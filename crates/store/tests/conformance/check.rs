//! What must hold of any ledger at any time.

use crate::wait;
use curfew_domain::audit::merkle::{Place, verify_growth, verify_inclusion};
use curfew_domain::audit::{Frontier, Growth, SealedEvent, TreeHash};
use curfew_domain::{Grant, Lease, Request, Run};
use curfew_engine::seams::store::{Ended, GrantFilter, Over, Page, RequestFilter, RunFilter, Store};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

pub(crate) const ALL: Page = Page { before: None, limit: usize::MAX };

pub(crate) fn all_events(store: &dyn Store) -> Vec<SealedEvent> {
    wait(store.events(0, usize::MAX)).expect("events")
}

/// The events stand without gaps, hash to what they say, and their tree is the ledger's.
pub(crate) fn the_log_is_whole(store: &dyn Store) {
    let events = all_events(store);
    let mut tree = Frontier::new();
    for (place, sealed) in events.iter().enumerate() {
        assert_eq!(sealed.seq, place as u64);
        assert_eq!(SealedEvent::from_line(&sealed.to_line()).as_ref(), Ok(sealed));
        tree.append(sealed.leaf().expect("a hash"));
    }
    let head = wait(store.tree_head()).expect("a head");
    assert_eq!((head.size, TreeHash::from_bytes(head.root)), (tree.size(), tree.root()));
}

/// Every proof between the sizes verifies against roots computed from the events alone.
pub(crate) fn proofs_verify(store: &dyn Store, sizes: &[u64]) {
    let leaves: Vec<TreeHash> = all_events(store).iter().map(|e| e.leaf().expect("a hash")).collect();
    let root = |size: u64| {
        let mut tree = Frontier::new();
        leaves.iter().take(size as usize).for_each(|leaf| tree.append(*leaf));
        tree.root()
    };
    let hashes = |proof: Option<Vec<[u8; 32]>>| -> Vec<TreeHash> {
        proof.expect("a proof").into_iter().map(TreeHash::from_bytes).collect()
    };
    for size in sizes.iter().copied() {
        for seq in (0..size).filter(|seq| seq % 7 == 0 || seq + 3 > size) {
            let proof = hashes(wait(store.inclusion_proof(seq, size)).expect("read"));
            let shown = verify_inclusion(leaves[seq as usize], Place { seq, size }, &proof, root(size));
            assert_eq!(shown, Ok(()), "{seq} in {size}");
        }
        for old in sizes.iter().copied().filter(|old| *old <= size) {
            let proof = hashes(wait(store.consistency_proof(old, size)).expect("read"));
            let growth = Growth { from: old, to: size };
            assert_eq!(verify_growth(growth, [root(old), root(size)], &proof), Ok(()), "{old} to {size}");
        }
    }
}

/// What the events say there is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Replayed {
    pub(crate) requests: BTreeMap<u128, Request>,
    pub(crate) grants: BTreeMap<u128, Grant>,
    pub(crate) leases: BTreeMap<u128, Lease>,
    pub(crate) runs: BTreeMap<u128, Run>,
}

/// Folds the states after each event.
pub(crate) fn replay(events: &[SealedEvent]) -> Replayed {
    let mut replayed = Replayed::default();
    for sealed in events {
        let Some(after) = sealed.event.details.get("after").cloned() else { continue };
        let after = serde_json::Value::from(after);
        let action = sealed.event.action.as_str();
        match action.split('.').next().expect("a noun") {
            "request" | "approval" => {
                let noun: Request = read(after);
                replayed.requests.insert(noun.id.as_u128(), noun);
            }
            "grant" => {
                let noun: Grant = read(after);
                replayed.grants.insert(noun.id.as_u128(), noun);
            }
            "lease" => {
                let noun: Lease = read(after);
                replayed.leases.insert(noun.id.as_u128(), noun);
            }
            "run" => {
                let noun: Run = read(after);
                replayed.runs.insert(noun.id.as_u128(), noun);
            }
            other => panic!("{other} has no state"),
        }
    }
    replayed
}

fn read<T: DeserializeOwned>(after: serde_json::Value) -> T {
    serde_json::from_value(after).expect("the state after an event reads back")
}

/// Replaying the events gives the state.
pub(crate) fn the_state_is_what_the_events_say(store: &dyn Store) {
    let replayed = replay(&all_events(store));
    let requests = wait(store.requests(&RequestFilter::default(), ALL)).expect("requests");
    let listed = GrantFilter { ended: Ended::Listed, ..GrantFilter::default() };
    let grants = wait(store.grants(&listed, ALL)).expect("grants");
    let ids: Vec<_> = replayed.leases.values().map(|l| l.id).collect();
    let leases = wait(store.leases(&ids)).expect("leases");
    let listed = RunFilter { over: Over::Listed, ..RunFilter::default() };
    let runs = wait(store.runs(&listed, ALL)).expect("runs");
    assert_eq!(runs, replayed.runs.into_values().rev().collect::<Vec<_>>());
    assert_eq!(requests, replayed.requests.into_values().rev().collect::<Vec<_>>());
    assert_eq!(grants, replayed.grants.into_values().rev().collect::<Vec<_>>());
    assert_eq!(leases, replayed.leases.into_values().collect::<Vec<_>>());
    for lease in wait(store.open_leases()).expect("leases") {
        assert!(ids.contains(&lease.id), "{} has no event", lease.id);
    }
}
