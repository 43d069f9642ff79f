//! `curfew return`: the subject's own "done".

use super::Context;
use super::id::GrantRef;
use super::views::say_done;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use crate::state::{GrantFolder, StateFolder};
use clap::Args;
use curfew_api::GrantView;

/// What `curfew return` takes.
#[derive(Debug, Args)]
pub(crate) struct ReturnArgs {
    /// The grant, or the request it came from
    id: GrantRef,
}

pub(crate) async fn run(context: &mut Context, args: &ReturnArgs) -> Result<Exit, Failure> {
    let id = args.id.id()?;
    let session = Session::signed_in(context)?;
    let grant = give_back(context, &session, &id).await?;
    context.output.show(&grant, |output, grant| say_done(output, &grant.id.to_string(), &grant.state))?;
    Ok(Exit::Done)
}

/// Ends the grant, and forgets its secrets here.
pub(crate) async fn give_back(context: &mut Context, session: &Session, id: &str) -> Result<GrantView, Failure> {
    let grant = session.client.give_back(id).await.map_err(session::failure)?;
    forget(context, &grant);
    Ok(grant)
}

/// Removes what this machine keeps of a grant that is over. A file that stays opens nothing any more, so
/// it is no failure.
pub(crate) fn forget(context: &mut Context, grant: &GrantView) {
    let Ok(state) = StateFolder::of(&context.machine) else { return };
    if let Err(failure) = GrantFolder::of(&state, grant.id).remove() {
        context.output.warn(&failure.message);
    }
}
