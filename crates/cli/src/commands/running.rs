//! A command that has access while it runs: what is told of it meanwhile, and how its access is returned when it ends.

use super::Context;
use super::activate::Activated;
use super::agent::{self, AgentArgs};
use super::credentials::merged;
use super::give_back::{forget, give_back};
use super::request::is_pending;
use super::views::end_words;
use crate::child::{self, Launch, Signals};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use crate::ssh_agent::{beside, of_grants};
use curfew_api::{GrantView, RequestView};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

/// How often returning is tried before the grant is left to its own end.
const RETURN_ATTEMPTS: u32 = 3;
/// How often the grant is looked at while the command runs.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A command, and what it runs with.
pub(crate) struct Running<'a> {
    /// The program and its arguments.
    pub(crate) command: &'a [OsString],
    /// What it has.
    pub(crate) activated: &'a Activated,
    /// What becomes of it when that is over before it ends.
    pub(crate) meanwhile: Meanwhile,
    /// Whether it finds its SSH keys by an agent.
    pub(crate) agent: AgentArgs,
}

/// What becomes of a command whose access is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// What it does without the target is its own affair.
    RunsOn,
    /// It is asked to end.
    IsStopped,
}

/// What there is to tell while the command runs.
pub(crate) enum Word {
    /// Something that must not be missed.
    Warning(String),
    /// Its access is over, and why.
    Over(String),
}

/// How a command ended, and whether its access was there to the end.
pub(crate) struct Ran {
    pub(crate) exit: Result<Exit, Failure>,
    pub(crate) access: Access,
}

/// Whether access is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Held,
    Over,
}

impl Running<'_> {
    /// Runs the command to its end, and tells the news as they come. `news` is asked again after each warning, and may be
    /// dropped at any time.
    pub(crate) async fn run(
        &self,
        context: &mut Context,
        signals: &mut Signals,
        news: impl AsyncFnMut() -> Word,
    ) -> Ran {
        let agent = match self.agent.open(&context.machine, &self.activated.credentials) {
            Ok(agent) => agent,
            Err(failure) => return Ran { exit: Err(failure), access: Access::Held },
        };
        let mut env = merged(&self.activated.credentials);
        env.insert("CURFEW_GRANT".to_owned(), self.activated.grant.id.to_string());
        if let Some(agent) = &agent {
            agent::name(&mut env, agent.socket());
        }
        let (machine, grants) = (context.machine.clone(), [self.activated.grant.id]);
        let identities = || of_grants(&machine, &grants);
        beside(agent.as_ref(), identities, self.run_with(context, env, signals, news)).await
    }

    async fn run_with(
        &self,
        context: &mut Context,
        env: BTreeMap<String, String>,
        signals: &mut Signals,
        mut news: impl AsyncFnMut() -> Word,
    ) -> Ran {
        let (program, args) = self.command.split_first().expect("INVARIANT: clap requires a command");
        let launch = Launch { program: program.clone(), args: args.to_vec(), env };
        let mut child = match launch.start(&context.machine) {
            Ok(child) => child,
            Err(failure) => return Ran { exit: Err(failure), access: Access::Held },
        };
        let id = child.id();
        let mut ended = std::pin::pin!(child::wait(&mut child, signals));
        loop {
            let word = tokio::select! {
                exit = ended.as_mut() => return Ran { exit, access: Access::Held },
                word = news() => word,
            };
            match word {
                Word::Warning(text) => context.output.warn(&text),
                Word::Over(text) => {
                    context.output.warn(&text);
                    break;
                }
            }
        }
        if self.meanwhile == Meanwhile::IsStopped {
            child::stop(id);
        }
        Ran { exit: ended.await, access: Access::Over }
    }
}

/// The grant, once it ends. A server that does not answer is asked again: the grant has its own end meanwhile.
pub(crate) async fn over(session: &Session, id: &str) -> GrantView {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Ok(grant) = session.client.show_grant(id).await
            && matches!(grant.state.as_str(), "ending" | "ended")
        {
            return grant;
        }
    }
}

/// Why a grant is over, and what goes on.
pub(crate) fn said_over(grant: &GrantView, meanwhile: &str) -> String {
    let why = end_words(grant.end_cause, grant.end_ordered.as_ref()).unwrap_or_else(|| grant.state.clone());
    format!("{} is over ({why}); {meanwhile}", grant.id)
}

/// Whatever the command did, its access ends with it. `otherwise` says what ends it if the server cannot be told.
pub(crate) async fn return_grant(context: &mut Context, session: &Session, activated: &Activated, otherwise: &str) {
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
                return forget(context, &activated.grant);
            }
            Err(failure) if attempt == RETURN_ATTEMPTS => {
                context.output.warn(&format!("{id} could not be returned: {failure}; {otherwise}"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(300 * u64::from(attempt))).await,
        }
    }
}

/// Takes the request back: nobody is left to use what it could become.
pub(crate) async fn withdraw(context: &mut Context, session: &Session, id: &str) {
    if let Err(error) = session.client.withdraw(id).await {
        let why = session::failure(error).message;
        // Approved in this very moment: then it is the grant that has to go.
        if session.client.give_back(id).await.is_err() {
            context.output.warn(&format!("{id} could not be withdrawn: {why}"));
        }
    }
}

/// Why there is no access: nobody said yes in time, or somebody said no.
pub(crate) fn no_verdict(request: &RequestView) -> Failure {
    let (id, role, state) = (request.id, &request.role, request.state.as_str());
    if is_pending(request) {
        return Failure::new(Exit::StillPending, "still_pending", format!("nobody approved {id} ({role}) in time"))
            .hint(format!("these could: {}", request.decision.approvers.join(", ")));
    }
    let said = request.approvals.last().map(|a| format!(" by {}: {}", a.approver.label(), a.reason));
    Failure::no(state, format!("{id} ({role}) was {state}{}", said.unwrap_or_default()))
}
