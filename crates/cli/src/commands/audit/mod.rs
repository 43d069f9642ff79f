//! `curfew audit`: reading, exporting and verifying the evidence.

mod export;
mod key;
mod proof;
mod search;
mod show;
mod tail;
pub(crate) mod verify;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Table;
use clap::Subcommand;
use curfew_api::AuditEventView;

/// What can be done with the evidence.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the newest events
    Tail(tail::TailArgs),
    /// Print one event, or every event about a request, grant or lease
    Show(show::ShowArgs),
    /// Print events that hold all the words, newest first; without words, everything
    Search(search::SearchArgs),
    /// Print the whole log with its signed checkpoint, one event a line
    Export(export::ExportArgs),
    /// Verify an export offline, with nothing but the key: 0 whole, 1 not
    Verify(verify::VerifyArgs),
    /// Print the key that checkpoints are signed with
    Key,
    /// Print the proof that an event is in the log
    Proof(proof::ProofArgs),
}

pub(crate) async fn run(context: &mut Context, command: AuditCommand) -> Result<Exit, Failure> {
    match command {
        AuditCommand::Tail(args) => tail::run(context, &args).await,
        AuditCommand::Show(args) => show::run(context, &args).await,
        AuditCommand::Search(args) => search::run(context, &args).await,
        AuditCommand::Export(args) => export::run(context, args).await,
        AuditCommand::Verify(args) => verify::run(context, args),
        AuditCommand::Key => key::run(context).await,
        AuditCommand::Proof(args) => proof::run(context, &args).await,
    }
}

/// Events, one a line.
fn print_events(context: &mut Context, events: &[AuditEventView]) -> Result<(), Failure> {
    context.output.show(&events, |output, events| {
        let mut table = Table::new(&["SEQ", "AT", "ACTION", "ACTOR", "ABOUT", "BECAUSE"], "no events");
        for event in *events {
            table.row(cells(event));
        }
        table.print(output)
    })
}

fn cells(event: &AuditEventView) -> [String; 6] {
    [
        event.seq.to_string(),
        event.at.to_string(),
        event.action.as_str(),
        event.actor.label(),
        about(event),
        event.because.chars().take(80).collect(),
    ]
}

/// The most particular thing an event is about.
fn about(event: &AuditEventView) -> String {
    let lease = event.lease_id.map(|id| id.to_string());
    let grant = event.grant_id.map(|id| id.to_string());
    let request = event.request_id.map(|id| id.to_string());
    let subject = event.subject.as_ref().map(curfew_api::SubjectView::label);
    lease.or(grant).or(request).or(subject).unwrap_or_default()
}
