//! `curfew pipeline ...`: access of a job that spans several steps, and what became of a run.

mod begun;
mod end;
mod ended;
mod keep;
mod show;
mod start;
mod status;
pub(crate) mod summary;
mod variables;
mod verify;

pub(crate) use begun::{Begun, Obtained, Wanted, say};
pub(crate) use ended::verified;

use super::{Context, wait_for};
use crate::exit::Exit;
use crate::failure::Failure;
use clap::Subcommand;

/// What `curfew pipeline` takes.
#[derive(Debug, Subcommand)]
pub(crate) enum PipelineCommand {
    /// Begin this job's part of the run, and take access for its later steps
    Start(Box<start::StartArgs>),
    /// End what `start` began, and wait until it is verified gone
    End,
    /// Show this job's run, and the time left
    Status,
    /// Show every grant of a run: who approved, what was made, when it was verified gone
    Show(show::ShowArgs),
    /// Verify offline what `show --attestation` printed, with nothing but the key: 0 all verified gone, 1 not
    Verify(verify::VerifyArgs),
    /// Beat between steps while the job's runner lives; started by `start`
    #[command(hide = true)]
    Keep(keep::KeepArgs),
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, command: PipelineCommand) -> Result<Exit, Failure> {
    match command {
        PipelineCommand::Start(args) => wait_for(start::run(context, *args)),
        PipelineCommand::End => wait_for(end::run(context)),
        PipelineCommand::Status => wait_for(status::run(context)),
        PipelineCommand::Show(args) => wait_for(show::run(context, &args)),
        PipelineCommand::Verify(args) => verify::run(context, &args),
        PipelineCommand::Keep(args) => wait_for(keep::run(context, &args)),
    }
}
