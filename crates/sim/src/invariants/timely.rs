//! What has to happen on time: ends at their hour, and the past put right before anybody is served.

use super::ledger::with_more_time;
use super::{Broken, broken};
use crate::memory::Ledger;
use crate::world::World;
use curfew_domain::{Grant, GrantState, Id, LeaseState, Timestamp};
use curfew_engine::seams::{Clock, Store};
use futures::executor::block_on;
use std::collections::BTreeSet;
use std::time::Duration;

/// How late an end may be ordered. The hour is looked at every second; three are more than it takes.
const LATE: Duration = Duration::from_secs(3);
/// How long a start waits for targets before it serves all the same; the engine's own limit.
const RECOVERY: Duration = Duration::from_secs(10);

pub(super) fn check(world: &mut World, ledger: &Ledger) -> Result<(), Broken> {
    remember_beginnings(world, ledger);
    remember_strays(world, ledger);
    let now = world.clock.monotonic();
    let serving = *world.serving();
    let Some(since) = serving.since else { return Ok(()) };
    // An end that the ledger could not record is carried out from memory, and recorded late.
    if !world.commits.is_calm() {
        return Ok(());
    }
    if since.saturating_sub(serving.started) < RECOVERY {
        nothing_is_half_made(world, ledger)?;
    }
    let settled = now.saturating_sub(since.max(world.clock.stepped_at()));
    if settled > LATE {
        ends_are_punctual(world, ledger)?;
        nothing_strays(world, ledger)?;
    }
    Ok(())
}

fn remember_beginnings(world: &mut World, ledger: &Ledger) {
    let truth = world.clock.truth();
    for grant in ledger.grants.values().filter(|g| matches!(g.state, GrantState::Active { .. })) {
        world.memory.begun.entry(grant.id).or_insert(truth);
    }
}

/// What may still give access although the run or client that it lives with is over.
fn remember_strays(world: &mut World, ledger: &Ledger) {
    let (now, truth) = (world.engine.now(), world.clock.truth());
    let strays: BTreeSet<Id<Grant>> =
        ledger.grants.values().filter(|g| is_stray(world, g, now)).map(|g| g.id).collect();
    world.memory.strays.retain(|id, _| strays.contains(id));
    for id in strays {
        world.memory.strays.entry(id).or_insert(truth);
    }
}

/// Whether what lives with a run or a client may still give access, and that is over.
pub(super) fn is_stray(world: &World, grant: &Grant, now: Timestamp) -> bool {
    let Some(lives) = &grant.lives_with else { return false };
    if matches!(grant.state, GrantState::Ending { .. } | GrantState::Ended { .. }) {
        return false;
    }
    match &lives.beat {
        Some(beat) => block_on(world.store.beat(lives.run, beat)).is_ok_and(|held| held.is_none_or(|b| b.until <= now)),
        None => {
            let beats = block_on(world.store.beats(lives.run)).unwrap_or_default();
            let live = block_on(world.store.run(lives.run)).is_ok_and(|run| run.is_some_and(|run| run.is_live()));
            !live || beats.iter().all(|held| held.until <= now)
        }
    }
}

/// 23: nothing that lives with a run or a client stays once that is over.
fn nothing_strays(world: &World, ledger: &Ledger) -> Result<(), Broken> {
    let late = i64::try_from(LATE.as_millis()).unwrap_or(i64::MAX);
    let truth = world.clock.truth();
    let old = |since: &Timestamp| truth > Timestamp::from_millis(since.as_millis() + late);
    match world.memory.strays.iter().find(|(id, since)| ledger.grants.contains_key(id) && old(since)) {
        Some((id, since)) => {
            broken(23, format!("{id} is there at {truth}, and what it lives with is over since {since}"))
        }
        None => Ok(()),
    }
}

/// 10: a server that serves has ended what an earlier one had begun to make.
fn nothing_is_half_made(world: &World, ledger: &Ledger) -> Result<(), Broken> {
    let ours = block_on(world.store.fact("epoch")).ok().flatten();
    let ours: u64 = ours.and_then(|text| text.parse().ok()).unwrap_or(0);
    for lease in ledger.leases.values() {
        if let LeaseState::Issuing { epoch, .. } = lease.state
            && epoch != ours
        {
            return broken(10, format!("{} of epoch {epoch} is still being made in epoch {ours}", lease.id));
        }
    }
    Ok(())
}

/// 7 and 20: an end is ordered at its hour, and no clock makes that later than the time it was given for.
fn ends_are_punctual(world: &World, ledger: &Ledger) -> Result<(), Broken> {
    let late = i64::try_from(LATE.as_millis()).unwrap_or(i64::MAX);
    let (now, truth) = (world.engine.now(), world.clock.truth());
    for grant in ledger.grants.values() {
        let Some(until) = grant.until() else { continue };
        if now > Timestamp::from_millis(until.as_millis() + late) {
            return broken(7, format!("{} was to end at {until}, and it is {now}", grant.id));
        }
        let Some(begun) = world.memory.begun.get(&grant.id) else { continue };
        let lasts = with_more_time(ledger, grant, grant.duration);
        let most = begun.plus(lasts).as_millis() + late;
        if truth > Timestamp::from_millis(most) {
            return broken(20, format!("{} goes on at {truth}, and began at {begun} for {lasts}", grant.id));
        }
    }
    Ok(())
}
