//! The public invariants of the design, each with its checker. Numbers are those of ARCHITECTURE.md;
//! docs/simulator.md says what each of them catches.

mod evidence;
mod ledger;
mod quiet;
mod targets;
mod timely;

use crate::memory::Ledger;
use crate::world::World;
use curfew_engine::seams::store::Store;
use futures::executor::block_on;
use std::fmt;

pub(crate) use quiet::{check_left, check_quiet, check_soon};

/// An invariant that did not hold, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its number in ARCHITECTURE.md.
    pub invariant: u8,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {}: {}", self.invariant, self.seen)
    }
}

pub(crate) fn broken<T>(invariant: u8, seen: impl Into<String>) -> Result<T, Broken> {
    Err(Broken { invariant, seen: seen.into() })
}

/// What holds at every moment, whatever is broken.
pub(crate) fn check_now(world: &mut World) -> Result<(), Broken> {
    let read = Ledger::read(&world.store);
    world.memory.remember(&read);
    ledger::check(&read)?;
    ledger::promises(world, &read)?;
    targets::check(world, &read)?;
    timely::check(world, &read)
}

/// What holds at every moment, and that the events and the notices say the same.
pub(crate) fn check_all(world: &mut World) -> Result<(), Broken> {
    check_now(world)?;
    let read = Ledger::read(&world.store);
    let events = block_on(world.store.events(0, usize::MAX)).unwrap_or_default();
    evidence::check(world, &read, &events)
}
