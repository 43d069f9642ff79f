//! Policy: text in, a checked set out, and from the set decisions with their reasons.
//!
//! This crate exists so that the answer to "may she have it?" can be computed, tested and replayed anywhere:
//! in a server, on a laptop, in a pull request.
//!
//! **Invariant:** there is no I/O, no async, no clock and no randomness here, and no way to say yes that does not
//! come from a Cedar policy which the text wrote down. The bytes of the files, the identity and the time are arguments.

// The text: bytes, tree, and the one table of what may stand in it.
mod glob;
mod ignore;
mod language;
mod leaf;
mod nearest;
mod node;
mod parse;
mod pattern;
mod problem;
mod select;
mod settings;
mod shape;
mod source;

// The set: what the text says as values, and whether the parts fit.
mod check;
mod directory;
mod draft;
mod inventory;
mod link;
mod lint;
mod model;
mod set;

// The decision.
mod approvers;
mod ask;
mod authorize;
mod compile;
mod decide;
mod explain;
mod meaning;
mod scope;

// For editors.
mod format;
mod schema;

// From other systems.
mod import;

pub use ask::{Ask, Explanation, Judgement, NotAnApprover, Terms};
pub use check::{Checked, Purpose, check};
pub use format::format;
pub use import::{Effect, Imported, Origin, Remark, import};
pub use model::{
    Approval, Condition, DurationRule, Justification, Listed, Pattern, Principal, Requesters, Required, Resource, Risk,
    Role, StageRule, TextPattern,
};
pub use problem::{Problem, Severity};
pub use schema::schema;
pub use select::{IGNORE_FILE, Selection, select_files};
pub use set::{DefineError, PolicySet};
pub use source::{Place, SourceFile, Span};
