//! What people are told, and when: ends that others ordered, names that nobody knows, ends that cannot be carried out.

use crate::harness::{World, run, soon, text};
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn exec_says_at_once_when_its_access_is_taken_away_and_by_whom() {
    let world = World::start();
    let developer = world.person("dev@example.com");
    let root = world.person("root@example.com");
    let mut exec = developer.command(&["exec", "self-service", "--for", "10m", "--", "sleep", "8"]);
    let child = exec.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    soon("it is active", Duration::from_secs(10), || {
        let mine = developer.json(&["grants"]);
        mine[0]["state"] == "active"
    });
    let revoked = root.json(&["revoke", "--all-of", "dev@example.com", "--reason", "lost laptop"]);
    assert_eq!(revoked.as_array().map(Vec::len), Some(1));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the command ran to its own end: {said}");
    assert!(said.contains("revoked by root@example.com: lost laptop"), "{said}");
    assert!(said.contains("runs on without access"), "it was said while the command ran: {said}");
    assert_eq!(said.matches("warning:").count(), 1, "{said}");
}

#[test]
fn a_denial_that_comes_late_says_what_it_did_everywhere() {
    let world = World::start();
    let developer = world.person("dev@example.com");
    let (ann, bob) = (world.person("ann@example.com"), world.person("bob@example.com"));
    let id = developer.asks(&["debug", "--for", "10m", "--reason", "orders are stuck"]);
    ann.curfew(&["approve", &id]).ok();
    let again = ann.curfew(&["approve", &id, "--for", "5m"]).ok();
    assert!(again.out.contains("you approved it before, and that stands unchanged"), "{}", again.out);
    developer.curfew(&["activate", &id]).ok();
    let late = bob.curfew(&["deny", &id, "--reason", "not now"]).ok();
    let grant = text(&developer.sees(&id)["grant_id"]);
    assert!(late.out.starts_with(&grant) && late.out.contains("revoked"), "{}", late.out);
    soon("it has ended", Duration::from_secs(10), || developer.sees(&grant)["state"] == "ended");
    for shown in [developer.curfew(&["show", &id]).ok().out, developer.curfew(&["show", &grant]).ok().out] {
        assert!(shown.contains("revoked by bob@example.com: denied after it was approved: not now"), "{shown}");
    }
    bob.curfew(&["deny", &id, "--reason", "not now"]).exits(1);
    let root = world.person("root@example.com");
    for story in [root.json(&["audit", "show", &id]), root.json(&["audit", "show", &grant])] {
        let actions: Vec<_> = story.as_array().unwrap().iter().map(|event| text(&event["action"])).collect();
        for action in ["request.created", "approval.given", "grant.ending", "lease.revoked", "grant.ended"] {
            assert!(actions.iter().any(|a| a == action), "{action}: {actions:?}");
        }
    }
}

#[test]
fn names_that_nobody_knows_are_not_found_and_nothing_is_said_to_be_done() {
    let world = World::start();
    let root = world.person("root@example.com");
    root.curfew(&["revoke", "--role", "nope", "--reason", "x"]).exits(4);
    root.curfew(&["revoke", "--resource", "services/dbb", "--reason", "x"]).exits(4);
    root.curfew(&["who-has", "nope"]).exits(4);
    let nobody = root.curfew(&["revoke", "--all-of", "nobody@example.com", "--reason", "x"]).ok();
    assert!(nobody.err.contains("nothing of nobody@example.com is live"), "{}", nobody.err);
}

#[test]
fn an_end_that_is_held_up_says_why_and_until_when_at_most() {
    let mut world = World::start();
    let developer = world.person("dev@example.com");
    let id = developer.asks(&["self-service", "--for", "10m"]);
    let grant = text(&developer.json(&["activate", &id])["id"]);
    world.postgres.stop();
    developer.curfew(&["return", &id]).ok();
    soon("it is said what holds it up", Duration::from_secs(20), || {
        let shown = developer.sees(&grant);
        shown["state"] == "ending" && shown["leases"][0]["held_up"]["because"].is_string()
    });
    let shown = developer.curfew(&["show", &grant]).ok().out;
    for said in
        ["not done", "services/db: ", "the target itself lets nobody in after that", "returned by dev@example.com"]
    {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(!shown.contains("postgres://"), "{shown}");
    world.postgres.start_again();
    soon("it has ended", Duration::from_secs(10), || developer.sees(&grant)["state"] == "ended");
    let shown = developer.curfew(&["show", &grant]).ok().out;
    assert!(!shown.contains("not done"), "{shown}");
}

#[test]
fn a_variable_that_means_nothing_stops_a_server_before_it_starts() {
    let folder = crate::harness::folder();
    let config = folder.path().join("curfew.toml");
    let text = "development_sign_in = true\nseal = {key = \"env:CURFEW_MY_SEAL\"}\n";
    std::fs::write(&config, text).unwrap();
    let check = |variable: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command.args(["serve", "--check", "--config"]).arg(&config).env_clear().env(variable, "1");
        run(&mut command)
    };
    let refused = check("CURFEW_BOGUS").exits(2);
    assert!(refused.err.contains("CURFEW_BOGUS"), "{}", refused.err);
    for known in ["CURFEW_MY_SEAL", "CURFEW_TOKEN", "CURFEW_SERVICES_DB_URL", "HOME"] {
        check(known).ok();
    }
}
