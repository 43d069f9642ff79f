//! `curfew policy replay`: past requests decided again under other policies; those that come out otherwise, and why.

mod past;

use super::Context;
use super::check::load_in;
use super::test::word;
use crate::commands::wait_for;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Voice};
use crate::session::{self, Session};
use clap::Args;
use curfew_domain::audit::export::EXPORT_LINE_BYTES;
use curfew_domain::{Decision, Outcome, Request, Seconds, Timestamp};
use curfew_policy::PolicySet;
use past::Past;
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// What `curfew policy replay` takes.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Only requests that are not older than this
    #[arg(long, value_name = "DURATION")]
    since: Option<Seconds>,
    /// From an audit export, with no server
    #[arg(long, value_name = "EXPORT")]
    from: Option<PathBuf>,
    /// The environment whose overlay applies
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The folder of policies, or one file
    #[arg(default_value = ".", value_name = "DIR")]
    path: PathBuf,
}

/// What became of all of them.
#[derive(Debug, Default, Serialize)]
struct Replay {
    /// Requests that were decided again.
    replayed: usize,
    /// Requests of which the log does not hold enough to decide them again.
    skipped: usize,
    /// Those that come out otherwise, in the order of the log.
    changes: Vec<Changed>,
}

/// A request that comes out otherwise.
#[derive(Debug, Serialize)]
struct Changed {
    request_id: String,
    at: Timestamp,
    role: String,
    subject: String,
    before: Outcome,
    after: Outcome,
    /// A sentence each.
    why: Vec<String>,
}

pub(crate) fn run(context: &mut Context, args: &ReplayArgs) -> Result<Exit, Failure> {
    let set = load_in(context, &args.path, args.env.as_deref())?.usable(&mut context.output)?;
    let oldest = args.since.map(|since| {
        let ago = i64::from(since.as_secs()).saturating_mul(1_000);
        Timestamp::from_millis(context.machine.now().as_millis().saturating_sub(ago))
    });
    let mut replay = Replay::default();
    let mut take = |line: &[u8]| match past::read(line) {
        Past::Asked(request) => replay.decide(&set, *request, oldest),
        Past::Unknown(at) if oldest.is_none_or(|oldest| at >= oldest) => replay.skipped += 1,
        Past::Unknown(_) | Past::Other => {}
    };
    match &args.from {
        Some(path) => from_file(&context.machine.path(path), &mut take)?,
        None => wait_for(from_server(context, &mut take))?,
    }
    context.output.show(&replay, print)?;
    Ok(Exit::Done)
}

impl Replay {
    fn decide(&mut self, set: &PolicySet, request: Request, oldest: Option<Timestamp>) {
        if oldest.is_some_and(|oldest| request.created_at < oldest) {
            return;
        }
        self.replayed += 1;
        let after = set.decide(&past::ask(&request)).decision;
        let why = differences(&request.decision, &after);
        if why.is_empty() {
            return;
        }
        let subject = &request.subject;
        self.changes.push(Changed {
            request_id: request.id.to_string(),
            at: request.created_at,
            role: request.role.to_string(),
            subject: subject.email.as_ref().map_or_else(|| subject.id.to_string(), ToString::to_string),
            before: request.decision.outcome,
            after: after.outcome,
            why,
        });
    }
}

/// What is decided otherwise: the outcome with its reasons, or whose yes it takes.
fn differences(before: &Decision, after: &Decision) -> Vec<String> {
    if before.outcome != after.outcome {
        let reasons = after.unsatisfied.iter().chain(&after.failed);
        let reasons: Vec<String> = reasons.map(|r| format!("{} ({}:{})", r.message, r.file, r.line)).collect();
        if !reasons.is_empty() {
            return reasons;
        }
    }
    let stages = |decision: &Decision| -> Vec<String> {
        let stage = |s: &curfew_domain::Stage| format!("{}: {} of {}", s.name, s.require, s.approvers.join(", "));
        decision.stages.iter().map(stage).collect()
    };
    let (old, new) = (stages(before), stages(after));
    if old == new && before.outcome == after.outcome {
        return Vec::new();
    }
    let text = |stages: &[String]| if stages.is_empty() { "nobody".to_owned() } else { stages.join("; ") };
    vec![format!("approved by {}, not by {}", text(&new), text(&old))]
}

fn from_file(path: &Path, take: &mut impl FnMut(&[u8])) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = EXPORT_LINE_BYTES as u64 + 1;
        if reader.by_ref().take(most).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        if !line.starts_with(b"{") || line.len() > EXPORT_LINE_BYTES {
            return Err(Failure::wrong_use(format!("{} is no audit export", path.display()))
                .hint("it is what `curfew audit export` writes: one event a line"));
        }
        take(&line);
    }
}

async fn from_server(context: &mut Context, take: &mut impl FnMut(&[u8])) -> Result<(), Failure> {
    let session = Session::signed_in(context)?;
    let mut download = session.client.audit_export().await.map_err(session::failure)?;
    let mut rest = Vec::new();
    while let Some(chunk) = download.chunk().await.map_err(session::failure)? {
        rest.extend(chunk);
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            take(&rest[..=end]);
            rest.drain(..=end);
        }
        if rest.len() > EXPORT_LINE_BYTES {
            return Err(Failure::unavailable("the server sent an event that is longer than one may be"));
        }
    }
    Ok(())
}

fn print(output: &mut Output, replay: &Replay) -> Result<(), Failure> {
    for change in &replay.changes {
        if output.voice() == Voice::Quiet {
            output.line(&change.request_id)?;
            continue;
        }
        let outcome = match change.before == change.after {
            true => word(change.after).to_owned(),
            false => format!("{} -> {}", word(change.before), word(change.after)),
        };
        output
            .line(&format!("{}  {}  {} by {}: {outcome}", change.request_id, change.at, change.role, change.subject))?;
        for why in &change.why {
            output.line(&format!("    {why}"))?;
        }
    }
    if output.voice() == Voice::Quiet {
        return Ok(());
    }
    let skipped = match replay.skipped {
        0 => String::new(),
        n => format!(", {n} of which the log does not hold enough"),
    };
    output.line(&format!("{} decided again, {} otherwise{skipped}", replay.replayed, replay.changes.len()))
}

#[cfg(test)]
mod tests;
