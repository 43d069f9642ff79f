//! `curfew dev`: everything on this machine, for trying it out. The binary runs it.

use clap::Args;
use std::path::PathBuf;

/// What `curfew dev` takes.
#[derive(Debug, Clone, Args)]
pub struct DevArgs {
    /// The policies, watched for changes [default: the example policies]
    #[arg(long, value_name = "DIR")]
    pub policies: Option<PathBuf>,
    /// Where the ledger and everything else is kept [default: a private folder that goes at the end]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Where to listen; loopback only [default: as configured, else 127.0.0.1:7373]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Further configuration: the keys of curfew.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
