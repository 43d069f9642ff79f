//! `curfew exec`: asks, waits, activates, runs a command with the credential in its environment, and returns
//! the grant when the command ends.

use super::Context;
use super::activate::{Activated, activate};
use super::bundle::is_several;
use super::credentials::merged;
use super::give_back::{forget, give_back};
use super::inputs;
use super::request::{AskArgs, ask, dry_run, say_who_approves, several, wait};
use super::views::end_words;
use crate::child::{self, Launch, Signals};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret::Iterations;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{GrantView, RequestView};
use std::ffi::OsString;
use std::time::Duration;

/// How often returning is tried before the grant is left to its own end.
const RETURN_ATTEMPTS: u32 = 3;
/// How often the grant is looked at while the command runs.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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
        None => run_command(context, &session, &args.command, (&activated, &mut signals)).await,
    };
    match ran.access {
        Access::Held => return_grant(context, &session, &activated).await,
        Access::Over => forget(context, &activated.grant),
    }
    ran.exit
}

/// How a command ended, and whether its access was there to the end.
struct Ran {
    exit: Result<Exit, Failure>,
    access: Access,
}

/// Whether access is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Held,
    Over,
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

/// Runs the command, and says at once when its access ends before it does. The command itself runs on: what it does
/// without the target is its own affair.
async fn run_command(
    context: &mut Context,
    session: &Session,
    command: &[OsString],
    (activated, signals): (&Activated, &mut Signals),
) -> Ran {
    let (program, args) = command.split_first().expect("INVARIANT: clap requires a command");
    let mut env = merged(&activated.credentials);
    env.insert("CURFEW_GRANT".to_owned(), activated.grant.id.to_string());
    let launch = Launch { program: program.clone(), args: args.to_vec(), env };
    let mut child = match launch.start(&context.machine) {
        Ok(child) => child,
        Err(failure) => return Ran { exit: Err(failure), access: Access::Held },
    };
    let mut ended = std::pin::pin!(child::wait(&mut child, signals));
    let id = activated.grant.id.to_string();
    let over = tokio::select! {
        exit = ended.as_mut() => return Ran { exit, access: Access::Held },
        grant = over(session, &id) => grant,
    };
    context.output.warn(&said_over(&over, "the command runs on without access"));
    Ran { exit: ended.await, access: Access::Over }
}

/// The grant, once it ends. A server that does not answer is asked again: the grant has its own end meanwhile.
async fn over(session: &Session, id: &str) -> GrantView {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Ok(grant) = session.client.show_grant(id).await
            && matches!(grant.state.as_str(), "ending" | "ended")
        {
            return grant;
        }
    }
}

fn said_over(grant: &GrantView, meanwhile: &str) -> String {
    let why = end_words(grant.end_cause, grant.end_ordered.as_ref()).unwrap_or_else(|| grant.state.clone());
    format!("{} is over ({why}); {meanwhile}", grant.id)
}

/// Whatever the command did, its access ends with it. If the server cannot be told, the grant's own end comes.
async fn return_grant(context: &mut Context, session: &Session, activated: &Activated) {
    let id = activated.grant.id.to_string();
    for attempt in 1..=RETURN_ATTEMPTS {
        match give_back(context, session, &id).await {
            Ok(_) => return,
            // It ended by itself, or by somebody's order, while the command ran.
            Err(failure) if failure.exit == Exit::No => {
                match session.client.show_grant(&id).await {
                    Ok(grant) => context.output.warn(&said_over(&grant, "it was so before the command ended")),
                    Err(_) => context.output.warn(&format!("{id} had ended before the command did: {failure}")),
                }
                forget(context, &activated.grant);
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
