//! `curfew exec`: asks, waits, activates, runs a command with the credential in its environment, and returns
//! the grant when the command ends.

use super::Context;
use super::activate::{Activated, activate};
use super::credentials::merged;
use super::give_back::give_back;
use super::request::{AskArgs, ask, dry_run, say_who_approves, wait};
use crate::child::{self, Launch, Signals};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret::Iterations;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::RequestView;
use std::ffi::OsString;
use std::time::Duration;

/// How often returning is tried before the grant is left to its own end.
const RETURN_ATTEMPTS: u32 = 3;

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
    // From here on a signal must not end us before what was asked for is given up.
    let mut signals = Signals::listen()?;
    let request = ask(&session, &body).await?;
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
    let ended = match signals.pending().await {
        Some(signal) => Ok(child::exit_of(signal)),
        None => run_command(context, &args.command, &activated, &mut signals).await,
    };
    return_grant(context, &session, &activated).await;
    ended
}

async fn approved(
    context: &mut Context,
    session: &Session,
    request: RequestView,
    args: &ExecArgs,
    signals: &mut Signals,
) -> Result<Waited, Failure> {
    let id = request.id.to_string();
    let approvers = request.decision.approvers.join(", ");
    let request = tokio::select! {
        waited = wait(session, request, args.ask.timeout) => waited,
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
    match request.state.as_str() {
        "approved" => Ok(Waited::Approved(Box::new(request))),
        "pending" => {
            withdraw(context, session, &id).await;
            Err(Failure::new(Exit::StillPending, "still_pending", format!("nobody approved {id} in time"))
                .hint(format!("these could: {approvers}")))
        }
        state => {
            let said = request.approvals.last().map(|a| format!(" by {}: {}", a.approver.label(), a.reason));
            Err(Failure::no(state, format!("{id} was {state}{}", said.unwrap_or_default())))
        }
    }
}

/// Takes the request back: nobody is left to use what it could become.
async fn withdraw(context: &mut Context, session: &Session, id: &str) {
    if let Err(error) = session.client.withdraw(id).await {
        let why = session::failure(error).message;
        // Approved in this very moment: then it is the grant that has to go.
        if session.client.give_back(id).await.is_err() {
            context.output.warn(&format!("{id} could not be withdrawn: {why}"));
        }
    }
}

async fn run_command(
    context: &mut Context,
    command: &[OsString],
    activated: &Activated,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let (program, args) = command.split_first().expect("INVARIANT: clap requires a command");
    let mut env = merged(&activated.credentials);
    env.insert("CURFEW_GRANT".to_owned(), activated.grant.id.to_string());
    let launch = Launch { program: program.clone(), args: args.to_vec(), env };
    let mut child = launch.start(&context.machine)?;
    child::wait(&mut child, signals).await
}

/// Whatever the command did, its access ends with it. If the server cannot be told, the grant's own end comes.
async fn return_grant(context: &mut Context, session: &Session, activated: &Activated) {
    let id = activated.grant.id.to_string();
    for attempt in 1..=RETURN_ATTEMPTS {
        match give_back(context, session, &id).await {
            Ok(_) => return,
            // It ended by itself, or by somebody's order, while the command ran.
            Err(failure) if failure.exit == Exit::No => {
                context.output.warn(&format!("{id} had ended before the command did: {failure}"));
                return super::give_back::forget(context, &activated.grant);
            }
            Err(failure) if attempt == RETURN_ATTEMPTS => {
                let end = activated.grant.expires_at.map_or_else(String::new, |at| format!(" at {at}"));
                context.output.warn(&format!("{id} could not be returned: {failure}; it ends by itself{end}"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(300 * u64::from(attempt))).await,
        }
    }
}
