//! `curfew host`: the program on an SSH host. It maps certificates to accounts when sshd asks, keeps the
//! revocation list fresh, ends the sessions of ended leases, and reports what it sees: that is the read-back.
//!
//! **Invariant:** it gives nobody access that the server did not name. Whatever is missing, late or malformed
//! refuses: no mapping, no running agent, no record of the session, no login.

mod agent;
mod connection;
mod ending;
mod folder;
mod principals;
mod processes;
mod sessions;
mod setup;
mod token;

use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Everything `curfew host` does.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum HostCommand {
    /// Print what sshd must be told, and with --write prepare the folder
    Setup(setup::SetupArgs),
    /// What sshd runs to learn which principals may enter an account
    Principals(principals::PrincipalsArgs),
    /// Ask the server what to do, do it, and report, until stopped
    Run(Place),
    /// List the sessions that were opened with certificates of ours
    Sessions(Place),
    /// Make the token with which a host reports (for administrators, anywhere)
    Token(token::HostArgs),
    /// No longer expect a host to report (for administrators, anywhere)
    Forget(token::HostArgs),
}

/// Where a host's files are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The folder that sshd and this program share
    #[arg(long, value_name = "DIR", default_value = "/etc/ssh/curfew")]
    pub dir: PathBuf,
}

/// Runs one of them.
pub(crate) async fn run(context: &mut Context, command: HostCommand) -> Result<Exit, Failure> {
    match command {
        HostCommand::Setup(args) => setup::run(context, &args),
        HostCommand::Principals(args) => principals::run(context, &args),
        HostCommand::Run(place) => agent::run(context, &place).await,
        HostCommand::Sessions(place) => sessions::run(context, &place),
        HostCommand::Token(args) => token::make(context, args).await,
        HostCommand::Forget(args) => token::forget(context, args).await,
    }
}
