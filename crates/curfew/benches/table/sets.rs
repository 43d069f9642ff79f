//! What is done with whole policy sets: loading one, comparing two, deciding past requests again.

use crate::roles::{self, Kind};
use crate::table::{Table, Unit};
use crate::world::{developer, policy};
use curfew_domain::request::{Origin, RequestState};
use curfew_domain::{Pair, Request, RoleName, Scope, Seconds, Timestamp, Version};
use curfew_policy::{Ask, PolicySet, SourceFile, diff};
use serde_json::json;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

const ROLES: usize = 10_000;
/// Requests of an export that are decided again.
const PAST: usize = 20_000;

pub(crate) fn measure(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let written = roles::files(ROLES, Kind::Rich);
    for file in &written {
        std::fs::write(folder.path().join(&file.path), &file.bytes).unwrap();
    }
    let begun = Instant::now();
    let set = policy(&read(folder.path()));
    let checked = millis(begun);
    (0..ROLES).for_each(|number| drop(black_box(set.decide(&ask(number)))));
    table.alone(format!("reading and checking {ROLES} roles"), Unit::Millis, checked);
    table.alone(format!("reading, checking and compiling {ROLES} roles"), Unit::Millis, millis(begun));
    for roles in [ROLES / 10, ROLES] {
        let (base, head) = (policy(&roles::files(roles, Kind::Rich)), policy(&roles::files(roles, Kind::RichChanged)));
        let begun = Instant::now();
        let found = diff(&base, &head);
        table.alone(format!("access diff of two sets of {roles} roles"), Unit::Millis, millis(begun));
        assert!(found.changes.len() >= roles / 100, "{} changes", found.changes.len());
    }
    table.alone("past requests decided again", Unit::PerSecond, replayed(folder.path(), &set));
}

/// The files of a folder, as they are on disk.
fn read(folder: &Path) -> Vec<SourceFile> {
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let path = entry.file_name().into_string().unwrap();
        SourceFile { path, bytes: std::fs::read(entry.path()).unwrap() }
    };
    std::fs::read_dir(folder).unwrap().map(file).collect()
}

fn ask(number: usize) -> Ask {
    Ask {
        reason: "orders are stuck since 9:40".to_owned(),
        ..Ask::of(developer(), RoleName::new(format!("role-{number}")).unwrap(), Timestamp::from_millis(0))
    }
}

/// Past requests a second that `curfew policy replay` decides, beyond what loading the set takes.
fn replayed(policies: &Path, set: &PolicySet) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let (none, all) = (folder.path().join("none.jsonl"), folder.path().join("all.jsonl"));
    let applied = json!({"seq": 0, "at": "2026-01-01T00:00:00.000Z", "action": "policy.applied", "details": {}});
    std::fs::write(&none, format!("{applied}\n")).unwrap();
    let mut file = std::io::BufWriter::new(std::fs::File::create(&all).unwrap());
    for number in 0..PAST {
        let after = request(set, number % ROLES);
        let at = Timestamp::from_millis(0).to_string();
        let event = json!({"seq": number, "at": at, "action": "request.created", "details": {"after": after}});
        writeln!(file, "{event}").unwrap();
    }
    file.flush().unwrap();
    let replay = |export: &Path| {
        let mut command = crate::served::program();
        command.args(["--json", "policy", "replay", "--from"]).arg(export).arg(policies);
        let begun = Instant::now();
        let output = command.stderr(Stdio::inherit()).output().unwrap();
        let took = begun.elapsed();
        assert!(output.status.success());
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (found["replayed"].as_u64(), took)
    };
    let (nothing, loading) = replay(&none);
    let (replayed, took) = replay(&all);
    assert_eq!((nothing, replayed), (Some(0), Some(PAST as u64)));
    PAST as f64 / took.saturating_sub(loading).as_secs_f64().max(0.001)
}

/// A request as the set takes it.
fn request(set: &PolicySet, number: usize) -> Request {
    let (ask, now) = (ask(number), Timestamp::from_millis(0));
    let pair = Pair { resource: "services/db".parse().unwrap(), action: "read".parse().unwrap() };
    Request {
        id: "req_01kb9n7r00e00000000000000a".parse().unwrap(),
        version: Version::NONE.next(),
        subject: ask.who.subject.clone(),
        groups: ask.who.groups.clone(),
        scope: Scope::new([pair]).unwrap(),
        duration: Seconds::new(3_600),
        reason: ask.reason.clone(),
        ticket: String::new(),
        inputs: curfew_domain::Inputs::new(),
        course: curfew_domain::Course::default(),
        decision: set.decide(&ask).decision,
        role: ask.role,
        meaning: String::new(),
        extends: None,
        lives_with: None,
        origin: Origin::Asked,
        created_at: now,
        lapses_at: now.plus(Seconds::new(3_600)),
        claim_within: Seconds::new(3_600),
        approvals: Vec::new(),
        state: RequestState::Pending,
    }
}

fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1_000.0
}
