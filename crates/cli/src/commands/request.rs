//! `curfew request`: asks for a role, and may wait for the answer.

use super::bundle::{self, Waits};
use super::views::{print_decision, print_request, reason_line};
use super::{Context, inputs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{AskBody, BundleView, ClientError, IdempotencyKey, InputBody, RequestView};
use curfew_domain::{ActionName, Outcome, ResourceName, RoleName, Seconds};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a pending request is looked at: quickly at first, because people approve while one watches.
const FIRST_LOOK: Duration = Duration::from_millis(300);
const LAST_LOOK: Duration = Duration::from_secs(3);
/// Looks without an answer, one after the other, before it is a failure.
const MOST_SILENCES: u32 = 10;

/// What is asked for; `curfew exec` takes the same.
#[derive(Debug, Clone, Args)]
pub(crate) struct AskArgs {
    /// The role
    pub(crate) role: RoleName,
    #[command(flatten)]
    pub(crate) what: WhatArgs,
}

/// What is asked for of a role.
#[derive(Debug, Clone, Args)]
pub(crate) struct WhatArgs {
    /// Only this resource of the role (repeatable)
    #[arg(long = "resource", short = 'r', value_name = "RESOURCE")]
    resources: Vec<ResourceName>,
    /// Only this action of the role (repeatable)
    #[arg(long = "action", short = 'a', value_name = "ACTION")]
    actions: Vec<ActionName>,
    /// For how long: 90s, 30m, 2h [default: the role's]
    #[arg(long = "for", value_name = "DURATION", allow_hyphen_values = true)]
    duration: Option<Seconds>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A ticket
    #[arg(long, value_name = "TICKET")]
    ticket: Option<String>,
    /// A typed input of the role (repeatable)
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = input)]
    inputs: Vec<Input>,
    /// How long to wait for the verdict
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<Seconds>,
}

/// `name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// The role's name for it.
    pub(crate) name: String,
    /// As typed.
    pub(crate) value: String,
}

/// Reads `name=value`.
pub(crate) fn input(text: &str) -> Result<Input, String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write NAME=VALUE")?;
    Ok(Input { name: name.to_owned(), value: value.to_owned() })
}

/// What `curfew request` takes.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// Wait for the verdict; exit 5 when `--timeout` runs out first
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
    /// Print the decision and ask nothing
    #[arg(long)]
    dry_run: bool,
}

impl AskArgs {
    /// As it is sent.
    pub(crate) fn body(&self) -> Result<AskBody, Failure> {
        self.what.body(&self.role)
    }
}

impl WhatArgs {
    /// Whether it says more than why.
    pub(crate) fn narrows(&self) -> bool {
        !(self.resources.is_empty() && self.actions.is_empty() && self.inputs.is_empty())
            || self.duration.is_some()
            || self.timeout.is_some()
    }

    /// As it is sent.
    pub(crate) fn body(&self, role: &RoleName) -> Result<AskBody, Failure> {
        let mut inputs = BTreeMap::new();
        for Input { name, value } in &self.inputs {
            if inputs.insert(name.clone(), InputBody::Text(value.clone())).is_some() {
                return Err(Failure::wrong_use(format!("--input {name} stands twice")));
            }
        }
        Ok(AskBody {
            role: role.to_string(),
            resources: self.resources.clone(),
            actions: self.actions.clone(),
            duration_seconds: self.duration,
            reason: self.reason.clone().unwrap_or_default(),
            ticket: self.ticket.clone().unwrap_or_default(),
            inputs,
            beat: None,
        })
    }
}

pub(crate) async fn run(context: &mut Context, args: RequestArgs) -> Result<Exit, Failure> {
    if args.ask.what.timeout.is_some() && !args.wait {
        return Err(Failure::wrong_use("--timeout says how long to wait: add --wait"));
    }
    let body = args.ask.body()?;
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
    let mut body = body;
    inputs::complete(context, &session, &mut body).await?;
    let request = match ask(&session, &body).await {
        Ok(request) => request,
        Err(failure) => {
            let bundle = several(&session, failure, &body).await?;
            let waits = if args.wait { Waits::ForVerdicts } else { Waits::No };
            return bundle::run(context, &session, (&bundle, &args.ask), waits).await;
        }
    };
    if !args.wait {
        print(context, &request)?;
        next_step(context, &request);
        return Ok(if request.state == "denied" { Exit::No } else { Exit::Done });
    }
    say_who_approves(context, &request);
    let waited = wait(&session, request, args.ask.what.timeout).await?;
    print(context, &waited)?;
    next_step(context, &waited);
    Ok(match waited.state.as_str() {
        "approved" => Exit::Done,
        "pending" => Exit::StillPending,
        _ => Exit::No,
    })
}

/// The bundle that was asked for where there is no such role; otherwise the failure stands.
pub(crate) async fn several(session: &Session, failure: Failure, body: &AskBody) -> Result<BundleView, Failure> {
    if failure.exit != Exit::NotFound {
        return Err(failure);
    }
    bundle::find(session, &body.role).await?.ok_or(failure)
}

/// Prints what policy would say.
pub(crate) async fn dry_run(context: &mut Context, session: &Session, body: &AskBody) -> Result<Exit, Failure> {
    let decision = session.client.decide(body).await.map_err(session::failure)?;
    context.output.show(&decision, print_decision)?;
    Ok(match decision.outcome {
        Outcome::Denied => Exit::No,
        Outcome::NeedsApproval | Outcome::Automatic => Exit::Done,
    })
}

/// Asks. A denial lists its reasons for people, and is the failure's document for scripts.
pub(crate) async fn ask(session: &Session, body: &AskBody) -> Result<RequestView, Failure> {
    let answer = session.client.request(body, &IdempotencyKey::fresh()).await;
    answer.map_err(failure_of_ask)
}

/// Why nothing was asked: a denial with its reasons.
pub(crate) fn failure_of_ask(error: ClientError) -> Failure {
    match &error {
        ClientError::Api { decision: Some(decision), .. } => {
            let reasons = decision.unsatisfied.iter().chain(&decision.failed).map(reason_line);
            let message = reasons.fold("policy denies it".to_owned(), |text, reason| format!("{text}\n{reason}"));
            Failure { message, hint: String::new(), ..session::failure(error) }
        }
        ClientError::Api { .. }
        | ClientError::Unreachable { .. }
        | ClientError::Unintelligible { .. }
        | ClientError::BadAddress(_)
        | ClientError::BadToken
        | ClientError::NoClient(_) => session::failure(error),
    }
}

/// Looks until it is decided, or the time to wait is over: then it is still pending.
pub(crate) async fn wait(
    session: &Session,
    mut request: RequestView,
    timeout: Option<Seconds>,
) -> Result<RequestView, Failure> {
    wait_for_all(session, std::slice::from_mut(&mut request), timeout).await?;
    Ok(request)
}

/// Looks until all are approved, one is not, or the time to wait is over: then some are still pending.
pub(crate) async fn wait_for_all(
    session: &Session,
    requests: &mut [RequestView],
    timeout: Option<Seconds>,
) -> Result<(), Failure> {
    let mut pause = FIRST_LOOK;
    let mut left = timeout.map(Seconds::as_std);
    let mut silences = 0;
    while requests.iter().any(is_pending) && requests.iter().all(|r| is_pending(r) || is_approved(r)) {
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(());
        }
        let sleep = left.map_or(pause, |left| left.min(pause));
        tokio::time::sleep(sleep).await;
        left = left.map(|left| left.saturating_sub(sleep));
        pause = (pause * 2).min(LAST_LOOK);
        for request in requests.iter_mut().filter(|request| is_pending(request)) {
            match session.client.show_request(&request.id.to_string()).await.map_err(session::failure) {
                Ok(seen) => (*request, silences) = (seen, 0),
                // A server that is being restarted is waited for as well.
                Err(failure) if failure.exit == Exit::Unavailable && silences < MOST_SILENCES => silences += 1,
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(())
}

/// Whether somebody still has to decide it.
pub(crate) fn is_pending(request: &RequestView) -> bool {
    request.state == "pending"
}

/// Whether it can be claimed.
pub(crate) fn is_approved(request: &RequestView) -> bool {
    request.state == "approved"
}

/// Tells who is waited for.
pub(crate) fn say_who_approves(context: &mut Context, request: &RequestView) {
    if request.state == "pending" {
        let approvers = request.decision.approvers.join(", ");
        context.output.note(&format!("{} waits for {approvers}", request.id));
        context.output.note(&format!("they run: curfew approve {}", request.id));
    }
}

pub(crate) fn print(context: &mut Context, request: &RequestView) -> Result<(), Failure> {
    match context.output.voice() {
        Voice::Json => context.output.document(request),
        Voice::Quiet => context.output.line(&request.id.to_string()),
        Voice::Human => print_request(context, request),
    }
}

fn next_step(context: &mut Context, request: &RequestView) {
    match request.state.as_str() {
        "pending" => say_who_approves(context, request),
        "approved" => context.output.note(&format!("next: curfew activate {}", request.id)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_pairs() {
        assert_eq!(input("table=a=b"), Ok(Input { name: "table".into(), value: "a=b".into() }));
        assert!(input("table").is_err() && input("=x").is_err());
    }
}
