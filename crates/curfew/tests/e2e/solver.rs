//! `curfew policy diff` with the real solver on the path, and with programs of its name that are of no use: what is
//! not proved counts as wider, whatever they say.

use serde_json::Value;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A role that a person approves, with such a `when`.
fn policy(folder: &Path, name: &str, cedar: &str) -> PathBuf {
    let role = "roles:\n  - name: debug\n    requesters: [a@example.com]\n    duration: 2h\n    conditions: [{resource: services/db, actions: [read]}]\n    approvers: [b@example.com]\n";
    let rule = format!("    constraints: {{when: [{{message: m, cedar: '{cedar}'}}]}}\n");
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("p.yaml"), format!("{role}{rule}")).unwrap();
    folder
}

/// The diff of two folders, and how long it took, with this in front of the path.
fn diff(path: Option<&Path>, args: &[&str], sides: [&Path; 2]) -> (Output, Duration) {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = path.map(Path::to_owned).into_iter().chain(std::env::split_paths(&rest));
    let path: OsString = std::env::join_paths(folders).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
    command.env_clear().env("PATH", path).env("NO_COLOR", "1").args(["policy", "diff"]).args(args).args(sides);
    let begun = Instant::now();
    (command.output().unwrap(), begun.elapsed())
}

fn document(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The set-up installs it. Without it nothing is shown, which is loud, and a failure in CI.
fn has_solver() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join("cvc5").is_file());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "cvc5 is not on the path: run `cargo xtask setup`");
        eprintln!("NOTHING IS TESTED HERE: cvc5 is not on the path; `cargo xtask setup` installs it");
    }
    found
}

#[test]
fn what_the_solver_proves_is_no_widening_and_what_it_refutes_comes_with_the_request() {
    if !has_solver() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wide = policy(folder.path(), "wide", "context.reason like \"INC*\"");
    let narrow = policy(folder.path(), "narrow", "context.reason like \"INC-*\"");
    let (narrower, _) = diff(None, &["--json", "--fail-on-widening"], [&wide, &narrow]);
    assert_eq!(narrower.status.code(), Some(0), "{}", document(&narrower));
    assert_eq!(document(&narrower)["changes"][0]["direction"], "narrower");
    let (wider, _) = diff(None, &["--json", "--fail-on-widening"], [&narrow, &wide]);
    assert_eq!(wider.status.code(), Some(1));
    let change = document(&wider)["changes"][0].clone();
    assert_eq!((&change["kind"], &change["direction"]), (&"constraint".into(), &"wider".into()), "{change}");
    assert!(change["request"].as_str().is_some_and(|request| request.contains("INC")), "{change}");
    let (human, _) = diff(None, &[], [&narrow, &wide]);
    let said = String::from_utf8_lossy(&human.stdout).into_owned();
    assert!(said.contains("INC"), "the request is shown: {said}");
}

/// One that hangs, ones that lie, ones that die.
#[test]
fn a_solver_that_is_of_no_use_proves_nothing_and_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let wide = policy(folder.path(), "wide", "context.reason like \"INC*\"");
    let narrow = policy(folder.path(), "narrow", "context.reason like \"INC-*\"");
    for (name, script) in [
        ("hangs", "while :; do read line || exit; done"),
        ("lies", "while read line; do test \"$line\" = '(check-sat)' && echo unsat; done"),
        ("lies-twice", "echo sat; echo '('; echo ')'; while read line; do :; done"),
        ("dies", "exit 1"),
        ("is-killed", "kill -9 $$"),
        ("floods", "yes '('"),
    ] {
        let bin = folder.path().join(name);
        std::fs::create_dir(&bin).unwrap();
        let program = bin.join("cvc5");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let both = [[&wide, &narrow], [&narrow, &wide]];
        for sides in &both[..if name == "hangs" { 1 } else { 2 }] {
            let sides = sides.map(PathBuf::as_path);
            let (output, took) = diff(Some(&bin), &["--json", "--fail-on-widening"], sides);
            let document = document(&output);
            assert_eq!(output.status.code(), Some(1), "{name}: {document}");
            assert_eq!(document["changes"][0]["direction"], "unknown", "{name}: {document}");
            assert!(took < Duration::from_secs(25), "{name} took {took:?}");
        }
    }
}
