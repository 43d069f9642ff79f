//! `curfew requests`: what was asked.

use super::Context;
use super::views::scope_lines;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, ago_or_in};
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{PAGE_MOST, RequestView, RequestsQuery, WhichRequests};

/// More than anybody reads; a script that needs all of history exports the audit log.
pub(crate) const MOST_ITEMS: usize = 10_000;

/// What `curfew requests` takes.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct RequestsArgs {
    /// Only those that are undecided
    #[arg(long)]
    pending: bool,
    /// Only my own
    #[arg(long)]
    mine: bool,
    /// Only those that I may decide
    #[arg(long)]
    to_approve: bool,
}

impl RequestsArgs {
    fn which(&self) -> WhichRequests {
        match (self.pending, self.mine, self.to_approve) {
            (true, ..) => WhichRequests::Pending,
            (_, true, _) => WhichRequests::Mine,
            (.., true) => WhichRequests::ToApprove,
            (false, false, false) => WhichRequests::All,
        }
    }
}

pub(crate) async fn run(context: &mut Context, args: &RequestsArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let requests = all(context, &session, args.which()).await?;
    let now = context.machine.now();
    context.output.show(&requests, |output, requests| {
        let mut table =
            Table::new(&["ID", "STATE", "ROLE", "SUBJECT", "SCOPE", "FOR", "ASKED", "REASON"], "no requests");
        for request in requests {
            table.row([
                request.id.to_string(),
                request.state.clone(),
                request.role.to_string(),
                request.subject.label(),
                scope_lines(&request.scope).join("; "),
                request.duration_seconds.to_string(),
                ago_or_in(request.created_at, now),
                request.reason.chars().take(60).collect(),
            ]);
        }
        table.print(output)
    })?;
    Ok(Exit::Done)
}

async fn all(context: &mut Context, session: &Session, which: WhichRequests) -> Result<Vec<RequestView>, Failure> {
    let mut query = RequestsQuery { which, cursor: None, limit: Some(PAGE_MOST) };
    let mut requests = Vec::new();
    loop {
        let page = session.client.requests(&query).await.map_err(session::failure)?;
        requests.extend(page.items);
        query.cursor = page.next;
        if query.cursor.is_none() {
            return Ok(requests);
        }
        if requests.len() >= MOST_ITEMS {
            context.output.warn(&format!("there are more; these are the newest {}", requests.len()));
            return Ok(requests);
        }
    }
}
