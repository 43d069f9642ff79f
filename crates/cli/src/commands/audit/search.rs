//! `curfew audit search`: events that hold all the words.

use super::{Context, print_events};
use crate::commands::requests::MOST_ITEMS;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{AuditSearch, PAGE_MOST};

/// What `curfew audit search` takes.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// All of these have to stand in an event
    words: Vec<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

pub(crate) async fn run(context: &mut Context, args: &SearchArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let most = args.limit.unwrap_or(MOST_ITEMS);
    let mut query = AuditSearch { q: args.words.join(" "), cursor: None, limit: Some(PAGE_MOST) };
    let mut events = Vec::new();
    loop {
        let page = session.client.audit_search(&query).await.map_err(session::failure)?;
        events.extend(page.items);
        query.cursor = page.next;
        if query.cursor.is_none() || events.len() >= most {
            break;
        }
    }
    if query.cursor.is_some() && args.limit.is_none() {
        context.output.warn(&format!("there are more; these are the newest {}", events.len()));
    }
    events.truncate(most);
    print_events(context, &events)?;
    Ok(Exit::Done)
}
