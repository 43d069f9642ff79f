//! `curfew who-has`: who has access to a resource now.

use super::Context;
use super::views::print_grants;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::AboutResource;
use curfew_domain::ResourceName;

/// What `curfew who-has` takes.
#[derive(Debug, Args)]
pub(crate) struct WhoHasArgs {
    /// The resource
    resource: ResourceName,
}

pub(crate) async fn run(context: &mut Context, args: WhoHasArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let query = AboutResource { resource: args.resource };
    let grants = session.client.who_has(&query).await.map_err(session::failure)?.items;
    match context.output.voice() {
        Voice::Json => context.output.document(&grants)?,
        Voice::Human | Voice::Quiet => print_grants(context, &grants)?,
    }
    Ok(Exit::Done)
}
