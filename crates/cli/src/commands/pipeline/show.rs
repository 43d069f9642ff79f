//! `curfew pipeline show`: what became of a run.

use super::super::Context;
use super::super::views::{end_words, scope_lines, when};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::{Job, Place};
use crate::output::{Facts, Table, Voice, left};
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{GrantView, RequestView, RunStateView};
use curfew_domain::{RunEnd, Timestamp};

/// What `curfew pipeline show` takes.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run: `run_...`, or as its provider counts it
    run: String,
    /// Print the signed word that all of it has ended, for `pipeline verify` and other readers of in-toto attestations
    #[arg(long)]
    attestation: bool,
}

pub(crate) async fn run(context: &mut Context, args: &ShowArgs) -> Result<Exit, Failure> {
    let session = session(context).await?;
    if args.attestation {
        let signed = session.client.attestation(&args.run).await.map_err(session::failure)?;
        context.output.document(&signed)?;
        return Ok(Exit::Done);
    }
    let run = session.client.run(&args.run).await.map_err(session::failure)?;
    print_run(context, &run)?;
    Ok(Exit::Done)
}

/// The job's own sign-in, else that of a person, else one by the job's token.
async fn session(context: &Context) -> Result<Session, Failure> {
    if let Some(job) = Job::at_hand(context).await? {
        return Ok(job.session);
    }
    match (Session::signed_in(context), Place::find(context)?) {
        (Err(_), Some(place)) => Ok(place.sign_in(context, None).await?.session),
        (session, _) => session,
    }
}

/// A run with everything that came of it.
pub(super) fn print_run(context: &mut Context, run: &RunStateView) -> Result<(), Failure> {
    match context.output.voice() {
        Voice::Json => return context.output.document(run),
        Voice::Quiet => return context.output.line(&format!("{} {}", run.id, run.state)),
        Voice::Human => {}
    }
    let now = context.machine.now();
    context.output.line(&format!("{}  {}", run.id, run.state))?;
    let mut facts = Facts::new();
    facts
        .add("run", format!("{} {}", run.run.provider, run.run.id))
        .add("workload", run.subject.label())
        .list("of", run.claims.iter().map(|(name, value)| format!("{name}: {value}")))
        .add("began", when(run.began_at, now))
        .add("silent at", run.silent_at.map_or_else(String::new, |at| when(at, now)))
        .add("over", over_line(run, now));
    facts.print(&mut context.output)?;
    let mut table =
        Table::new(&["ID", "ROLE", "SUBJECT", "SCOPE", "STATE", "APPROVED BY", "GIVEN", "GONE"], "no grants");
    for row in rows(run) {
        table.row([
            row.id,
            row.role,
            row.subject,
            row.scope,
            row.state,
            row.approved_by,
            row.given.map_or_else(|| "not claimed".to_owned(), |at| at.to_string()),
            match (row.gone, row.ends) {
                (Some(at), _) => format!("{at}, {}", row.verified),
                (None, Some(end)) => format!("{} left", left(end, now)),
                (None, None) => String::new(),
            },
        ]);
    }
    table.print(&mut context.output)
}

fn over_line(run: &RunStateView, now: Timestamp) -> String {
    let why = run.over_because.map(over_words);
    match (run.over_at, why) {
        (Some(at), Some(why)) => format!("{}: {why}", when(at, now)),
        (Some(at), None) => when(at, now),
        (None, _) => String::new(),
    }
}

/// Why a run was over.
pub(super) fn over_words(why: RunEnd) -> &'static str {
    match why {
        RunEnd::Finished => "its last client said that it was done",
        RunEnd::Silent => "none of its clients was heard of for the heartbeat window",
        RunEnd::ProviderEnded => "its provider said that it ended",
    }
}

/// What people ask of one request of a run and what came of it.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) role: String,
    pub(super) subject: String,
    pub(super) scope: String,
    pub(super) state: String,
    pub(super) approved_by: String,
    pub(super) given: Option<Timestamp>,
    pub(super) ends: Option<Timestamp>,
    pub(super) gone: Option<Timestamp>,
    /// Whether the targets were read after the end.
    pub(super) verified: String,
}

/// Every grant of a run, and every request that became none, oldest first.
pub(super) fn rows(run: &RunStateView) -> Vec<Row> {
    let of_request = |request: &RequestView| {
        let grant = run.grants.iter().find(|grant| grant.request_id == request.id);
        grant.map_or_else(|| of_request(request), |grant| of_grant(request, grant))
    };
    run.requests.iter().map(of_request).collect()
}

fn of_request(request: &RequestView) -> Row {
    Row {
        id: request.id.to_string(),
        role: request.role.to_string(),
        subject: request.subject.label(),
        scope: scope_lines(&request.scope).join("; "),
        state: request.state.clone(),
        approved_by: approved_by(request),
        given: None,
        ends: None,
        gone: None,
        verified: String::new(),
    }
}

fn of_grant(request: &RequestView, grant: &GrantView) -> Row {
    let cause = end_words(grant.end_cause, grant.end_ordered.as_ref());
    Row {
        id: grant.id.to_string(),
        scope: scope_lines(&grant.scope).join("; "),
        state: cause.map_or_else(|| grant.state.clone(), |cause| format!("{} ({cause})", grant.state)),
        given: grant.activated_at,
        ends: grant.expires_at,
        gone: grant.ended_at,
        verified: if grant.verified { "verified".to_owned() } else { "not verified".to_owned() },
        ..of_request(request)
    }
}

fn approved_by(request: &RequestView) -> String {
    let all = request.approvals.iter().map(|approval| approval.approver.label());
    let all: Vec<_> = all.collect();
    match (all.is_empty(), request.state.as_str()) {
        (true, "approved") => "the policy".to_owned(),
        _ => all.join(", "),
    }
}
