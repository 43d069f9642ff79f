//! `curfew exec`: asks, waits, activates, runs a command with the credential in its environment, and returns
//! the grant when the command ends.

use super::Context;
use super::activate::activate;
use super::bundle::is_several;
use super::give_back::{forget, give_back};
use super::inputs;
use super::request::{AskArgs, ask, dry_run, say_who_approves, several, wait};
use super::running::{Access, Meanwhile, Ran, Running, Word, no_verdict, over, return_grant, said_over, withdraw};
use crate::child::{self, Signals};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret::Iterations;
use crate::session::Session;
use clap::Args;
use curfew_api::RequestView;
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
    /// The command and its arguments; no shell reads them
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// How the wait for a verdict ended.
enum Waited {
    Approved(Box<RequestView>),
    Interrupted(Exit),
}

pub(crate) async fn run(context: &mut Context, args: ExecArgs) -> Result<Exit, Failure> {
    let body = args.ask.body()?;
    let session = Session::signed_in(context)?;
    if args.dry_run {
        return dry_run(context, &session, &body).await;
    }
    let mut body = body;
    inputs::complete(context, &session, &mut body).await?;
    // From here on a signal must not end us before what was asked for is given up.
    let mut signals = Signals::listen()?;
    let request = match ask(&session, &body).await {
        Ok(request) => request,
        Err(failure) => return Err(is_several(&several(&session, failure, &body).await?)),
    };
    say_who_approves(context, &request);
    let request = match approved(context, &session, request, &args, &mut signals).await? {
        Waited::Approved(request) => request,
        Waited::Interrupted(exit) => return Ok(exit),
    };
    let id = request.id.to_string();
    let activated = match activate(context, &session, &id, Iterations::ANY_DRIVER).await {
        Ok(activated) => activated,
        Err(failure) => {
            // Unclaimed, it would wait for hours for somebody who is gone.
            let _ = give_back(context, &session, &id).await;
            return Err(failure);
        }
    };
    let ran = match signals.pending().await {
        Some(signal) => Ran { exit: Ok(child::exit_of(signal)), access: Access::Held },
        None => {
            let id = activated.grant.id.to_string();
            let running = Running { command: &args.command, activated: &activated, meanwhile: Meanwhile::RunsOn };
            let news = async || Word::Over(said_over(&over(&session, &id).await, "the command runs on without access"));
            running.run(context, &mut signals, news).await
        }
    };
    match ran.access {
        Access::Held => {
            let end = activated.grant.expires_at.map_or_else(String::new, |at| format!("it ends by itself at {at}"));
            return_grant(context, &session, &activated, &end).await;
        }
        Access::Over => forget(context, &activated.grant),
    }
    ran.exit
}

async fn approved(
    context: &mut Context,
    session: &Session,
    request: RequestView,
    args: &ExecArgs,
    signals: &mut Signals,
) -> Result<Waited, Failure> {
    let id = request.id.to_string();
    let request = tokio::select! {
        waited = wait(session, request, args.ask.what.timeout) => waited,
        signal = signals.next() => {
            withdraw(context, session, &id).await;
            return Ok(Waited::Interrupted(child::exit_of(signal)));
        }
    };
    let request = match request {
        Ok(request) => request,
        Err(failure) => {
            withdraw(context, session, &id).await;
            return Err(failure);
        }
    };
    if request.state == "approved" {
        return Ok(Waited::Approved(Box::new(request)));
    }
    if request.state == "pending" {
        withdraw(context, session, &id).await;
    }
    Err(no_verdict(&request))
}
