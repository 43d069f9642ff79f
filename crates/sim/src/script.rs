//! One run: random steps with trouble, then calm, then the end of all time limits.

use crate::invariants::{Broken, check_all, check_left, check_now, check_quiet, check_soon};
use crate::targets::resources;
use crate::world::{Trouble, World};
use crate::{jobs, luck, people};
use curfew_engine::seams::store::Store;
use futures::executor::block_on;
use sha2::{Digest, Sha256};
use std::sync::PoisonError;
use std::time::Duration;

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The line-by-line story; the same seed gives the same bytes.
    pub trace: String,
    /// The first invariant that did not hold.
    pub broken: Option<Broken>,
    /// Boundaries passed: calls to targets and commits, before and after each.
    pub boundaries: u64,
    /// How often the server died.
    pub crashes: u32,
    /// How often the ledger was set back to an older copy.
    pub restored: u32,
    /// Audit events written.
    pub events: u64,
}

/// Plays one seed: `steps` random steps with trouble, then calm, then the end of all time limits.
pub fn run(seed: u64, steps: usize, trouble: Trouble) -> Run {
    let mut world = World::new(seed, trouble);
    world.pass(Duration::from_millis(50));
    let mut broken = None;
    for _ in 0..steps {
        step(&mut world);
        let length = *world.chance.pick(&[0, 0, 1, 1, 20, 20, 400, 5_000, 61_000, 400_000]);
        world.pass(Duration::from_millis(length));
        broken = check_now(&mut world).err();
        if broken.is_some() {
            break;
        }
    }
    let broken = broken.or_else(|| settle(&mut world).err());
    let head = block_on(world.store.tree_head());
    let root = head.as_ref().map(|h| hex::encode(Sha256::digest(h.root))).unwrap_or_default();
    world.note(&format!("the log ends with {root}"));
    if let Some(broken) = &broken {
        world.note(&format!("BROKEN {broken}"));
    }
    Run {
        trace: world.trace.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        broken,
        boundaries: world.edge.passed.load(std::sync::atomic::Ordering::SeqCst),
        crashes: world.crashes,
        restored: world.memory.restored,
        events: head.map_or(0, |h| h.size),
    }
}

fn step(world: &mut World) {
    let trouble = world.trouble;
    if trouble.target_fault_once_in > 0 && world.chance.one_in(trouble.target_fault_once_in) {
        return luck::step(world);
    }
    jobs::beat(world);
    match world.chance.below(33) {
        0..=6 => people::ask(world),
        7..=12 => people::judge(world),
        13..=18 => people::activate(world),
        19 | 20 => people::end(world),
        21 | 22 => people::log_in(world),
        23 => people::withdraw(world),
        24 => luck::change_policy(world),
        25..=27 => people::extend(world),
        28..=31 => jobs::step(world),
        _ => luck::host_turns(world),
    }
}

/// No more trouble: soon everything is consistent, and when every limit is over nothing is left.
fn settle(world: &mut World) -> Result<(), Broken> {
    while !world.late.is_empty() {
        world.late_call();
    }
    world.pass(Duration::from_secs(10));
    check_now(world)?;
    world.calm();
    if world.is_behind() {
        // What the documentation tells people to do when targets refuse a restored ledger's server.
        world.note("somebody sets the clock right and starts the server again");
        world.clock.step(3 * 3_600 * 1_000);
        world.die_and_return();
    }
    if world.trouble.target_fault_once_in > 0 {
        resources().iter().for_each(|resource| luck::remove_something(world, resource));
    }
    world.pass(Duration::from_secs(45));
    check_soon(world)?;
    world.pass(Duration::from_secs(155));
    check_all(world)?;
    check_quiet(world)?;
    // A jump ahead is followed: everything that has a limit ends, at the latest now, however far back the clock was set.
    world.clock.step(world.clock.behind_millis() + 27 * 3_600 * 1_000);
    world.pass(Duration::from_secs(200));
    check_all(world)?;
    check_quiet(world)?;
    check_left(world)
}

pub(crate) fn show<E: std::fmt::Display>(outcome: Result<String, E>) -> String {
    outcome.unwrap_or_else(|error| format!("no: {error}"))
}
