//! The example policies, as a reader of them would run them: the real connectors, no server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

fn curfew(args: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_curfew")).args(args).arg(folder).env("NO_COLOR", "1").output().unwrap()
}

fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(policies()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

#[test]
fn every_example_checks_holds_its_tests_and_is_formatted() {
    let folders = folders();
    assert!(folders.len() >= 12, "{folders:?}");
    for folder in folders {
        for args in [["policy", "check"].as_slice(), &["policy", "test"], &["policy", "fmt", "--check"]] {
            let output = curfew(args, &folder);
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{args:?} {}: {said}", folder.display());
        }
        let output = curfew(&["--json", "policy", "test"], &folder);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let passed = document["passed"].as_u64().unwrap();
        assert!(passed > 0 || folder.ends_with("quickstart"), "{} has no tests", folder.display());
    }
}

/// What the connector would refuse when somebody activates is refused when the policy is checked, where it stands.
#[test]
fn what_a_connector_cannot_use_is_refused_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let role = "roles:\n  - {name: r, requesters: [a@example.com], duration: 1h, conditions: [{resource: x/db, actions: [a]}], approvers: [b@example.com]}\n";
    for (connector, settings, at) in [
        ("postgres", "{actions: {a: {}}}", "{}}}"),
        ("postgres", "{actions: {a: {effects: [read]}}}", "{effects"),
        ("postgres", "{actions: {a: {grants: [\"DROP\"]}}}", "\"DROP"),
        ("postgres", "{actions: {a: {grants: [\"SELECT ON\"]}}}", "\"SELECT ON"),
        ("postgres", "{actions: {a: {grants: [\"ALL ON orders\"]}}}", "\"ALL ON"),
        ("postgres", "{actions: {a: {grants: [\"SELECT ON a; DROP TABLE b\"]}}}", "\"SELECT ON"),
        ("postgres", "{actions: {a: {roles: [cf_lse_1]}}}", "cf_lse_1"),
        ("postgres", "{schemas: [curfew], actions: {a: {roles: [x]}}}", "curfew]"),
        ("ssh", "{hosts: [\"web:22\"], actions: {a: {principals: [\"dep loy\"]}}}", "\"dep loy"),
    ] {
        let line = format!("  - {{name: x/db, connector: {connector}, settings: {settings}}}");
        let column = line.find(at).unwrap() + 1;
        std::fs::write(folder.path().join("p.yaml"), format!("resources:\n{line}\n{role}")).unwrap();
        let output = curfew(&["--json", "policy", "check"], folder.path());
        assert_eq!(output.status.code(), Some(2), "{settings}");
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = document["problems"].as_array().unwrap();
        let found =
            problems.iter().find(|p| p["code"] == "setting").unwrap_or_else(|| panic!("{settings}: {document}"));
        assert_eq!((&found["file"], &found["line"]), (&"p.yaml".into(), &2.into()), "{settings}");
        assert_eq!(found["column"], column, "{settings}: {found}");
        assert!(found["hint"].as_str().unwrap().contains('`'), "{found}");
    }
}

/// What the page on environments promises: production is no wider than staging, but for where it points.
#[test]
fn environments_are_compared() {
    let args = ["--json", "policy", "diff", "--env", "staging", "--env", "production"];
    let output = curfew(&args, &policies().join("shop-platform"));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let wider = document["changes"].as_array().unwrap().iter().filter(|change| change["direction"] != "narrower");
    assert!(wider.clone().all(|change| change["kind"] == "target"), "{document}");
    assert_eq!(wider.count(), 1, "{document}");
}

#[test]
fn an_environment_that_widens_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let base = "roles:\n  - name: debug\n    requesters: [a@example.com]\n    duration: 1h\n    conditions: [{resource: x/db, actions: [read]}]\n    approvers: [b@example.com]\n";
    std::fs::write(folder.path().join("base.yaml"), base).unwrap();
    std::fs::create_dir(folder.path().join("environments")).unwrap();
    let overlay = folder.path().join("environments/production.yaml");
    for (text, code) in [
        ("roles: [{name: debug, duration: 30m}]\n", None),
        ("roles: [{name: debug, requesters: [a@example.com, c@example.com]}]\n", Some(1)),
        ("roles: [{name: debug, duration: 2h}]\n", Some(1)),
        ("roles: [{name: debug, approvers: [c@example.com]}]\n", Some(1)),
        ("resources: [{name: y/db, connector: postgres}]\n", None),
    ] {
        std::fs::write(&overlay, text).unwrap();
        let output = curfew(&["--json", "policy", "check"], folder.path());
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = document["problems"].as_array().unwrap().iter();
        let widens = problems.filter(|problem| problem["code"] == "overlay-widens").collect::<Vec<_>>();
        assert_eq!(widens.first().map(|problem| problem["line"].as_i64().unwrap()), code, "{text}: {document}");
        assert_eq!(output.status.code(), Some(if code.is_some() { 2 } else { 0 }), "{text}: {document}");
    }
}

/// What is imported is read by the real connectors too.
#[test]
fn what_is_imported_checks() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/tests/data/import");
    for file in ["jit-groups.yaml", "teleport.yaml", "aws-team.json", "aws-team-dynamodb.json"] {
        let output = curfew(&["--json", "policy", "import"], &data.join(file));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (output.status.code(), &document["ok"]),
            (Some(0), &serde_json::Value::Bool(true)),
            "{file}: {document}"
        );
    }
}
