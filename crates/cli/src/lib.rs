//! `curfew`, the command line: one file per command, talking to a server through the typed client, and to
//! policy and evidence directly where no server is needed.
//!
//! The secret half of every credential is made and kept here, on the subject's own machine.
//!
//! **Invariant:** nothing here reads a ledger or touches a target. What a person may do is never decided
//! here; the server decides, and this crate says what it said.

mod args;
mod child;
mod commands;
mod exit;
mod failure;
mod host;
#[cfg(test)]
mod hostile;
mod job;
mod machine;
mod output;
mod policy_files;
mod program;
mod secret;
mod session;
mod shell;
mod ssh_agent;
mod state;
mod whole_file;

pub use commands::dev::DevArgs;
pub use commands::serve::ServeArgs;
pub use exit::Exit;
pub use failure::Failure;
pub use machine::Machine;
pub use output::{Output, Reader, Streams, Table, Voice};
pub use program::{Program, run, run_on};
