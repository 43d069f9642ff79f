//! Proofs about expressions, by a solver that runs beside this program.
//!
//! This crate exists because `policy` does no I/O and a proof needs a program: Cedar's symbolic compiler turns two
//! expressions into a question in SMT-LIB, and `cvc5` answers it. Only the access diff asks, never a decision.
//!
//! **Invariant:** "no wider" is said only when the solver proved it for every kind of subject; whatever fails, does not
//! fit or takes too long is "unknown". A request that is shown was decided by Cedar itself, both ways.

mod cvc5;
mod limits;
mod process;
mod witness;

pub use cvc5::Cvc5;
pub use limits::Limits;
