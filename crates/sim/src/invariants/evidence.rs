//! What the audit log and the outbox have to say of it all.

use super::{Broken, broken};
use crate::memory::Ledger;
use crate::targets::{Kind, kind, resources};
use crate::world::World;
use curfew_domain::audit::{AuditAction, Detail, SealedEvent};
use curfew_domain::{GrantState, RequestState, Timestamp};
use curfew_engine::seams::Store;
use futures::executor::block_on;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(world: &World, ledger: &Ledger, events: &[SealedEvent]) -> Result<(), Broken> {
    events_give_the_state(ledger, events)?;
    final_states_stay(events)?;
    epochs_rise(events)?;
    people_are_told(world, ledger)?;
    strangers_are_reported(world, events)
}

/// 18: replaying the events gives the state.
fn events_give_the_state(ledger: &Ledger, events: &[SealedEvent]) -> Result<(), Broken> {
    let mut after: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    for sealed in events {
        if let Some(state @ Detail::Map(map)) = sealed.event.details.get("after")
            && let Some(Detail::Text(id)) = map.get("id")
        {
            after.insert(id.clone(), state.clone().into());
        }
    }
    for request in ledger.requests.values() {
        same(&after, &request.id.to_string(), request)?;
    }
    for grant in ledger.grants.values() {
        same(&after, &grant.id.to_string(), grant)?;
    }
    for lease in ledger.leases.values() {
        same(&after, &lease.id.to_string(), lease)?;
    }
    Ok(())
}

fn same<T: serde::de::DeserializeOwned + PartialEq>(
    after: &BTreeMap<String, serde_json::Value>,
    id: &str,
    state: &T,
) -> Result<(), Broken> {
    match after.get(id).cloned().map(serde_json::from_value::<T>) {
        Some(Ok(replayed)) if replayed == *state => Ok(()),
        Some(Ok(_)) => broken(18, format!("the events of {id} give another state")),
        Some(Err(error)) => broken(18, format!("the last event of {id} cannot be read back: {error}")),
        None => broken(18, format!("{id} has no event")),
    }
}

/// 6: a final state is never left, and no step is taken from a state that another step has left.
fn final_states_stay(events: &[SealedEvent]) -> Result<(), Broken> {
    let mut last: BTreeMap<String, (AuditAction, i64)> = BTreeMap::new();
    for sealed in events {
        let Some(Detail::Map(map)) = sealed.event.details.get("after") else { continue };
        let (Some(Detail::Text(id)), Some(Detail::Integer(version))) = (map.get("id"), map.get("version")) else {
            continue;
        };
        let action = sealed.event.action;
        if let Some((before, at)) = last.get(id) {
            if is_final(*before) {
                return broken(6, format!("{id} left its final state by {}", action.as_str()));
            }
            if *version != at + 1 {
                return broken(6, format!("{id} went from version {at} to {version} by {}", action.as_str()));
            }
        }
        last.insert(id.clone(), (action, *version));
    }
    Ok(())
}

fn is_final(action: AuditAction) -> bool {
    matches!(
        action,
        AuditAction::RequestApproved
            | AuditAction::RequestDenied
            | AuditAction::RequestWithdrawn
            | AuditAction::RequestLapsed
            | AuditAction::GrantEnded
            | AuditAction::LeaseRevoked
    )
}

/// 14: each start has a higher epoch than the one before.
fn epochs_rise(events: &[SealedEvent]) -> Result<(), Broken> {
    let mut highest = 0;
    for sealed in events.iter().filter(|s| s.event.action == AuditAction::ServerStarted) {
        let Some(Detail::Integer(epoch)) = sealed.event.details.get("epoch") else { continue };
        if *epoch <= highest {
            return broken(14, format!("a server started with epoch {epoch} after {highest}"));
        }
        highest = *epoch;
    }
    Ok(())
}

/// 18: whoever has to hear of a step finds it in the outbox.
fn people_are_told(world: &World, ledger: &Ledger) -> Result<(), Broken> {
    let outbox = block_on(world.store.notices(Timestamp::from_millis(i64::MAX), usize::MAX)).unwrap_or_default();
    let mut told: BTreeSet<(String, String)> = BTreeSet::new();
    for notice in outbox {
        let about = |of: &str| notice.data.get(of).and_then(|noun| noun.get("id")).and_then(|id| id.as_str());
        if let Some(id) = about("grant").or_else(|| about("request")) {
            told.insert((notice.about.clone(), id.to_owned()));
        }
    }
    let hears = |about: &str, id: String| match told.contains(&(about.to_owned(), id.clone())) {
        true => Ok(()),
        false => broken(18, format!("nobody hears that {id} is {about}")),
    };
    for request in ledger.requests.values() {
        let id = request.id.to_string();
        match request.state {
            RequestState::Pending => hears("requested", id)?,
            RequestState::Approved { .. } => hears("approved", id)?,
            RequestState::Denied { .. } => hears("denied", id)?,
            RequestState::Withdrawn { .. } => hears("withdrawn", id)?,
            RequestState::Lapsed { .. } => hears("lapsed", id)?,
        }
    }
    for grant in ledger.grants.values() {
        let id = grant.id.to_string();
        match grant.state {
            GrantState::Active { .. } => hears("activated", id)?,
            GrantState::Ended { .. } => hears("ended", id)?,
            GrantState::Approved { .. } | GrantState::Activating { .. } | GrantState::Ending { .. } => {}
        }
    }
    Ok(())
}

/// 11: what bears our marker and is unknown was reported by name.
fn strangers_are_reported(world: &World, events: &[SealedEvent]) -> Result<(), Broken> {
    // An alarm that the ledger did not take is in the server's own log.
    if !world.commits.never_failed() {
        return Ok(());
    }
    let alarms: Vec<&str> = events
        .iter()
        .filter(|s| s.event.action == AuditAction::TargetDrift)
        .map(|s| s.event.because.as_str())
        .collect();
    for resource in resources() {
        for thing in world.targets.look(&resource) {
            let Some(marker) = &thing.marker else { continue };
            let unknown = world.memory.orphans.contains(&marker.lease) && kind(&resource) == Kind::Database;
            if unknown && !alarms.iter().any(|alarm| alarm.contains(&thing.name)) {
                return broken(11, format!("{} is unknown, and nobody was told", thing.name));
            }
        }
    }
    Ok(())
}
