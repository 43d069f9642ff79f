//! `curfew request BUNDLE`: one ask, each role decided by its own rule.

use super::Context;
use super::request::{AskArgs, failure_of_ask, say_who_approves, wait};
use super::views::{print_decision, print_request, reason_line};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use curfew_api::{AskBody, BundleBody, BundlePartView, BundleView, IdempotencyKey};
use curfew_domain::{Outcome, Seconds};

/// The bundle of this name, if there is one of which the caller may ask for something.
pub(crate) async fn find(session: &Session, name: &str) -> Result<Option<BundleView>, Failure> {
    let bundles = session.client.bundles().await.map_err(session::failure)?.items;
    Ok(bundles.into_iter().find(|bundle| bundle.name.as_str() == name))
}

/// What is said for all of them.
fn body(ask: &AskArgs) -> Result<BundleBody, Failure> {
    let AskBody { role: _, resources, actions, duration_seconds, reason, ticket, inputs, beat: _ } = ask.body()?;
    if !resources.is_empty() || !actions.is_empty() {
        return Err(Failure::wrong_use("a bundle is asked for whole: --resource and --action are for one role"));
    }
    Ok(BundleBody { duration_seconds, reason, ticket, inputs })
}

/// Prints what policy would say to each role.
pub(crate) async fn dry_run(
    context: &mut Context,
    session: &Session,
    (bundle, ask): (&BundleView, &AskArgs),
) -> Result<Exit, Failure> {
    let BundleBody { duration_seconds, reason, ticket, inputs } = body(ask)?;
    let known = session.client.roles().await.map_err(session::failure)?.items;
    let mut decisions = Vec::new();
    for role in &bundle.roles {
        let has = |name: &String| known.iter().any(|r| r.name == *role && r.inputs.iter().any(|i| i.name == *name));
        let inputs = inputs.iter().filter(|(name, _)| has(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        let ask = AskBody {
            role: role.to_string(),
            duration_seconds,
            reason: reason.clone(),
            ticket: ticket.clone(),
            inputs,
            ..AskBody::default()
        };
        decisions.push(session.client.decide(&ask).await.map_err(session::failure)?);
    }
    context.output.show(&decisions, |output, decisions| {
        decisions.iter().try_for_each(|decision| print_decision(output, decision))
    })?;
    let denied = decisions.iter().any(|decision| decision.outcome == Outcome::Denied);
    Ok(if denied { Exit::No } else { Exit::Done })
}

/// Asks for all of it, and may wait for every verdict. Exit 0 when nothing of it was denied: with `wait`, when all of
/// it was approved.
pub(crate) async fn run(
    context: &mut Context,
    session: &Session,
    (bundle, ask): (&BundleView, &AskArgs),
    waits: Waits,
) -> Result<Exit, Failure> {
    let mut parts = self::ask(context, session, (bundle, ask)).await?;
    if waits == Waits::ForVerdicts {
        wait_for_all(context, session, &mut parts, ask.what.timeout).await?;
    }
    match context.output.voice() {
        Voice::Json => context.output.document(&parts)?,
        Voice::Human | Voice::Quiet => parts.iter().try_for_each(|part| print(context, part))?,
    }
    let of_state = |state: &str| {
        parts.iter().any(|part| match part {
            BundlePartView::Asked(request) => request.state == state,
            BundlePartView::Denied(denied) => denied.state == state,
        })
    };
    Ok(match waits {
        _ if ["denied", "withdrawn", "lapsed"].into_iter().any(of_state) => Exit::No,
        Waits::ForVerdicts if of_state("pending") => Exit::StillPending,
        Waits::ForVerdicts | Waits::No => Exit::Done,
    })
}

/// Asks for all of it.
pub(crate) async fn ask(
    context: &mut Context,
    session: &Session,
    (bundle, ask): (&BundleView, &AskArgs),
) -> Result<Vec<BundlePartView>, Failure> {
    let mut body = body(ask)?;
    super::inputs::complete_bundle(context, session, &bundle.roles, &mut body.inputs).await?;
    let answer = session.client.request_bundle(bundle.name.as_str(), &body, &IdempotencyKey::fresh()).await;
    Ok(answer.map_err(failure_of_ask)?.items)
}

/// Whether a command waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Until each is decided.
    ForVerdicts,
    /// No.
    No,
}

/// One after the other, all within the one time limit.
async fn wait_for_all(
    context: &mut Context,
    session: &Session,
    parts: &mut [BundlePartView],
    timeout: Option<Seconds>,
) -> Result<(), Failure> {
    let began = context.machine.now();
    for part in parts {
        let BundlePartView::Asked(request) = part else { continue };
        say_who_approves(context, request);
        let passed = context.machine.now().millis_since(began) / 1_000;
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        let left = timeout.map(|timeout| Seconds::new(timeout.as_secs().saturating_sub(passed)));
        **request = wait(session, (**request).clone(), left).await?;
    }
    Ok(())
}

fn print(context: &mut Context, part: &BundlePartView) -> Result<(), Failure> {
    match part {
        BundlePartView::Asked(request) if context.output.voice() == Voice::Quiet => {
            context.output.line(&request.id.to_string())
        }
        BundlePartView::Asked(request) => {
            print_request(context, request)?;
            say_who_approves(context, request);
            if request.state == "approved" {
                context.output.note(&format!("next: curfew activate {}", request.id));
            }
            Ok(())
        }
        BundlePartView::Denied(denied) => {
            let reasons = denied.decision.unsatisfied.iter().chain(&denied.decision.failed).map(reason_line);
            let why = reasons.fold(String::new(), |text, reason| format!("{text}\n{reason}"));
            context.output.warn(&format!("{}: policy denies it{why}", denied.role));
            Ok(())
        }
    }
}
