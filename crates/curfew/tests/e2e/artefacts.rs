//! A job that presents a plan: the same one as was approved, or nothing is given, whichever command asks.

use crate::harness::{Answer, Pipelines, run, soon};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(60);

const POLICY: &str = r#"
people: [{email: eve@example.com, github: "583231"}]
administrators: [root@example.com]
resources:
  - {name: services/db, connector: postgres, risk: low, settings: {schemas: [public]}}
roles:
  - name: schema
    requesters: [{github: {repository_id: "123456", ref: refs/heads/main}}]
    duration: 10m
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [ann@example.com]
"#;

/// What becomes of the plan while somebody is waited for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Meanwhile {
    ItStays,
    ItChanges,
}

/// Runs a command that presents the file `plan.out`, and approves what it asks for with the plan's hash of that moment.
fn approved_for_its_plan(pipelines: &Pipelines, name: &str, mut command: Command, meanwhile: Meanwhile) -> Answer {
    let plan = plan(pipelines, name);
    let hash = sha256(&std::fs::read(&plan).unwrap());
    let ann = pipelines.world.person("ann@example.com");
    let waiting = std::thread::spawn(move || run(&mut command));
    let mut id = String::new();
    soon("somebody is asked", Duration::from_secs(10), || {
        let requests = ann.json(&["requests", "--to-approve"]);
        id = requests[0]["id"].as_str().unwrap_or_default().to_owned();
        !id.is_empty() || waiting.is_finished()
    });
    assert!(!waiting.is_finished(), "it did not wait: {:?}", waiting.join().unwrap());
    if meanwhile == Meanwhile::ItChanges {
        std::fs::write(&plan, "drop everything").unwrap();
    }
    ann.curfew(&["approve", &id, "--plan", &format!("sha256:{hash}")]).ok();
    let answer = waiting.join().unwrap();
    assert!(answer.err.contains(&format!("this job presents plan sha256:{hash}")), "the log names it: {answer:?}");
    answer
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plan(pipelines: &Pipelines, name: &str) -> PathBuf {
    pipelines.mark(&format!("{name}.plan"))
}

fn job(pipelines: &Pipelines, name: &str, arguments: &[&str], after: &[&str]) -> Command {
    let plan = plan(pipelines, name);
    std::fs::write(&plan, "add a column").unwrap();
    pipelines.bare(name, &[arguments, &["schema", "--plan", plan.to_str().unwrap()], after].concat())
}

#[test]
fn run_is_given_what_its_plan_was_approved_for() {
    let pipelines = Pipelines::start(POLICY, WINDOW);
    let psql = ["--", "psql", "-XAtwc", "select 40+2"];
    let same = job(&pipelines, "same", &["run"], &psql);
    let ran = approved_for_its_plan(&pipelines, "same", same, Meanwhile::ItStays).ok();
    assert_eq!(ran.out, "42\n", "{ran:?}");
    let changed = job(&pipelines, "changed", &["run"], &psql);
    let refused = approved_for_its_plan(&pipelines, "changed", changed, Meanwhile::ItChanges).exits(125);
    given_nothing(&pipelines, &refused);
}

#[test]
fn pipeline_start_is_given_what_its_plan_was_approved_for() {
    let pipelines = Pipelines::start(POLICY, WINDOW);
    let lives_with = std::process::id().to_string();
    let start = ["pipeline", "start", "--lives-with", &lives_with, "--json"];
    let same = job(&pipelines, "same", &start, &[]);
    let started = approved_for_its_plan(&pipelines, "same", same, Meanwhile::ItStays).ok().json();
    let presented = started["grant"]["artefacts"].as_array().unwrap();
    let plan = serde_json::json!({"kind": "plan", "value": sha256(b"add a column"), "by": "measured"});
    assert!(presented.contains(&plan), "{started}");
    run(&mut pipelines.bare("same", &["pipeline", "end"])).ok();
    pipelines.world.nothing_left(Duration::from_secs(5));
    let changed = job(&pipelines, "changed", &start[..4], &[]);
    let refused = approved_for_its_plan(&pipelines, "changed", changed, Meanwhile::ItChanges).exits(1);
    given_nothing(&pipelines, &refused);
    run(&mut pipelines.bare("changed", &["pipeline", "status"])).exits(4);
}

/// It says what was approved and what was there, and the target was not touched.
fn given_nothing(pipelines: &Pipelines, refused: &Answer) {
    let other = sha256(b"drop everything");
    let says = refused.err.contains("it was approved for plan ") && refused.err.contains(&other);
    assert!(says && !refused.out.contains("42"), "{refused:?}");
    assert_eq!(pipelines.world.postgres.temporary_roles(), Vec::<String>::new());
}

#[test]
fn a_file_that_is_not_there_is_said_before_anybody_is_asked() {
    let pipelines = Pipelines::start(POLICY, WINDOW);
    let lives_with = std::process::id().to_string();
    let presents = ["schema", "--image-digest-from", "/nowhere/manifest.json"];
    for (before, after, exit) in [
        (vec!["run"], vec!["--", "true"], 125),
        (vec!["pipeline", "start"], vec!["--lives-with", lives_with.as_str()], 2),
    ] {
        let refused = run(&mut pipelines.bare("job", &[before, presents.to_vec(), after].concat())).exits(exit);
        assert!(refused.err.contains("cannot read /nowhere/manifest.json"), "{refused:?}");
    }
    let ann = pipelines.world.person("ann@example.com");
    assert_eq!(ann.json(&["requests", "--to-approve"]), serde_json::json!([]));
}
