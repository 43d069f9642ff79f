//! Taking: lock out, end sessions, look; and, in a lane of its own, clear what was left. Retried for ever.

use super::{BATCH, Lane};
use crate::Engine;
use crate::seams::connector::{CallError, Reach, Revocation, RevokeOrder, Target};
use curfew_domain::{Lease, LeaseState};
use futures::future::join_all;
use std::sync::Arc;

/// Leases whose leftovers are cleared in one call.
const CLEARED_AT_ONCE: usize = 8;

pub(super) async fn work(engine: &Engine, lane: Arc<Lane>, reach: Reach) {
    loop {
        let batch = match reach {
            Reach::Access => lane.take.take(BATCH).await,
            Reach::Leftovers => lane.clear.take(CLEARED_AT_ONCE).await,
        };
        // A lease is taken by one worker at a time, and never while it is being made: its giver hands it over.
        let batch: Vec<Lease> = batch.into_iter().filter(|lease| engine.busy.begin_taking(lease.id)).collect();
        if batch.is_empty() {
            continue;
        }
        if lane.is_down() {
            batch.iter().for_each(|lease| engine.busy.done(lease.id));
            lane.park(batch);
            continue;
        }
        let answers = revoke(engine, &lane, &batch, reach).await;
        let settled = batch.into_iter().zip(answers).map(|(lease, answer)| settle(engine, &lane, lease, answer, reach));
        join_all(settled).await;
    }
}

async fn revoke(engine: &Engine, lane: &Lane, batch: &[Lease], reach: Reach) -> Vec<Result<Revocation, CallError>> {
    let target = match engine.target(lane) {
        Ok(target) => target,
        Err(error) => return vec![Err(error); batch.len()],
    };
    let in_force = in_force(engine, lane, &target).await;
    if let Err(error @ (CallError::Unreachable { .. } | CallError::Lost { .. })) = in_force {
        return vec![Err(error); batch.len()];
    }
    let now = engine.clock.now();
    let orders: Vec<RevokeOrder> = batch
        .iter()
        .map(|lease| RevokeOrder {
            lease: lease.id,
            locator: lease.locator().map(str::to_owned),
            actions: lease.actions.clone(),
            expires_at: lease.latest_end(),
            since: lease.id.made_at(),
            now,
            reach,
        })
        .collect();
    let mut answers = lane.connector.revoke(&target, &orders).await;
    if answers.iter().any(|answer| matches!(answer, Err(CallError::Unreachable { .. } | CallError::Lost { .. }))) {
        // Part of a target that knows of a later ledger does not do as it is told before that is dealt with.
        if let Err(error) = engine.compare(lane, &target).await {
            tracing::debug!(resource = %lane.resource, %error, "what the target was told could not be compared");
        }
    }
    answers.resize_with(batch.len(), || Err(CallError::Invalid("the connector gave too few answers".to_owned())));
    if let Err(error) = in_force {
        // Access has ended for now, and that is no evidence yet.
        answers.iter_mut().filter(|answer| answer.is_ok()).for_each(|answer| *answer = Err(error.clone()));
    }
    answers
}

/// Whether the target has this server's epoch. Before that, a call of a server before it may be under way, and make again what
/// is taken now.
async fn in_force(engine: &Engine, lane: &Lane, target: &Target) -> Result<(), CallError> {
    match engine.prepare(lane, target).await {
        Ok(_) => Ok(()),
        Err(error @ (CallError::Unreachable { .. } | CallError::Lost { .. })) => Err(error),
        // What is kept there may not fit any more: that is in the way of giving, and of no end.
        Err(error) => match lane.connector.observe(target).await {
            Ok(seen) if seen.epoch == target.epoch => Ok(()),
            Ok(_) | Err(_) => Err(error),
        },
    }
}

async fn settle(engine: &Engine, lane: &Lane, lease: Lease, answer: Result<Revocation, CallError>, reach: Reach) {
    let id = lease.id;
    let again = match answer {
        Ok(revocation) => engine.lease_taken(lease, revocation).await,
        Err(error) => {
            tracing::warn!(lease_id = %id, resource = %lane.resource, %error, "a lease could not be ended yet");
            lane.note(&error);
            engine.retries.failed(id, &error.to_string());
            Some(lease)
        }
    };
    engine.busy.done(id);
    let Some(lease) = again else { return engine.retries.forget(id) };
    if lane.is_down() {
        lane.park(vec![lease]);
    } else if reach == Reach::Access && matches!(lease.state, LeaseState::LockedOut { .. }) {
        // Access has ended; what was left behind is cleared where nobody waits for it.
        lane.enqueue(lease);
    } else {
        engine.retries.later(lease, engine.clock.monotonic());
    }
}
