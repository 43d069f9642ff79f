//! `curfew exec`: asks, waits, activates, runs a command with the credentials in its environment, and returns
//! the grants when the command ends. A bundle is asked for whole: all of it is given, or nothing of it is kept.

mod asked;
mod held;

use super::Context;
use super::agent::AgentArgs;
use super::bundle;
use super::inputs;
use super::request::{AskArgs, ask, dry_run, several};
use crate::child::Signals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use asked::{Asked, Waited};
use clap::Args;
use held::Held;
use std::ffi::OsString;

/// What `curfew exec` takes.
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// Always waits; taken so that the flags of `request` can be kept
    #[arg(long, hide = true, conflicts_with = "dry_run")]
    wait: bool,
    /// Print the decision, ask nothing and run nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    agent: AgentArgs,
    /// The command and its arguments; no shell reads them
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) async fn run(context: &mut Context, args: ExecArgs) -> Result<Exit, Failure> {
    let mut body = args.ask.body()?;
    let session = Session::signed_in(context)?;
    if args.dry_run {
        return match dry_run(context, &session, &body).await {
            Err(failure) => {
                let bundle = several(&session, failure, &body).await?;
                bundle::dry_run(context, &session, (&bundle, &args.ask)).await
            }
            done => done,
        };
    }
    inputs::complete(context, &session, &mut body).await?;
    // From here on a signal must not end us before what was asked for is given up.
    let mut signals = Signals::listen()?;
    let asked = match ask(&session, &body).await {
        Ok(request) => Asked::one(request),
        Err(failure) => {
            let bundle = several(&session, failure, &body).await?;
            let parts = bundle::ask(context, &session, (&bundle, &args.ask)).await?;
            Asked::all(context, &session, parts).await?
        }
    };
    let approved = match asked.approved(context, &session, args.ask.what.timeout, &mut signals).await? {
        Waited::Approved(approved) => approved,
        Waited::Interrupted(exit) => return Ok(exit),
    };
    let held = Held::activate(context, &session, &approved).await?;
    held.run(context, &session, (&args.command, args.agent), &mut signals).await
}
