//! `curfew show`: one request or grant.

use super::Context;
use super::id::{GrantRef, Referent};
use super::views::{print_grant, print_request};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use clap::Args;

/// What `curfew show` takes.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A request (`req_...`) or a grant (`grt_...`)
    id: GrantRef,
}

pub(crate) async fn run(context: &mut Context, args: &ShowArgs) -> Result<Exit, Failure> {
    let referent = args.id.referent()?;
    let session = Session::signed_in(context)?;
    match referent {
        Referent::Request(id) => {
            let request = session.client.show_request(&id.to_string()).await.map_err(session::failure)?;
            match context.output.voice() {
                Voice::Json => context.output.document(&request)?,
                Voice::Human | Voice::Quiet => print_request(context, &request)?,
            }
        }
        Referent::Grant(id) => {
            let grant = session.client.show_grant(&id.to_string()).await.map_err(session::failure)?;
            match context.output.voice() {
                Voice::Json => context.output.document(&grant)?,
                Voice::Human | Voice::Quiet => print_grant(context, &grant)?,
            }
        }
    }
    Ok(Exit::Done)
}
