//! What a checked policy says, as values.

mod approval;
mod constraint;
mod resource;
mod role;
mod set;

pub use approval::{Approval, Chain, Counting, OnTimeout, StageRule};
pub use constraint::{
    Budget, Concurrency, Constraints, Cooldown, Expressed, Input, InputKind, Justification, Mfa, Required, SourceIp,
    TextPattern, Ticket, Verify, Windows,
};
pub use resource::{Resource, Risk};
pub use role::{
    Activation, BreakGlass, Condition, DurationRule, Extension, ExtensionApproval, Listed, Notice, OnPolicyChange,
    Pattern, Principal, Receiver, Requesters, Role, Selector, Trigger,
};
pub use set::{Account, Bundle, PolicyApprovers};
