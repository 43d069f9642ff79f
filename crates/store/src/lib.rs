//! Where Curfew keeps what it decided and did: state, evidence, and what is still to be sent.
//!
//! Two backends of one trait, [`curfew_engine::seams::Store`]: [`SqliteStore`], one file that a single
//! server owns, and [`MemoryStore`], for the simulator. One conformance suite (`tests/conformance`) says
//! what both must do.
//!
//! **Invariant:** no rule about access lives here. A ledger knows which version of a noun it holds and what
//! of it is indexed; whether a step may be taken was decided by the domain before it arrived.

pub mod memory;
mod nature;
pub mod sqlite;

pub use memory::MemoryStore;
pub use sqlite::{OpenError, Options, SqliteStore};
