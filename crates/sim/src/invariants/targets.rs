//! What the targets show, held against the ledger.

use super::{Broken, broken};
use crate::memory::Ledger;
use crate::targets::{Presence, Shown, resources};
use crate::world::World;
use curfew_domain::lease::{Evidence, handle};
use curfew_domain::{GrantState, Id, Lease, Timestamp};
use std::collections::BTreeMap;

/// How far a target's own end of a lease may be from the ledger's: its clock's offset. Milliseconds.
const CLOCKS_DIFFER: i64 = 2_000;

pub(super) fn check(world: &mut World, ledger: &Ledger) -> Result<(), Broken> {
    epochs(world)?;
    let mut shown: BTreeMap<Id<Lease>, Shown> = BTreeMap::new();
    for resource in resources() {
        for thing in world.targets.look(&resource) {
            names_are_used_once(world, &resource, &thing)?;
            let Some(marker) = thing.marker.clone() else {
                if let Some(lease) = named(&thing.name) {
                    shown.entry(lease).or_insert(thing);
                }
                continue;
            };
            if marker.installation != world.engine.installation() {
                continue;
            }
            if !world.memory.orphans.contains(&marker.lease) {
                let ordered = world.memory.ends.get(&marker.lease).copied();
                intent_before_effect(ledger, &thing, (marker.lease, ordered))?;
            }
            shown.insert(marker.lease, thing);
        }
    }
    ended_means_looked(ledger, &shown)?;
    nothing_comes_back(world, ledger, &shown)
}

fn named(name: &str) -> Option<Id<Lease>> {
    name.strip_prefix("cf_").and_then(|id| id.parse().ok())
}

/// 14: no target ever goes by an older epoch than before.
fn epochs(world: &mut World) -> Result<(), Broken> {
    let targets = world.targets.clone();
    match world.memory.note_epochs(&targets) {
        Some((resource, highest, seen)) => broken(14, format!("{resource} went from epoch {highest} to {seen}")),
        None => Ok(()),
    }
}

/// 12: a name in a target is one object for all time.
fn names_are_used_once(world: &mut World, resource: &curfew_domain::ResourceName, thing: &Shown) -> Result<(), Broken> {
    if named(&thing.name).is_none() {
        return Ok(());
    }
    let first = world.memory.made.entry((resource.clone(), thing.name.clone())).or_insert(thing.number);
    match *first == thing.number {
        true => Ok(()),
        false => broken(12, format!("{} was made twice in {resource}", thing.name)),
    }
}

/// 1: nothing of ours stands in a target without an intent in the ledger, or with more than was meant; 8: its own
/// end there is that of its lease.
fn intent_before_effect(
    ledger: &Ledger,
    thing: &Shown,
    (id, ordered): (Id<Lease>, Option<Timestamp>),
) -> Result<(), Broken> {
    let Some(lease) = ledger.leases.get(&id) else {
        return broken(1, format!("{} stands without an intent", thing.name));
    };
    if lease.version.get() < 2 {
        return broken(1, format!("{} stands and its lease is only {}", thing.name, lease.state.word()));
    }
    if thing.name != handle(id) || thing.actions.iter().ne(lease.actions.iter().map(|a| a.as_str())) {
        return broken(2, format!("{} is not what {id} was to be", thing.name));
    }
    // Also what a ledger ordered that was set back since.
    let latest = ordered.map_or(lease.latest_end(), |ordered| ordered.max(lease.latest_end()));
    let beyond = thing.until.as_millis() - latest.as_millis();
    if beyond > CLOCKS_DIFFER {
        return broken(8, format!("{} works {beyond} ms beyond its lease", thing.name));
    }
    Ok(())
}

/// 9: what the ledger says has ended shows no login and no session.
fn ended_means_looked(ledger: &Ledger, shown: &BTreeMap<Id<Lease>, Shown>) -> Result<(), Broken> {
    for lease in ledger.leases.values() {
        let Some(Evidence::Read { .. }) = lease.evidence() else { continue };
        if let Some(open) = shown.get(&lease.id).filter(|thing| thing.is_open()) {
            return broken(9, format!("{} has ended, and {} lets in ({})", lease.id, lease.resource, how(open)));
        }
    }
    for grant in ledger.grants.values() {
        let GrantState::Ended { evidence: Evidence::Read { .. }, .. } = grant.state else { continue };
        let open = grant.leases.iter().filter_map(|id| ledger.leases.get(id)).find(|l| l.evidence().is_none());
        if let Some(lease) = open {
            return broken(9, format!("{} has ended, and {} is {}", grant.id, lease.id, lease.state.word()));
        }
    }
    Ok(())
}

/// 22: what any ledger there was saw end stays ended.
fn nothing_comes_back(world: &World, ledger: &Ledger, shown: &BTreeMap<Id<Lease>, Shown>) -> Result<(), Broken> {
    for lease in ledger.leases.values().filter(|lease| world.memory.over.contains(&lease.grant_id)) {
        if let Some(open) = shown.get(&lease.id).filter(|thing| thing.is_open()) {
            return broken(22, format!("{} had ended, and {} lets in ({})", lease.grant_id, lease.resource, how(open)));
        }
    }
    for (id, resource) in &world.memory.ended {
        if let Some(open) = shown.get(id).filter(|thing| thing.is_open()) {
            return broken(22, format!("{id} had ended, and {resource} lets in again ({})", how(open)));
        }
    }
    Ok(())
}

fn how(thing: &Shown) -> String {
    let there = match thing.presence {
        Presence::There => "there",
        Presence::Gone => "gone",
    };
    format!("{there}, login {}, {} sessions", thing.admitted, thing.sessions)
}
