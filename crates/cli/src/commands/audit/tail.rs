//! `curfew audit tail`: the newest events, and those to come.

use super::{Context, cells, print_events};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{AuditEventView, AuditSearch, EventStream};

/// What `curfew audit tail` takes.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// How many
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    lines: u32,
    /// Go on printing events as they happen
    #[arg(long, short)]
    follow: bool,
}

pub(crate) async fn run(context: &mut Context, args: &TailArgs) -> Result<Exit, Failure> {
    if args.follow && context.output.voice() == Voice::Json {
        return Err(
            Failure::wrong_use("--json prints one document, and --follow never ends").hint("leave one of them out")
        );
    }
    let session = Session::signed_in(context)?;
    // Opened first, so that nothing falls between what was and what comes.
    let stream = match args.follow {
        true => Some(session.client.events().await.map_err(session::failure)?),
        false => None,
    };
    let query = AuditSearch { limit: Some(args.lines), ..AuditSearch::default() };
    let mut events = session.client.audit_search(&query).await.map_err(session::failure)?.items;
    events.reverse();
    print_events(context, &events)?;
    if let Some(stream) = stream {
        follow(context, stream, events.last().map(|event| event.seq)).await?;
    }
    Ok(Exit::Done)
}

async fn follow(context: &mut Context, mut stream: EventStream, mut last: Option<u64>) -> Result<(), Failure> {
    while let Some(event) = stream.next().await.map_err(session::failure)? {
        if last.is_none_or(|last| event.seq > last) {
            last = Some(event.seq);
            print_line(context, &event)?;
        }
        if context.output.is_unread() {
            break;
        }
    }
    Ok(())
}

fn print_line(context: &mut Context, event: &AuditEventView) -> Result<(), Failure> {
    context.output.line(&cells(event).join("  "))
}
