//! Policy: text in, a checked set out, and from the set decisions with their reasons.
//!
//! This crate exists so that the answer to "may she have it?" can be computed, tested and replayed anywhere:
//! in a server, on a laptop, in a pull request.
//!
//! **Invariant:** there is no I/O, no async, no clock and no randomness here, and no way to say yes that does not
//! come from a Cedar policy which the text wrote down. The bytes of the files, the identity and the time are arguments.

// The text: bytes, tree, and the one table of what may stand in it.
mod address;
mod advice;
mod allowance;
mod codes;
mod compound;
mod glob;
mod ignore;
mod language;
mod leaf;
mod meant;
mod nearest;
mod node;
mod parse;
mod pattern;
mod problem;
mod select;
mod settings;
mod shape;
mod source;
mod whereabouts;
mod window;
mod words;
mod workload;

// The set: what the text says as values, and whether the parts fit.
mod cedar;
mod check;
mod directory;
mod draft;
mod expression;
mod guardrail_file;
mod inventory;
mod link;

mod lint;
mod model;
mod set;
mod vocabulary;

// The decision.
mod approve;
mod ask;
mod authorize;
mod compile;
mod decide;
mod explain;
mod facts;
mod meaning;
mod record;
mod scene;
mod scope;
mod scopes;
mod stages;
mod trials;
mod triggers;

// What is said of whole sets.
mod crowd;
mod diff;
mod overlay;
mod reach;

// For editors.
mod format;
mod reference;
mod schema;

// From other systems.
mod import;

pub use address::Network;
pub use approve::Approver;
pub use ask::{Ask, Expect, Explanation, Judgement, NotAnApprover, Occasion, Terms, Trial};
pub use check::{Checked, Purpose, check, check_in, environments};
pub use codes::{ProblemKind, problem_kind, problem_kinds};
pub use decide::ApprovalTaken;
pub use diff::{AccessDiff, Answer, Change, Direction, Kind, Prover, Question, diff, diff_with};
pub use expression::{Expression, Guardrail};
pub use facts::{Facts, Grants, Mfa as MfaFact, OnCall, TicketState};
pub use format::format;
pub use glob::PathGlob;
pub use import::{Effect, Imported, Origin, Remark, import};
pub use model::{
    Account, Activation, Approval, BreakGlass, Budget, Bundle, Chain, Concurrency, Condition, Constraints, Cooldown,
    Counting, DurationRule, Expressed, Extension, ExtensionApproval, Input, InputKind, Justification, Listed, Mfa,
    Notice, OnPolicyChange, OnTimeout, Pattern, PolicyApprovers, Principal, Receiver, Requesters, Required, Resource,
    Risk, Role, Selector, SourceIp, StageRule, TextPattern, Ticket, Trigger, Verify, Windows,
};
pub use problem::{Problem, Severity};
pub use reach::{Needed, Reach, ReachStage, ReachTrigger};
pub use record::Refused;
pub use reference::reference;
pub use schema::{cedar_schema, environment_schema, schema};
pub use select::{IGNORE_FILE, Selection, select_files};
pub use set::{DefineError, PolicySet};
pub use source::{Place, SourceFile, Span};
pub use trials::{Spot, TrialResult, TrialRun, Untouched};
pub use triggers::{Fired, Recipient};
pub use window::{Days, Window};
pub use workload::{Claims, Provider, Token, Workload};
