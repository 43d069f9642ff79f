//! `curfew dev` and the PostgreSQL it keeps for itself: what was given stays reachable, whatever dies.

use crate::harness::{Person, Server, Session, Way, file_text, soon};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const POLICY: &str = "roles:
  - name: look
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: lab/db, actions: [read]}]
    approvers: [lead@example.com]
";

/// A folder with the policy, a running `curfew dev`, and a live grant of its private PostgreSQL.
fn live(folder: &Path) -> (Server, Person, String) {
    let policies = folder.join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(policies.join("p.yaml"), POLICY).unwrap();
    let server = Server::start(folder, &Way::Dev);
    let developer = Person::sign_in("dev@example.com", &server.url(), folder);
    let lead = Person::sign_in("lead@example.com", &server.url(), folder);
    let id = developer.asks(&["look", "--for", "30m", "--reason", "orders are stuck"]);
    lead.curfew(&["approve", &id]).ok();
    developer.curfew(&["activate", &id]).ok();
    (server, developer, id)
}

/// The file in which the private PostgreSQL of `lab/db` writes its own number.
fn lock_file(folder: &Path) -> PathBuf {
    folder.join("state/postgres/lab+db/data/postmaster.pid")
}

fn works(variables: &std::collections::BTreeMap<String, String>) -> bool {
    Session::once(variables, "SELECT count(*) > 0 FROM orders") == Ok("t".to_owned())
}

#[test]
fn a_killed_dev_comes_back_on_the_port_that_was_given() {
    let folder = crate::harness::folder();
    let (mut server, developer, id) = live(folder.path());
    let variables = developer.variables(&id);
    assert!(works(&variables));
    server.kill();
    drop(server);
    let server = Server::start(folder.path(), &Way::Dev);
    soon("the credential works where it was given", Duration::from_secs(10), || works(&variables));
    let again = Person::sign_in("dev@example.com", &server.url(), folder.path());
    assert_eq!(again.sees(&id)["grant"]["state"], "active");
    assert_eq!(again.variables(&id)["PGPORT"], variables["PGPORT"]);
    again.curfew(&["return", &id]).ok();
    soon("it is gone", Duration::from_secs(10), || !works(&variables));
}

#[test]
fn a_private_postgresql_that_dies_is_started_again_and_said_to_be() {
    let folder = crate::harness::folder();
    let (server, developer, id) = live(folder.path());
    let variables = developer.variables(&id);
    assert!(works(&variables));
    let dead = file_text(&lock_file(folder.path())).lines().next().unwrap().to_owned();
    assert!(Command::new("kill").args(["-9", &dead]).status().unwrap().success());
    soon("it runs again, on its port", Duration::from_secs(30), || works(&variables));
    let log = server.log();
    for said in ["its private PostgreSQL died", "its private PostgreSQL runs again"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    developer.curfew(&["return", &id]).ok();
    soon("it is gone", Duration::from_secs(30), || developer.sees(&id)["grant"]["state"] == "ended");
    server.stop();
}
