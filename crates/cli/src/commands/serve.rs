//! `curfew serve`: a server. The binary runs it.

use clap::Args;
use std::path::PathBuf;

/// What `curfew serve` takes.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Print the effective configuration, secrets masked, and end
    #[arg(long)]
    pub check: bool,
}
