//! The verbs: request, decide, activate, extend, end, reconcile.
//!
//! The engine turns policy + approval + time into access, and the lack of any of them into none. It owns the
//! seams to the outside ([`seams`]) and knows nothing of what stands behind them.
//!
//! **Invariant:** the engine never spawns, never reads a clock and never draws randomness except through
//! its seams. It returns futures; the server, or the simulator's executor, drives them.

pub mod keyring;
pub mod seams;
