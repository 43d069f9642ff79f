//! The smallest document, unchanged, from the policy check to reading and writing.

use crate::harness::{Person, Server, Session, Way, run, soon};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/quickstart/jit-access-policy.yaml");

/// The document as the policy language's page prints it.
const DOCUMENT: &str = "\
# jit-access-policy.yaml
roles:
  - name: temporary-developer-debug
    duration: 2h
    conditions:
      - resource: \"services/db\"
        actions: [\"read\", \"write\"]
    approvers:
      - team-lead@example.com
";

#[test]
fn the_example_is_the_document() {
    assert_eq!(std::fs::read_to_string(QUICKSTART).unwrap(), DOCUMENT);
}

#[test]
fn the_document_checks_without_a_server() {
    let folder = Path::new(QUICKSTART).parent().unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_curfew"));
    let answer = run(check.args(["policy", "check", "--json"]).arg(folder)).ok().json();
    assert_eq!(answer["ok"], json!(true), "{answer}");
    let problems = answer["problems"].as_array().unwrap();
    assert!(problems.iter().all(|p| p["severity"] == "warning"), "{answer}");
}

#[test]
fn from_the_document_to_reading_and_writing() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(policies.join("jit-access-policy.yaml"), DOCUMENT).unwrap();
    let server = Server::start(folder.path(), &Way::Dev);
    let developer = Person::sign_in("dev@example.com", &server.url(), folder.path());
    let lead = Person::sign_in("team-lead@example.com", &server.url(), folder.path());

    let id = developer.asks(&["temporary-developer-debug", "--for", "10m", "--reason", "orders are stuck"]);
    assert_eq!(developer.sees(&id)["state"], "pending");
    developer.curfew(&["approve", &id]).exits(3);
    let approved = lead.json(&["approve", &id]);
    assert_eq!(approved["state"], "approved", "{approved}");

    let grant = developer.json(&["activate", &id]);
    assert_eq!(grant["state"], "active", "{grant}");
    assert_eq!(grant["credentials"][0]["resource"], "services/db", "{grant}");
    let variables = developer.variables(&id);
    let read = Session::once(&variables, "SELECT count(*) > 0 FROM orders");
    assert_eq!(read, Ok("t".to_owned()));
    let columns = "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns
                   WHERE table_schema = 'public' AND table_name = 'orders'";
    let columns = Session::once(&variables, columns).unwrap();
    let first = columns.split(',').next().unwrap();
    let write = format!("UPDATE orders SET {first} = {first} RETURNING 1");
    assert!(Session::once(&variables, &write).unwrap().starts_with('1'));
    let define = Session::once(&variables, "CREATE TABLE not_given (id int)");
    assert!(define.unwrap_err().contains("permission denied"));

    let connected = developer.curfew(&["connect", &id, "--", "-X", "-A", "-t", "-c", "SELECT 40 + 2"]).ok();
    assert_eq!(connected.out.trim(), "42");
    let asked = ["exec", "temporary-developer-debug", "--reason", "x", "--", "true"];
    developer.curfew(&[&asked[..1], &["--timeout", "1s"], &asked[1..]].concat()).exits(125);

    developer.curfew(&["return", &id]).ok();
    let shown = developer.sees(&id);
    assert_eq!(shown["state"], "approved", "a request stays what it was decided: {shown}");
    let id = shown["grant_id"].as_str().unwrap().to_owned();
    soon("the grant has ended", Duration::from_secs(1), || developer.sees(&id)["state"] == "ended");
    let grant = developer.sees(&id);
    assert_eq!((&grant["state"], &grant["end_cause"]), (&json!("ended"), &json!("returned")), "{grant}");
    assert_eq!(grant["verified"], json!(true), "{grant}");
    assert!(Session::once(&variables, "SELECT 1").is_err());
    server.stop();
}
