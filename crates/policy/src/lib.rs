//! Policy: text in, a checked set out, and from the set decisions with their reasons.
//!
//! This crate exists so that the answer to "may she have it?" can be computed, tested and replayed anywhere:
//! in a server, on a laptop, in a pull request.
//!
//! **Invariant:** there is no I/O, no async, no clock and no randomness here, and no way to say yes that does not
//! come from a Cedar policy which the text wrote down. The bytes of the files, the identity and the time are arguments.

mod ask;
mod format;
mod model;
mod problem;
mod schema;
mod select;
mod set;
mod source;

pub use ask::{Ask, Explanation, Judgement, NotAnApprover, Terms};
pub use format::format;
pub use model::{
    Approval, Condition, DurationRule, Justification, Listed, Pattern, Principal, Requesters, Required, Resource, Risk,
    Role, StageRule, TextPattern,
};
pub use problem::{Problem, Severity};
pub use schema::schema;
pub use select::{Selection, select_files};
pub use set::{Checked, DefineError, PolicySet, Purpose, check};
pub use source::{Place, SourceFile, Span};
