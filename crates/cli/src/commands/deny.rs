//! `curfew deny`: says no.

use super::Context;
use super::id::RequestRef;
use super::views::{request_facts, say_done};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{DenyBody, RequestView};

/// What `curfew deny` takes.
#[derive(Debug, Args)]
pub(crate) struct DenyArgs {
    /// The request
    id: RequestRef,
    /// Why; the requester reads it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(crate) async fn run(context: &mut Context, args: DenyArgs) -> Result<Exit, Failure> {
    let id = args.id.id()?;
    let session = Session::signed_in(context)?;
    let seen = session.client.show_request(&id).await.map_err(session::failure)?;
    request_facts(&seen, context.machine.now()).note(&mut context.output);
    let body = DenyBody { digest: seen.digest, reason: args.reason };
    let request = session.client.deny(&id, &body).await.map_err(session::failure)?;
    let (id, done) = said(&request);
    context.output.show(&request, |output, _| say_done(output, &id, &done))?;
    Ok(Exit::Done)
}

/// What was done, and to what. A denial that comes after the approval cannot change the request: it revokes what
/// came of it, and says so.
fn said(request: &RequestView) -> (String, String) {
    let Some(grant) = &request.grant_id else { return (request.id.to_string(), request.state.clone()) };
    let state = request.grant.as_ref().map_or("ending", |grant| grant.state.as_str());
    (grant.to_string(), format!("{state}: revoked, because {} was approved already when you denied it", request.id))
}
