//! `curfew policy`: what can be said of policies, most of it without a server.

mod apply;
mod check;
mod diff;
mod explain;
mod fmt;
mod import;
mod replay;
mod report;
mod schema;
mod test;
mod who;

use super::{Context, wait_for};
use crate::exit::Exit;
use crate::failure::Failure;
use clap::Subcommand;

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Have the server put in force what stands where it takes its policy from; for administrators
    Apply(apply::ApplyArgs),
    /// Say everything that is wrong with a folder of policies, or that nothing is
    Check(check::CheckArgs),
    /// Say what a change of policy makes of access: who can newly reach what, longer, or with fewer approvals
    Diff(diff::DiffArgs),
    /// Decide a request here, and say why
    Explain(Box<explain::ExplainArgs>),
    /// Rewrite policies in their one form, comments kept
    Fmt(fmt::FmtArgs),
    /// Read the policies of another system into this language, and say what could not be carried over
    Import(import::ImportArgs),
    /// Run the tests that the policies bring
    Test(test::TestArgs),
    /// Say who could get to a resource, through what role, with whose approval
    Who(who::WhoArgs),
    /// Decide past requests again, and print those that come out otherwise
    Replay(replay::ReplayArgs),
    /// Print the JSON Schema of the policy language, for editors
    Schema(schema::SchemaArgs),
}

pub(crate) fn run(context: &mut Context, command: PolicyCommand) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::Apply(args) => wait_for(apply::run(context, &args)),
        PolicyCommand::Check(args) => check::run(context, &args),
        PolicyCommand::Diff(args) => diff::run(context, &args),
        PolicyCommand::Explain(args) => explain::run(context, *args),
        PolicyCommand::Fmt(args) => fmt::run(context, &args),
        PolicyCommand::Import(args) => import::run(context, &args),
        PolicyCommand::Test(args) => test::run(context, &args),
        PolicyCommand::Who(args) => who::run(context, &args),
        PolicyCommand::Replay(args) => replay::run(context, &args),
        PolicyCommand::Schema(args) => schema::run(context, &args),
    }
}
