//! `curfew extend`: asks for more time.

use super::Context;
use super::activate;
use super::id::GrantRef;
use super::views::print_grant;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::secret::Iterations;
use crate::session::{self, Session};
use crate::state::{GrantFolder, StateFolder};
use clap::Args;
use curfew_api::{ExtendBody, GrantView, MoreTimeView};
use curfew_domain::Seconds;

/// What `curfew extend` takes.
#[derive(Debug, Args)]
pub(crate) struct ExtendArgs {
    /// The grant, or the request it came from
    id: GrantRef,
    /// How much more, beyond the end it has
    #[arg(long = "for", value_name = "DURATION", allow_hyphen_values = true)]
    duration: Seconds,
}

pub(crate) async fn run(context: &mut Context, args: &ExtendArgs) -> Result<Exit, Failure> {
    let id = args.id.id()?;
    let session = Session::signed_in(context)?;
    let body = ExtendBody { duration_seconds: args.duration };
    let grant = session.client.extend(&id, &body).await.map_err(session::failure)?;
    match context.output.voice() {
        Voice::Json => context.output.document(&grant)?,
        Voice::Human | Voice::Quiet => print_grant(context, &grant)?,
    }
    if let Some(more) = &grant.more_time {
        match more.state.as_str() {
            "pending" => waits(context, &grant, more),
            _ => renew(context, &session, &grant).await,
        }
    }
    Ok(Exit::Done)
}

/// Says who has to approve it, and keeps what is here of the grant until the end that was asked for.
fn waits(context: &mut Context, grant: &GrantView, more: &MoreTimeView) {
    let approvers = more.approvers.join(", ");
    context.output.note(&format!("{} waits for {approvers}; until then the end stays", more.request_id));
    context.output.note(&format!("they run: curfew approve {}", more.request_id));
    let asked_until = grant.activated_at.map(|at| at.plus(more.duration_seconds));
    let kept = || {
        let folder = GrantFolder::of(&StateFolder::of(&context.machine)?, grant.id);
        let Some(mut record) = folder.record()? else { return Ok(()) };
        record.asked_until = asked_until;
        folder.keep_record(&context.machine, &record)
    };
    let kept: Result<(), Failure> = kept();
    if let Err(failure) = kept {
        context.output.warn(&failure.message);
    }
}

/// Where the grant was activated on this machine, what is kept of it learns of the later end: a certificate has its
/// end signed into it, and there is a new one now.
async fn renew(context: &mut Context, session: &Session, grant: &GrantView) {
    let Ok(state) = StateFolder::of(&context.machine) else { return };
    if !matches!(GrantFolder::of(&state, grant.id).record(), Ok(Some(_))) {
        return;
    }
    if let Err(failure) = activate::activate(context, session, &grant.id.to_string(), Iterations::ANY_DRIVER).await {
        context.output.warn(&format!("what is kept here could not be renewed: {}", failure.message));
        context.output.note(&format!("next: curfew activate {}", grant.id));
    }
}
