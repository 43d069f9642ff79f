//! Curfew's nouns, their states, and the pure functions that move them.
//!
//! Everything else in the tree either decides when to call these functions or carries out what they say.
//!
//! **Invariant:** there is no I/O, no async, no clock and no randomness in this crate. Time, ids and
//! keys arrive as arguments, so every state of the system can be written down in a test.

pub mod approval;
pub mod artefact;
pub mod audit;
pub mod connector;
pub mod course;
pub mod decision;
pub mod grant;
pub mod id;
pub mod input;
mod lapse;
pub mod lease;
mod leftover;
pub mod limits;
pub mod names;
pub mod request;
pub mod review;
pub mod run;
pub mod scope;
pub mod subject;
pub mod text;
pub mod time;
pub mod transition;

pub use approval::Approval;
pub use artefact::{Artefact, ArtefactKind, Presented, PresentedArtefact};
pub use course::{Course, Opening, StageCourse};
pub use decision::{Decision, Outcome, Reason, ReasonCode, Stage};
pub use grant::{EndCause, Grant, GrantState};
pub use id::Id;
pub use input::{InputValue, Inputs};
pub use lease::{Lease, LeaseState};
pub use names::{ActionName, GroupName, ResourceName, RoleName};
pub use request::{Request, RequestState};
pub use run::{BeatId, Firing, LivesWith, Run, RunEnd, RunKey, RunState, WorkloadToken};
pub use scope::{Pair, Scope};
pub use subject::{Email, Identity, Subject, SubjectId, SubjectKind};
pub use time::{Seconds, Timestamp};
pub use transition::{Transition, Version};
