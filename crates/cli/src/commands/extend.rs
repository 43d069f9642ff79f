//! `curfew extend`: asks for more time.

use super::Context;
use super::id::GrantRef;
use super::views::print_grant;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::ExtendBody;
use curfew_domain::Seconds;

/// What `curfew extend` takes.
#[derive(Debug, Args)]
pub(crate) struct ExtendArgs {
    /// The grant, or the request it came from
    id: GrantRef,
    /// How much more
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
    Ok(Exit::Done)
}
