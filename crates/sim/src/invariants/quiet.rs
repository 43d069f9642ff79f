//! What holds once nothing has gone wrong for a while, and once every limit is over.

use super::timely::is_stray;
use super::{Broken, broken};
use crate::memory::Ledger;
use crate::targets::{Kind, Presence, Shown, kind, resources};
use crate::world::World;
use curfew_domain::lease::handle;
use curfew_domain::{Grant, GrantState, Lease, LeaseState, RequestState, Timestamp};
use curfew_engine::seams::store::{Page, RunFilter, Store};
use futures::executor::block_on;

/// How long an end may take where nothing is in its way. Milliseconds.
const PROMPT: u64 = 5_000;

/// A retry waits half a minute at most, so a little later every end that was ordered before is done.
pub(crate) fn check_soon(world: &World) -> Result<(), Broken> {
    let now = world.engine.now();
    for lease in Ledger::read(&world.store).leases.values() {
        let since = match &lease.state {
            LeaseState::Revoking { since, .. } | LeaseState::LockedOut { since, .. } => *since,
            LeaseState::Wanted | LeaseState::Issuing { .. } | LeaseState::Live { .. } | LeaseState::Revoked { .. } => {
                continue;
            }
        };
        if now.millis_since(since) > PROMPT {
            return broken(
                10,
                format!("{} is {} since {since}, with nothing in the way", lease.id, lease.state.word()),
            );
        }
    }
    Ok(())
}

/// With all trouble gone for a while: what the ledger says is what the targets show.
pub(crate) fn check_quiet(world: &World) -> Result<(), Broken> {
    let ledger = Ledger::read(&world.store);
    for lease in ledger.leases.values() {
        let name = handle(lease.id);
        let thing = world.targets.look(&lease.resource).into_iter().find(|s| s.name == name);
        lease_is_as_shown(lease, thing)?;
    }
    for grant in ledger.grants.values() {
        grant_is_whole(world, &ledger, grant)?;
        policy_gives_it(world, &ledger, grant)?;
    }
    strangers_are_locked(world, &ledger)
}

/// 1, 9 and 10: live is there and lets in, revoked is gone, and nothing is in between.
fn lease_is_as_shown(lease: &Lease, thing: Option<Shown>) -> Result<(), Broken> {
    let there = thing.as_ref().is_some_and(|thing| thing.presence == Presence::There);
    let open = thing.as_ref().is_some_and(Shown::is_open);
    match lease.state {
        LeaseState::Live { .. } if !there => {
            broken(1, format!("{} is live and {} does not show it", lease.id, lease.resource))
        }
        LeaseState::Live { .. } if !open => broken(9, format!("{} is live and lets nobody in", lease.id)),
        LeaseState::Live { .. } => Ok(()),
        LeaseState::Revoked { .. } if there || open => {
            broken(9, format!("{} is revoked and left in {}", lease.id, lease.resource))
        }
        LeaseState::Revoked { .. } => Ok(()),
        LeaseState::Wanted
        | LeaseState::Issuing { .. }
        | LeaseState::Revoking { .. }
        | LeaseState::LockedOut { .. } => {
            let there = if there { "there" } else { "gone" };
            broken(10, format!("{} is {} at quiet, and in its target {there}", lease.id, lease.state.word()))
        }
    }
}

/// 2, 10 and 20: an active grant has all of its leases, and ends when it should.
fn grant_is_whole(world: &World, ledger: &Ledger, grant: &Grant) -> Result<(), Broken> {
    let now = world.clock.truth();
    match grant.state {
        GrantState::Active { until, .. } if until > now => {
            let wanted = grant.scope.by_resource().len();
            let current = grant.leases.iter().rev().take(wanted).filter_map(|id| ledger.leases.get(id));
            let live = current.filter(|l| matches!(l.state, LeaseState::Live { .. })).count();
            match live == wanted {
                true => Ok(()),
                false => broken(2, format!("{} is active without all of its leases", grant.id)),
            }
        }
        GrantState::Active { until, .. } => broken(20, format!("{} is active at {now}, after {until}", grant.id)),
        GrantState::Activating { .. } | GrantState::Ending { .. } => {
            broken(10, format!("{} is {} at quiet", grant.id, grant.state_word()))
        }
        GrantState::Approved { .. } | GrantState::Ended { .. } => Ok(()),
    }
}

/// 5 and 23: nobody has what the policy in force does not let them ask for, or what lives with clients that are silent.
fn policy_gives_it(world: &World, ledger: &Ledger, grant: &Grant) -> Result<(), Broken> {
    if matches!(grant.state, GrantState::Ended { .. }) {
        return Ok(());
    }
    if grant.lives_with.is_some() {
        return match is_stray(world, grant, world.engine.now()) {
            true => broken(23, format!("{} is {} with no client that beats", grant.id, grant.state_word())),
            false => Ok(()),
        };
    }
    let Some(request) = ledger.requests.get(&grant.request_id) else { return Ok(()) };
    let who = request.asker();
    match world.engine.policy().is_eligible(&grant.role, &who) {
        true => Ok(()),
        false => broken(5, format!("{} is {} though policy denies it", grant.id, grant.state_word())),
    }
}

/// 11 and 22: what bears our marker and is unknown to the ledger lets nobody in. Of a certificate that nobody uses
/// no host can know; its own end comes.
fn strangers_are_locked(world: &World, ledger: &Ledger) -> Result<(), Broken> {
    let installation = world.engine.installation();
    for resource in resources() {
        for thing in world.targets.look(&resource) {
            let Some(marker) = &thing.marker else { continue };
            if marker.installation != installation || ledger.leases.contains_key(&marker.lease) {
                continue;
            }
            let open = match kind(&resource) {
                Kind::Database => thing.is_open(),
                Kind::Host => thing.sessions > 0,
            };
            if open {
                return broken(11, format!("{} is unknown and open in {resource}", thing.name));
            }
        }
    }
    Ok(())
}

/// After every limit: nothing that gives access is left, anywhere.
pub(crate) fn check_left(world: &World) -> Result<(), Broken> {
    let ledger = Ledger::read(&world.store);
    if let Some(grant) = ledger.grants.values().find(|g| !matches!(g.state, GrantState::Ended { .. })) {
        return broken(10, format!("{} is {} after every limit", grant.id, grant.state_word()));
    }
    let live = block_on(world.store.runs(&RunFilter::default(), Page { before: None, limit: 1 })).unwrap_or_default();
    if let Some(run) = live.first() {
        return broken(23, format!("{} is live after every limit", run.id));
    }
    if let Some(request) = ledger.requests.values().find(|r| matches!(r.state, RequestState::Pending)) {
        return broken(10, format!("{} is pending after every limit", request.id));
    }
    let installation = world.engine.installation();
    for resource in resources() {
        for thing in world.targets.look(&resource) {
            let ours = thing.marker.as_ref().is_some_and(|m| m.installation == installation);
            let known = thing.marker.as_ref().is_some_and(|m| ledger.leases.contains_key(&m.lease));
            let left = known && kind(&resource) == Kind::Database;
            if ours && (thing.is_open() || left) {
                return broken(9, format!("{} is left in {resource}, until {}", thing.name, when(thing.until)));
            }
        }
    }
    Ok(())
}

fn when(until: Timestamp) -> String {
    if until.as_millis() == i64::MAX { "for ever".to_owned() } else { until.to_string() }
}
