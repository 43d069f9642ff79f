//! `curfew policy`: what can be said of policies without a server.

mod check;
mod explain;
mod fmt;
mod schema;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use clap::Subcommand;

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say everything that is wrong with a folder of policies, or that nothing is
    Check(check::CheckArgs),
    /// Decide a request here, and say why
    Explain(Box<explain::ExplainArgs>),
    /// Rewrite policies in their one form, comments kept
    Fmt(fmt::FmtArgs),
    /// Print the JSON Schema of the policy language, for editors
    Schema(schema::SchemaArgs),
}

pub(crate) fn run(context: &mut Context, command: PolicyCommand) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::Check(args) => check::run(context, &args),
        PolicyCommand::Explain(args) => explain::run(context, *args),
        PolicyCommand::Fmt(args) => fmt::run(context, &args),
        PolicyCommand::Schema(args) => schema::run(context, &args),
    }
}
