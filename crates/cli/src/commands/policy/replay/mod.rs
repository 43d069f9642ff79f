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
use curfew_domain::{Decision, Outcome, Seconds, Timestamp};
use curfew_policy::PolicySet;
use past::{Asked, Past};
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
    /// Asks that were decided again.
    replayed: usize,
    /// Those for a role that these policies have not.
    #[serde(skip)]
    foreign: usize,
    /// Asks of which the log does not hold enough to decide them again.
    skipped: usize,
    /// Those that come out otherwise, in the order of the log.
    changes: Vec<Changed>,
    /// Those of which nobody can tell, because a fact that the policies ask for was not recorded.
    cannot_tell: Vec<Open>,
}

/// An ask that may come out otherwise or not.
#[derive(Debug, Serialize)]
struct Open {
    /// Empty when it was refused at once.
    request_id: String,
    at: Timestamp,
    role: String,
    subject: String,
    before: Outcome,
    /// What is not known, a sentence each.
    not_known: Vec<String>,
}

/// An ask that comes out otherwise.
#[derive(Debug, Serialize)]
struct Changed {
    /// Empty when it was refused at once.
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
    if is_export(&context.machine.path(&args.path)) {
        let path = args.path.display();
        return Err(Failure::wrong_use(format!("{path} is an audit export, and no folder of policies"))
            .hint(format!("curfew policy replay --from {path} DIR")));
    }
    let set = load_in(context, &args.path, args.env.as_deref())?.usable(&mut context.output)?;
    let oldest = args.since.map(|since| {
        let ago = i64::from(since.as_secs()).saturating_mul(1_000);
        Timestamp::from_millis(context.machine.now().as_millis().saturating_sub(ago))
    });
    let mut replay = Replay::default();
    let mut take = |past: Past| match past {
        Past::Asked(asked) => replay.decide(&set, *asked, oldest),
        Past::Unknown(at) if oldest.is_none_or(|oldest| at >= oldest) => replay.skipped += 1,
        Past::Unknown(_) | Past::Other | Past::Checkpoint | Past::NoEvent => {}
    };
    match &args.from {
        Some(path) => {
            let path = context.machine.path(path);
            if from_file(&path, &mut take)? == Ending::Open {
                let path = path.display();
                context.output.warn(&format!(
                    "{path} does not end with a checkpoint, as an export does: it may be cut short \
                     (`curfew audit verify` tells)"
                ));
            }
        }
        None => wait_for(from_server(context, &mut take))?,
    }
    if replay.replayed > 0 && replay.foreign == replay.replayed {
        context.output.warn("these policies have none of the roles that were asked for: is it another server's log?");
    }
    context.output.show(&replay, print)?;
    Ok(Exit::Done)
}

impl Replay {
    fn decide(&mut self, set: &PolicySet, asked: Asked, oldest: Option<Timestamp>) {
        let Asked { id, ask, decision: before } = asked;
        if oldest.is_some_and(|oldest| ask.now < oldest) {
            return;
        }
        self.replayed += 1;
        self.foreign += usize::from(set.role(&ask.role).is_none());
        let after = set.decide(&ask).decision;
        let why = differences(&before, &after);
        if why.is_empty() {
            return;
        }
        let (at, role, subject, before) = (ask.now, ask.role.to_string(), ask.who.subject.label(), before.outcome);
        let not_known = set.doubts(&ask, &after);
        if not_known.is_empty() {
            self.changes.push(Changed { request_id: id, at, role, subject, before, after: after.outcome, why });
        } else {
            self.cannot_tell.push(Open { request_id: id, at, role, subject, before, not_known });
        }
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
    let denied = |decision: &Decision| decision.outcome == Outcome::Denied;
    if denied(before) && denied(after) {
        return Vec::new();
    }
    if denied(before) {
        return vec![format!("it is not denied: {}", whose_yes(after))];
    }
    let (old, new) = (whose_yes(before), whose_yes(after));
    if old == new && before.outcome == after.outcome {
        return Vec::new();
    }
    vec![format!("{new}, not {}", old.trim_start_matches("approved "))]
}

/// What a decision that does not deny takes.
fn whose_yes(decision: &Decision) -> String {
    let stage = |s: &curfew_domain::Stage| format!("{}: {} of {}", s.name, s.require, s.approvers.join(", "));
    let stages: Vec<String> = decision.stages.iter().map(stage).collect();
    if stages.is_empty() { "approved by nobody".to_owned() } else { format!("approved by {}", stages.join("; ")) }
}

/// How an export ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// With its checkpoint.
    Sealed,
    /// Somewhere.
    Open,
}

/// Whether a file begins as an export does: one that was named without `--from`.
fn is_export(path: &Path) -> bool {
    let mut line = Vec::new();
    let begin = |file: File| BufReader::new(file).take(EXPORT_LINE_BYTES as u64).read_until(b'\n', &mut line);
    path.is_file() && File::open(path).and_then(begin).is_ok() && !matches!(past::read(&line), Past::NoEvent)
}

fn from_file(path: &Path, take: &mut impl FnMut(Past)) -> Result<Ending, Failure> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    let refuse = |why: String| {
        Failure::wrong_use(format!("{} is no audit export: {why}", path.display()))
            .hint("`curfew audit export --out FILE` writes one: an event a line, and its checkpoint")
    };
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let (mut line, mut number, mut ending) = (Vec::new(), 0_u64, Ending::Open);
    loop {
        line.clear();
        let most = EXPORT_LINE_BYTES as u64 + 1;
        if reader.by_ref().take(most).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return if number == 0 { Err(refuse("it is empty".to_owned())) } else { Ok(ending) };
        }
        number += 1;
        if line.len() > EXPORT_LINE_BYTES {
            return Err(refuse(format!("line {number} is longer than an event")));
        }
        let past = past::read(&line);
        ending = match past {
            Past::NoEvent if !line.ends_with(b"\n") => {
                return Err(refuse(format!("line {number} is cut short")));
            }
            Past::NoEvent => return Err(refuse(format!("line {number} is no event"))),
            Past::Checkpoint => Ending::Sealed,
            Past::Asked(_) | Past::Unknown(_) | Past::Other => Ending::Open,
        };
        take(past);
    }
}

async fn from_server(context: &mut Context, take: &mut impl FnMut(Past)) -> Result<(), Failure> {
    let session = Session::signed_in(context)?;
    let mut download = session.client.audit_export().await.map_err(session::failure)?;
    let mut rest = Vec::new();
    while let Some(chunk) = download.chunk().await.map_err(session::failure)? {
        rest.extend(chunk);
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            take(past::read(&rest[..=end]));
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
            output.line(named(&change.request_id))?;
            continue;
        }
        let outcome = match change.before == change.after {
            true => word(change.after).to_owned(),
            false => format!("{} -> {}", word(change.before), word(change.after)),
        };
        output.line(&format!(
            "{}  {}  {} by {}: {outcome}",
            named(&change.request_id),
            change.at,
            change.role,
            change.subject
        ))?;
        for why in &change.why {
            output.line(&format!("    {why}"))?;
        }
    }
    for open in &replay.cannot_tell {
        if output.voice() == Voice::Quiet {
            continue;
        }
        let Open { request_id, at, role, subject, before, .. } = open;
        output.line(&format!(
            "{}  {at}  {role} by {subject}: {}, now cannot tell",
            named(request_id),
            word(*before)
        ))?;
        for fact in &open.not_known {
            output.line(&format!("    {fact}"))?;
        }
    }
    if output.voice() == Voice::Quiet {
        return Ok(());
    }
    let open = match replay.cannot_tell.len() {
        0 => String::new(),
        n => format!(", {n} that nobody can tell"),
    };
    let skipped = match replay.skipped {
        0 => String::new(),
        n => format!(", {n} of which the log does not hold enough"),
    };
    output.line(&format!("{} decided again, {} otherwise{open}{skipped}", replay.replayed, replay.changes.len()))
}

/// The request's id, or that there is none.
fn named(id: &str) -> &str {
    if id.is_empty() { "(refused at once)" } else { id }
}

#[cfg(test)]
mod tests;
