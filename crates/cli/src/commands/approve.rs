//! `curfew approve`: says yes to what was shown, or to less.

use super::Context;
use super::id::RequestRef;
use super::views::{request_facts, say_done};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{ApproveBody, ArtefactBody, NarrowBody};
use curfew_domain::{ActionName, ArtefactKind, Seconds};

/// What `curfew approve` takes.
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The request
    id: RequestRef,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// For at most this long
    #[arg(long = "for", value_name = "DURATION", allow_hyphen_values = true)]
    duration: Option<Seconds>,
    /// Only this action (repeatable)
    #[arg(long = "only-action", value_name = "ACTION")]
    only_actions: Vec<ActionName>,
    /// Only for a run of this commit
    #[arg(long, value_name = "SHA", conflicts_with_all = ["image", "plan"])]
    commit: Option<String>,
    /// Only for a run that presents this image
    #[arg(long, value_name = "DIGEST", conflicts_with = "plan")]
    image: Option<String>,
    /// Only for a run that presents this plan, by its SHA-256
    #[arg(long, value_name = "HASH")]
    plan: Option<String>,
}

impl ApproveArgs {
    fn artefact(&self) -> Option<ArtefactBody> {
        let named = [
            (ArtefactKind::Commit, &self.commit),
            (ArtefactKind::Image, &self.image),
            (ArtefactKind::Plan, &self.plan),
        ];
        let mut named =
            named.into_iter().filter_map(|(kind, value)| Some(ArtefactBody { kind, value: value.clone()? }));
        named.next()
    }
}

pub(crate) async fn run(context: &mut Context, args: ApproveArgs) -> Result<Exit, Failure> {
    let id = args.id.id()?;
    let session = Session::signed_in(context)?;
    let seen = session.client.show_request(&id).await.map_err(session::failure)?;
    // What is approved is what stands here: the digest binds the verdict to it.
    request_facts(&seen, context.machine.now()).note(&mut context.output);
    let approvals_before = seen.approvals.len();
    let artefact = args.artefact();
    let actions = (!args.only_actions.is_empty()).then_some(args.only_actions);
    let narrowed = (args.duration.is_some() || actions.is_some())
        .then_some(NarrowBody { duration_seconds: args.duration, actions });
    let body = ApproveBody { digest: seen.digest, reason: args.reason.unwrap_or_default(), narrowed, artefact };
    let request = session.client.approve(&id, &body).await.map_err(session::failure)?;
    let counted = request.approvals.len() > approvals_before;
    context
        .output
        .show(&request, |output, request| say_done(output, &request.id.to_string(), &said(&request.state, counted)))?;
    Ok(Exit::Done)
}

/// A second approval of one person changes nothing, whatever it says of time and actions.
fn said(state: &str, counted: bool) -> String {
    match (state, counted) {
        ("pending", true) => "approved by you; more approvals are needed".to_owned(),
        ("pending", false) => "pending: you approved it before, and that stands unchanged".to_owned(),
        (state, true) => state.to_owned(),
        (state, false) => format!("{state}: you approved it before, and that stands unchanged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_that_changes_nothing_says_so() {
        assert_eq!(said("pending", true), "approved by you; more approvals are needed");
        assert_eq!(said("approved", true), "approved");
        for state in ["pending", "approved"] {
            assert_eq!(said(state, false), format!("{state}: you approved it before, and that stands unchanged"));
        }
    }
}
