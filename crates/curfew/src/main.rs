//! `curfew`, the one binary: the command line, and the server behind `serve` and `dev`.
//!
//! It alone picks the ledger and the list of connectors, and builds the machine's clocks and randomness.
//!
//! **Invariant:** nothing is decided here; whatever this crate knows is which parts are put together.

#[cfg(debug_assertions)]
mod crash;
mod dev;
mod machine;
mod parts;
mod serve;
mod targets;

use curfew_cli::Program;
use std::process::ExitCode;

/// Gives memory back that a look at all targets took for a moment; the system's own keeps it.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Every TLS connection of this process uses one provider; a second install is refused, which is as good.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    machine::raise_descriptor_limit();
    curfew_cli::run(Program { kinds: parts::KINDS.to_vec(), dev: dev::run, serve: serve::run })
}
