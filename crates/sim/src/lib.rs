//! The whole system in one seeded, deterministic world: people, clocks, a ledger and targets, and everything
//! that can go wrong with each of them.
//!
//! **Invariant:** nothing here reads a real clock, draws real randomness, spawns, or talks to a network. The
//! same seed gives the same bytes.

mod chance;
mod clock;
mod commits;
mod edge;
mod executor;
mod invariants;
mod jobs;
mod luck;
mod memory;
mod people;
mod policies;
#[cfg(test)]
mod regressions;
mod script;
mod targets;
mod turns;
mod world;

pub use chance::Chance;
pub use invariants::Broken;
pub use script::{Run, run};
pub use world::{Trouble, World};
