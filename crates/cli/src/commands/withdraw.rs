//! `curfew withdraw`: takes a request back.

use super::Context;
use super::id::RequestRef;
use super::views::say_done;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use clap::Args;

/// What `curfew withdraw` takes.
#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// The request
    id: RequestRef,
}

pub(crate) async fn run(context: &mut Context, args: &WithdrawArgs) -> Result<Exit, Failure> {
    let id = args.id.id()?;
    let session = Session::signed_in(context)?;
    let request = session.client.withdraw(&id).await.map_err(session::failure)?;
    context.output.show(&request, |output, request| say_done(output, &id, &request.state))?;
    Ok(Exit::Done)
}
