//! PostgreSQL: a role of its own for each lease, a member of group roles that hold the privileges.
//!
//! The order in which things are given and taken is the substance of this room; each step stands where it
//! does because of something that was tried and failed otherwise (`docs/connectors/postgres.md`).
//!
//! **Invariant:** no secret comes in here but the way in of Curfew's own account. Subjects send SCRAM
//! verifiers, and a text that is none is refused before it reaches a statement.

pub mod fake;
mod grammar;
mod groups;
mod kind;
pub mod private;
mod quote;
mod settings;
mod verifier;

pub use kind::KIND;
