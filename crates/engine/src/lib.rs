//! The verbs: request, decide, activate, extend, end, reconcile.
//!
//! The engine turns policy + approval + time into access, and the lack of any of them into none. It owns the
//! seams to the outside ([`seams`]) and knows nothing of what stands behind them.
//!
//! **Invariant:** the engine never spawns, never reads a clock and never draws randomness except through
//! its seams. It returns futures; the server, or the simulator's executor, drives them.

mod activation;
mod alarms;
mod busy;
mod copies;
mod drive;
mod ending;
mod engine;
mod extension;
mod facts;
pub mod keyring;
mod lanes;
mod liveness;
mod notices;
mod nudge;
mod obeys;
pub mod plan;
mod reconcile;
mod retries;
pub mod seams;
mod start;
mod steady;
mod verbs;

pub use activation::Failure;
pub use engine::{Audience, Engine, EngineParts, GrantRef, Pipelines, Unnamed};
pub use facts::token_of;
pub use obeys::{idle, not_obeyed};
pub use reconcile::Report;
pub use start::StartError;
pub use steady::SteadyClock;
pub use verbs::activate::{ActivateError, Activation, Claim};
pub use verbs::ask::{AskFor, RunClient};
pub use verbs::attest::{AttestError, ClosedGrant, ClosedRun, StillOpen};
pub use verbs::break_glass::{ReviewError, Reviewing};
pub use verbs::bundle::{BundleAsk, BundlePart};
pub use verbs::decide::{DecideError, Judging};
pub use verbs::end::{EndError, RevokeWhat};
pub use verbs::extend::{ExtendBy, ExtendError, Extension};
pub use verbs::look::{EndOrdered, Found, HeldUp, Sight, Which};
pub use verbs::policy::{Fate, InForce, PolicyStep};
pub use verbs::request::RequestError;
pub use verbs::run::{Beginning, Lives, RunError};
pub use verbs::runs::{SeenRun, WhichRun};
