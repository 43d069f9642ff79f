//! `curfew grants`: what is live now, with the time left.

use super::Context;
use super::requests::MOST_ITEMS;
use super::views::print_grants;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{GrantView, GrantsQuery, PAGE_MOST, WhichGrants};

/// What `curfew grants` takes.
#[derive(Debug, Args)]
pub(crate) struct GrantsArgs {
    /// Everybody's, ended ones too
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(context: &mut Context, args: &GrantsArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let which = if args.all { WhichGrants::All } else { WhichGrants::Live };
    let grants = all(context, &session, which).await?;
    match context.output.voice() {
        Voice::Json => context.output.document(&grants)?,
        Voice::Human | Voice::Quiet => print_grants(context, &grants)?,
    }
    Ok(Exit::Done)
}

/// Every page of them.
pub(super) async fn all(
    context: &mut Context,
    session: &Session,
    which: WhichGrants,
) -> Result<Vec<GrantView>, Failure> {
    let mut query = GrantsQuery { which, cursor: None, limit: Some(PAGE_MOST) };
    let mut grants = Vec::new();
    loop {
        let page = session.client.grants(&query).await.map_err(session::failure)?;
        grants.extend(page.items);
        query.cursor = page.next;
        if query.cursor.is_none() {
            return Ok(grants);
        }
        if grants.len() >= MOST_ITEMS {
            context.output.warn(&format!("there are more; these are the newest {}", grants.len()));
            return Ok(grants);
        }
    }
}
