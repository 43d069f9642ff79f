//! `kill -9` in the middle: of the runner, of everything that beats, of the server. What a job had is gone and verified
//! within the heartbeat window and five seconds.

use crate::harness::{Job, Pipelines, program, soon};
use crate::pipelines::{POLICY, github_checkout, gitlab_checkout};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The shortest that a server takes.
const WINDOW: Duration = Duration::from_secs(5);
const MARGIN: Duration = Duration::from_secs(5);

/// Rounds of each kind: a few in every run of the tests, as many as `CURFEW_TEST_KILLS` says where somebody waits for them.
fn rounds() -> usize {
    std::env::var("CURFEW_TEST_KILLS").ok().map_or(2, |text| text.parse().expect("a number"))
}

#[test]
fn the_runner_of_github_is_killed() {
    let Some(act) = program("CURFEW_TEST_ACT") else { return };
    let pipelines = Pipelines::start(POLICY, WINDOW);
    for round in 0..rounds() {
        let name = format!("deploy{round}");
        let checkout = github_checkout(&pipelines, &name);
        killed(&pipelines, &name, pipelines.act(&act, &checkout), Beats::GoOn);
    }
}

#[test]
fn the_runner_of_gitlab_is_killed() {
    let (Some(script), Some(node)) = (program("CURFEW_TEST_GITLAB_CI_LOCAL"), program("CURFEW_TEST_NODE")) else {
        return;
    };
    let pipelines = Pipelines::start(POLICY, WINDOW);
    for round in 0..rounds() {
        let name = format!("deploy{round}");
        let checkout = gitlab_checkout(&pipelines, &name);
        killed(&pipelines, &name, pipelines.gitlab((&node, &script), &checkout), Beats::GoOn);
    }
}

/// The machine vanishes: nobody is left to say anything.
#[test]
fn everything_is_killed() {
    let Some(act) = program("CURFEW_TEST_ACT") else { return };
    let pipelines = Pipelines::start(POLICY, WINDOW);
    let checkout = github_checkout(&pipelines, "deploy");
    killed(&pipelines, "deploy", pipelines.act(&act, &checkout), Beats::AreKilled);
}

/// Whether what `pipeline start` left behind survives the runner.
#[derive(PartialEq)]
enum Beats {
    GoOn,
    AreKilled,
}

fn killed(pipelines: &Pipelines, name: &str, mut job: Job, beats: Beats) {
    job.waits_at(&pipelines.mark(&format!("{name}.ready")));
    assert_eq!(pipelines.world.postgres.temporary_roles().len(), 1);
    if beats == Beats::AreKilled {
        kill_keeper(&pipelines.state(name));
    }
    job.kill();
    let took = pipelines.world.nothing_left(WINDOW + MARGIN);
    eprintln!("{name}: gone {took:?} after the kill");
    // What the runner left behind in its step ends by itself.
    std::fs::write(pipelines.mark(&format!("{name}.go")), "").unwrap();
    all_ended(pipelines);
}

fn all_ended(pipelines: &Pipelines) {
    let root = pipelines.world.person("root@example.com");
    soon("every grant is ended and verified", MARGIN, || {
        let grants = root.json(&["grants", "--all"]);
        let grants = grants.as_array().expect("a list");
        grants
            .iter()
            .all(|grant| grant["state"] == "ended" && (grant["verified"] == true || grant["leases"][0].is_null()))
    });
}

/// The process that beats between the steps, by its own word.
fn kill_keeper(state: &Path) {
    let jobs = std::fs::read_dir(state.join("jobs")).unwrap().flatten();
    let files: Vec<_> = jobs.map(|job| job.path().join("keeper.json")).filter(|file| file.is_file()).collect();
    let [file] = files.as_slice() else { panic!("not one keeper: {files:?}") };
    let keeper: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let id = keeper["process"].as_str().unwrap().split(':').next().unwrap().to_owned();
    assert!(Command::new("kill").args(["-9", &id]).status().unwrap().success());
}

/// A job whose command stays for so many seconds.
fn runs(pipelines: &Pipelines, name: &str, seconds: &str) -> Job {
    let mark = pipelines.mark(&format!("{name}.ready"));
    let script = format!("psql -XAtwc 'select 1' && touch {} && exec sleep {seconds}", mark.display());
    let mut job = Job::of(pipelines.bare(name, &["run", "migrate", "--", "sh", "-c", &script]), pipelines, name);
    job.waits_at(&mark);
    job
}

#[test]
fn curfew_run_is_killed() {
    let pipelines = Pipelines::start(POLICY, WINDOW);
    for round in 0..rounds() {
        let mut job = runs(&pipelines, &format!("job{round}"), "30");
        job.kill();
        pipelines.world.nothing_left(WINDOW + MARGIN);
    }
    all_ended(&pipelines);
}

/// A job that goes on beating keeps its access over a restart of the server; one that dies meanwhile does not.
#[test]
fn the_server_is_killed_and_comes_back() {
    let mut pipelines = Pipelines::start(POLICY, WINDOW);
    let lives = runs(&pipelines, "lives", "590");
    // Each round waits for two windows.
    for round in 0..rounds().div_ceil(2) {
        let mut dies = runs(&pipelines, &format!("dies{round}"), "30");
        pipelines.world.server().kill();
        dies.kill();
        let silent = Instant::now();
        std::thread::sleep(Duration::from_secs(1));
        pipelines.start_server_again();
        let back = Instant::now();
        let due = (silent + WINDOW).max(back) + MARGIN;
        let left = due.saturating_duration_since(Instant::now());
        soon("the dead job's role is gone", left, || pipelines.world.postgres.temporary_roles().len() == 1);
        std::thread::sleep(WINDOW);
        assert_eq!(
            pipelines.world.postgres.temporary_roles().len(),
            1,
            "the living job keeps its own:\n{}",
            lives.log()
        );
    }
    lives.signal("TERM");
    let (well, log) = lives.ends();
    assert!(!well && log.contains("is over: services/db was read and shows no access"), "{log}");
    pipelines.world.nothing_left(MARGIN);
    all_ended(&pipelines);
}

/// A signal is the command's first; then its access is returned.
#[test]
fn a_job_that_is_cancelled_returns_its_access() {
    let pipelines = Pipelines::start(POLICY, Duration::from_secs(60));
    let job = runs(&pipelines, "job", "30");
    job.signal("TERM");
    let begun = Instant::now();
    let (_, log) = job.ends();
    assert!(begun.elapsed() < MARGIN && log.contains("is over: services/db was read and shows no access"), "{log}");
    let mut waiting = Job::of(pipelines.bare("other", &["run", "reviewed", "--", "true"]), &pipelines, "other");
    soon("somebody is asked", MARGIN, || waiting.log().contains("waits for ann@example.com"));
    assert!(waiting.is_running());
    let log = waiting.log();
    waiting.signal("TERM");
    waiting.ends();
    let id = log.split_whitespace().find(|word| word.starts_with("req_")).expect("the request");
    let root = pipelines.world.person("root@example.com");
    let state = root.sees(id)["state"].clone();
    assert!(state == "withdrawn" || state == "lapsed", "{state}");
}
