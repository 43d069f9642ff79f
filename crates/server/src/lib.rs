//! The server: HTTP in front of the engine, and everything that has to go on beside it.
//!
//! It reads the configuration, keeps policy in force, knows who is calling, signs the audit log, and drives the
//! engine. What a caller may do is the engine's to say, by policy.
//!
//! **Invariant:** the server never names a table and never tells one kind of connector from another; no
//! handler decides who may do what; no secret reaches a log, an answer or an error.

mod app;
mod assembly;
mod attestation;
mod auth;
mod checkpointer;
pub mod config;
mod console;
mod edge;
mod endpoints;
mod hooks;
pub mod notices;
mod policy_source;
mod refusals;
pub mod seal;
pub mod secrets;
mod serve;
mod tail;
mod target_address;
mod telemetry;
mod wording;
mod words;
mod workload;

pub use checkpointer::CHECKPOINT_KEY;
pub use config::Config;
pub use endpoints::openapi;
pub use policy_source::{Completion, FolderError, PolicyError, PolicySource, Unfit};
pub use secrets::Resolver;
pub use serve::{ServeError, ServerParts, serve};
pub use telemetry::start_logging;
pub use workload::IssuersError;
