//! What bad luck and administrators do: break targets, clocks and ledgers, and change the policy.

use crate::policies::{Rules, policy};
use crate::script::show;
use crate::targets::{Kind, Presence, kind, resources};
use crate::world::World;
use curfew_connectors::postgres::fake::{Call, Fault, Power};
use curfew_connectors::ssh::fake::Agent;
use curfew_domain::{Id, Lease, LeaseState, ResourceName, Seconds, Subject};
use curfew_engine::seams::connector::Marker;
use curfew_engine::seams::{Clock, Store};
use futures::FutureExt;
use futures::executor::block_on;
use std::time::Duration;

/// One piece of it.
pub(crate) fn step(world: &mut World) {
    let resource = world.chance.pick(&resources()).clone();
    match world.chance.below(15) {
        0 => set_power(world, &resource, Power::Down),
        1 | 2 => set_power(world, &resource, Power::Up),
        3 | 4 => break_call(world, &resource),
        5 => step_clock(world),
        6 => remove_something(world, &resource),
        7 => plant_anothers(world, &resource),
        8 => set_clock_offset(world, &resource),
        9 => set_agent(world),
        10 => host_turns(world),
        11 => plant_unknown(world, &resource),
        12 => match world.backup {
            Some(_) => world.restore(),
            None => world.back_up(),
        },
        13 => world.late_call(),
        _ => world.die_and_return(),
    }
}

fn set_power(world: &World, resource: &ResourceName, power: Power) {
    world.note(&format!("{resource} is {power:?}"));
    world.targets.set_power(resource, power);
}

fn break_call(world: &World, resource: &ResourceName) {
    let slow = Fault::Slow(Duration::from_secs(7));
    let fault = *world.chance.pick(&[slow, Fault::LoseReply, Fault::LoseCall, Fault::Refuse, Fault::Down]);
    let calls = [Call::Issue, Call::Issue, Call::Revoke, Call::Observe, Call::Probe, Call::Prepare];
    let call = *world.chance.pick(&calls);
    world.note(&format!("the next {call:?} of {resource} meets {fault:?}"));
    // An end that is refused again and again is tried again and again.
    let times = if call == Call::Revoke && fault == Fault::Refuse { 6 } else { 1 };
    for _ in 0..times {
        world.targets.break_next(resource, call, fault);
    }
}

fn step_clock(world: &World) {
    let step = *world.chance.pick(&[-3_600_000, -10_000, 10_000, 3_600_000]);
    world.note(&format!("the wall clock steps {step} ms"));
    world.clock.step(step);
}

pub(crate) fn remove_something(world: &mut World, resource: &ResourceName) {
    let there: Vec<_> = world.targets.look(resource).into_iter().filter(|s| s.presence == Presence::There).collect();
    if there.is_empty() {
        return;
    }
    let thing = world.chance.pick(&there);
    let lease = thing.marker.as_ref().and_then(|marker| block_on(world.store.lease(marker.lease)).ok().flatten());
    let is_numbered = lease.as_ref().is_none_or(|lease| lease.locator().is_some());
    if kind(resource) == Kind::Database && thing.sessions > 0 && !is_numbered {
        // Sessions of a role that is dropped by hand, and whose number the ledger never learned, are nobody's in PostgreSQL.
        return;
    }
    world.note(&format!("somebody removes {} from {resource}", thing.name));
    world.targets.remove(resource, &thing.name);
    if lease.is_some_and(|lease| matches!(lease.state, LeaseState::Issuing { .. })) {
        // Its call is not answered yet, and when it is repeated the same lease makes the same name anew.
        world.memory.made.remove(&(resource.clone(), thing.name.clone()));
    }
}

fn plant_anothers(world: &World, resource: &ResourceName) {
    if kind(resource) == Kind::Host {
        return;
    }
    world.note(&format!("somebody makes a role of another Curfew in {resource}"));
    let marker = "curfew:ffffffffffffffff:lse_00000000000000000000000000:1".to_owned();
    world.targets.databases.plant(resource, &format!("cf_other_{}", world.chance.below(1_000)), Some(marker));
}

/// Something that bears our marker, and that no ledger ever knew.
fn plant_unknown(world: &mut World, resource: &ResourceName) {
    let mut random = [0u8; 10];
    curfew_engine::seams::Entropy::fill(&*world.chance, &mut random);
    let lease: Id<Lease> = Id::new(world.clock.wall(), random);
    let expires_at = world.clock.wall().plus(Seconds::new(1_800));
    world.note(&format!("something of an unknown {lease} appears in {resource}"));
    world.targets.plant(resource, &Marker { installation: world.engine.installation(), lease, expires_at });
    world.memory.orphans.insert(lease);
}

fn set_clock_offset(world: &World, resource: &ResourceName) {
    let offset = *world.chance.pick(&[-2_000, 0, 2_000]);
    world.note(&format!("{resource}'s clock is {offset} ms off"));
    world.targets.set_clock_offset(resource, offset);
}

fn set_agent(world: &World) {
    let host = host(world);
    let agent = *world.chance.pick(&[Agent::Late, Agent::Late, Agent::Prompt]);
    world.note(&format!("the agent of {host} is {agent:?}"));
    world.targets.hosts.set_agent(&host, agent);
}

/// A late host fetches its list, or puts in force what it fetched, and reports.
pub(crate) fn host_turns(world: &mut World) {
    let host = host(world);
    world.note(&format!("the agent of {host} takes its turn"));
    world.targets.hosts.take_turn(&host);
}

fn host(world: &World) -> ResourceName {
    let hosts: Vec<_> = resources().into_iter().filter(|name| kind(name) == Kind::Host).collect();
    world.chance.pick(&hosts).clone()
}

/// An administrator puts the other policy in force; the server reads the same one when it starts.
pub(crate) fn change_policy(world: &mut World) {
    let rules = *world.chance.pick(&[Rules::Wide, Rules::Narrow]);
    let set = policy(rules);
    world.rules = set.clone();
    let engine = world.engine.clone();
    let what = format!("the {rules:?} policy comes into force");
    let verb = async move {
        let ended = engine.apply_policy(set, &Subject::system()).await;
        show(ended.map(|grants| format!("{} grants end", grants.len())))
    };
    world.begin(what, verb.boxed());
}
