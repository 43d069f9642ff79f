//! The words of the language that move an end, skip a stage or ask for several roles, against a real PostgreSQL.

use crate::harness::{Person, Server, Session, Way, World, soon};
use serde_json::Value;
use std::time::{Duration, SystemTime};

const POLICY: &str = r#"
groups:
  dba: [ann@example.com, bob@example.com]
administrators: [root@example.com]
auditors: [root@example.com]
resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: alone
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
    extension: {times: 1, max_total: 1h, approval: none}
  - name: asked
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [group:dba]
    extension: {times: 1, max_total: 2h, approval: same}
    break_glass: {who: [night@example.com, ann@example.com], duration: 30m, review_within: 24h}
bundles:
  - {name: kit, roles: [alone, asked]}
"#;

fn world() -> World {
    let mut world = World::without_server(POLICY);
    world.start_server(&[]);
    world
}

/// How long until a time that the server told.
fn until(at: &Value) -> Duration {
    let at = at.as_str().unwrap().parse::<curfew_domain::Timestamp>().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Duration::from_millis(at.as_millis() as u64).saturating_sub(now)
}

#[test]
fn a_credential_that_was_extended_works_past_its_first_end_and_not_past_the_new_one() {
    let world = world();
    let developer = world.person("dev@example.com");
    let id = developer.asks(&["alone", "--for", "7s"]);
    let first = developer.json(&["activate", &id])["expires_at"].clone();
    let variables = developer.variables(&id);
    let mut open = Session::open(&variables);
    assert_eq!(open.ask("SELECT state FROM orders WHERE id = 1;"), "stuck");
    let extended = developer.json(&["extend", &id, "--for", "6s"]);
    assert_eq!(extended["more_time"]["state"], "approved", "{extended}");
    let told = "SELECT to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') FROM pg_roles WHERE rolname LIKE 'cf_lse_%'";
    let (in_target, end) = (world.postgres.sql("postgres", told), extended["expires_at"].as_str().unwrap());
    assert_eq!(in_target.get(..16), end.get(..16), "the target's own end is the new one");
    developer.curfew(&["extend", &id, "--for", "1s"]).exits(1);
    std::thread::sleep(until(&first) + Duration::from_millis(700));
    assert_eq!(Session::once(&variables, "SELECT 1"), Ok("1".to_owned()), "past its first end");
    assert_eq!(open.ask("SELECT 2;"), "2", "and so does what was open");
    std::thread::sleep(until(&extended["expires_at"]));
    soon("it is refused after its new end", Duration::from_secs(1), || Session::once(&variables, "SELECT 1").is_err());
    soon("and its session is closed", Duration::from_secs(1), || world.postgres.strange_sessions() == 0);
    assert!(open.has_closed());
    world.nothing_left(Duration::from_secs(2));
}

#[test]
fn where_people_approve_more_time_it_comes_with_their_yes() {
    let world = world();
    let (developer, ann) = (world.person("dev@example.com"), world.person("ann@example.com"));
    let id = developer.asks(&["asked", "--for", "10m", "--reason", "orders are stuck"]);
    ann.curfew(&["approve", &id]).ok();
    let first = developer.json(&["activate", &id])["expires_at"].clone();
    let asked = developer.json(&["extend", &id, "--for", "20m"]);
    assert_eq!((&asked["more_time"]["state"], &asked["expires_at"]), (&Value::from("pending"), &first));
    let request = asked["more_time"]["request_id"].as_str().unwrap().to_owned();
    let waiting = ann.json(&["requests", "--to-approve"]);
    assert_eq!(waiting[0]["id"], request.as_str(), "{waiting}");
    developer.curfew(&["approve", &request]).exits(3);
    ann.curfew(&["approve", &request]).ok();
    soon("the end has moved", Duration::from_secs(5), || developer.json(&["grants"])[0]["expires_at"] != first);
    let grant = developer.json(&["activate", &id]);
    assert_eq!(grant["extensions"], 1);
    assert_eq!(Session::once(&developer.variables(&id), "SELECT 1"), Ok("1".to_owned()), "the same credential");
    developer.curfew(&["extend", &id, "--for", "1m"]).exits(1);
    developer.curfew(&["return", &id]).ok();
    developer.curfew(&["extend", &id, "--for", "1m"]).exits(1);
    world.nothing_left(Duration::from_secs(2));
}

#[test]
fn an_emergency_gets_in_at_once_and_is_looked_at_before_there_is_another() {
    let world = world();
    let (night, ann) = (world.person("night@example.com"), world.person("ann@example.com"));
    night.curfew(&["request", "asked", "--reason", "down"]).exits(1);
    night.curfew(&["break-glass", "asked"]).exits(2);
    let asked = night.json(&["break-glass", "asked", "--reason", "production is down"]);
    assert_eq!((&asked["origin"], &asked["state"]), (&"break_glass".into(), &"approved".into()));
    let id = asked["id"].as_str().unwrap();
    night.curfew(&["activate", id]).ok();
    assert_eq!(Session::once(&night.variables(id), "SELECT state FROM orders"), Ok("stuck".to_owned()));
    let again = night.curfew(&["break-glass", "asked", "--reason", "still down", "--json"]).exits(1).json();
    assert_eq!(again["error"]["code"], "unreviewed");
    let review = ["review", id, "--verdict", "ok", "--note", "it was down"];
    night.curfew(&review).exits(3);
    world.person("dev@example.com").curfew(&review).exits(4);
    ann.curfew(&["review", id, "--verdict", "fine", "--note", "x"]).exits(2);
    ann.curfew(&review).ok();
    ann.curfew(&review).exits(1);
    night.curfew(&["return", id]).ok();
    night.json(&["break-glass", "asked", "--reason", "down once more"]);
    let events = world.person("root@example.com").json(&["audit", "search", "break_glass"]);
    let actions: Vec<_> = events.as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect();
    for action in ["break_glass.used", "break_glass.reviewed"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    world.nothing_left(Duration::from_secs(2));
}

#[test]
fn a_bundle_is_one_ask_for_several() {
    let world = world();
    let (developer, ann) = (world.person("dev@example.com"), world.person("ann@example.com"));
    let asked = developer.json(&["request", "kit", "--reason", "incident"]);
    let of = |i: usize| (asked[i]["role"].as_str().unwrap(), asked[i]["state"].as_str().unwrap());
    assert_eq!((of(0), of(1)), (("alone", "approved"), ("asked", "pending")));
    assert_eq!((&asked[0]["origin"], &asked[1]["origin"]), (&"bundle".into(), &"bundle".into()));
    let waiting = ["request", "kit", "--reason", "incident", "--wait", "--timeout", "1s"];
    developer.curfew(&waiting).exits(5);
    developer.curfew(&["request", "kit", "--reason", "x", "--resource", "services/db"]).exits(2);
    developer.curfew(&["request", "kit", "--reason", "x", "--for", "2d"]).exits(1);
    developer.curfew(&["request", "kit", "--dry-run"]).ok();
    ann.curfew(&["request", "kit", "--reason", "x"]).exits(4);
    assert!(developer.curfew(&["roles"]).ok().out.contains("kit asks for several at once: alone, asked"));
    let id = asked[1]["id"].as_str().unwrap();
    ann.curfew(&["approve", id]).ok();
    developer.curfew(&["activate", id]).ok();
}

/// The request that waits for ann, once there is one.
fn waiting_for(ann: &Person) -> String {
    let mut found = None;
    soon("a request waits", Duration::from_secs(20), || {
        let waiting = ann.json(&["requests", "--to-approve"]);
        found = waiting[0]["id"].as_str().map(str::to_owned);
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn a_command_runs_with_all_of_a_bundle_or_not_at_all() {
    let world = world();
    let (developer, ann) = (world.person("dev@example.com"), world.person("ann@example.com"));
    let script = "psql -XAtc 'SELECT state FROM orders' && PGUSER=$ASKED_SERVICES_DB_PGUSER PGPASSFILE=$ASKED_SERVICES_DB_PGPASSFILE psql -XAtc 'SELECT 7' && test \"$PGUSER\" != \"$ASKED_SERVICES_DB_PGUSER\" && set -- $CURFEW_GRANTS && test $# = 2 && test \"$1\" = \"$CURFEW_GRANT\"";
    let exec = ["exec", "kit", "--reason", "incident", "--", "sh", "-c", script];
    let ran = std::thread::scope(|scope| {
        let running = scope.spawn(|| developer.curfew(&exec));
        ann.curfew(&["approve", &waiting_for(&ann)]).ok();
        running.join().unwrap()
    });
    assert_eq!(ran.ok().out, "stuck\n7\n");
    world.nothing_left(Duration::from_secs(5));
    // A part that is denied, by a person or by policy, or not decided in time: nothing runs, and nothing stays.
    let touch = world.folder().join("ran");
    let path = touch.display().to_string();
    let denied = std::thread::scope(|scope| {
        let running = scope.spawn(|| developer.curfew(&["exec", "kit", "--reason", "incident", "--", "touch", &path]));
        ann.curfew(&["deny", &waiting_for(&ann), "--reason", "not today"]).ok();
        running.join().unwrap()
    });
    assert!(denied.exits(125).err.contains("not today"));
    let late = ["exec", "kit", "--reason", "incident", "--timeout", "1s", "--", "touch", &path];
    assert!(developer.curfew(&late).exits(125).err.contains("in time"));
    let long = ["exec", "kit", "--reason", "incident", "--for", "2d", "--", "touch", &path];
    assert!(developer.curfew(&long).exits(125).err.contains("policy denies"));
    assert!(!touch.exists(), "it was not run");
    assert_eq!(developer.json(&["grants"]), serde_json::json!([]));
    assert_eq!(developer.json(&["requests", "--pending"]), serde_json::json!([]));
    assert_eq!(developer.curfew(&["exec", "kit", "--dry-run", "--", "true"]).ok().out.matches("alone").count(), 1);
    world.nothing_left(Duration::from_secs(5));
}

/// Every word of the language but the one that this version refuses.
#[test]
fn the_whole_vocabulary_is_served() {
    let folder = crate::harness::folder();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let whole = include_str!("../../../policy/tests/texts/whole.yaml");
    let lines: Vec<&str> = whole.lines().filter(|line| !line.starts_with("policy_approvers:")).collect();
    assert_eq!(lines.len() + 1, whole.lines().count());
    std::fs::write(policies.join("policy.yaml"), lines.join("\n")).unwrap();
    std::fs::write(policies.join("tier-1.cedar"), include_str!("../../../policy/tests/texts/tier-1.cedar")).unwrap();
    let server = Server::start(folder.path(), &Way::Dev);
    let log = server.log();
    for said in ["the triggers of role `hotfix-debug` never fire", "tells `slack:#sec`", "tells `webhook:siem`"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    let person = Person::sign_in("dev@example.com", &server.url(), folder.path());
    person.curfew(&["login", "--as", "dev@example.com", "--group", "sre"]).ok();
    let ask =
        ["request", "db-debug", "--reason", "orders stuck since 9:40", "--ticket", "INC-7", "--input", "table=orders"];
    let denied = person.curfew(&[&ask[..], &["--json"]].concat()).exits(1).json();
    assert_eq!(denied["outcome"], "denied", "nothing here knows the ticket or a second factor: {denied}");
    person.curfew(&["request", "hotfix-debug", "--reason", "x"]).exits(1);
    let roles = person.json(&["roles"]);
    assert_eq!(roles[0]["bundles"], serde_json::json!(["incident-kit"]));
    let administrator = Person::sign_in("pat@example.com", &server.url(), folder.path());
    administrator.curfew(&["login", "--as", "pat@example.com", "--group", "platform"]).ok();
    let doctor = administrator.curfew(&["doctor", "--json"]).json().to_string();
    assert!(doctor.contains("never fire") && doctor.contains("slack:#sec"), "{doctor}");
    server.stop();
}
