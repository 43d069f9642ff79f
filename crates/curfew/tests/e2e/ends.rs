//! The three ends. Within a second a new login is refused, the open session is closed also when it had
//! changed its role, and PostgreSQL shows nothing.

use crate::harness::{Person, Session, World, soon};
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime};

const A_SECOND: Duration = Duration::from_secs(1);

/// A live grant with two open sessions: one as it logged in, one that took on a group role.
struct Live {
    grant: String,
    variables: std::collections::BTreeMap<String, String>,
    plain: Session,
    changed: Session,
}

impl Live {
    fn make(world: &World, developer: &Person, length: &str) -> Self {
        let id = developer.asks(&["self-service", "--for", length]);
        let grant = developer.json(&["activate", &id]);
        let grant = grant["id"].as_str().unwrap().to_owned();
        let variables = developer.variables(&grant);
        let mut plain = Session::open(&variables);
        assert_eq!(plain.ask("SELECT state FROM orders WHERE id = 1;"), "stuck");
        let mut changed = Session::open(&variables);
        let groups = "SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')
                      AND rolname <> current_user ORDER BY rolname LIMIT 1;";
        let group = changed.ask(&groups.replace('\n', " "));
        // From PostgreSQL 16 on membership is given without SET; then there is nothing to change to.
        let version: u32 = world.postgres.sql("postgres", "SHOW server_version_num").parse().unwrap();
        if version < 160_000 {
            changed.tell(&format!("SET ROLE \"{group}\";"));
            assert_eq!(changed.ask("SELECT current_user <> session_user;"), "t");
        }
        assert_eq!(world.postgres.temporary_roles().len(), 1);
        Self { grant, variables, plain, changed }
    }

    /// Asserts that all of it is gone at most a second after `end`.
    fn assert_gone(self, world: &World, developer: &Person, end: Instant, cause: &str) {
        let left = |instant: Instant| A_SECOND.saturating_sub(instant.elapsed());
        soon("a new login is refused", left(end), || Session::once(&self.variables, "SELECT 1").is_err());
        soon("every session is closed", left(end), || world.postgres.strange_sessions() == 0);
        soon("pg_roles shows nothing", left(end), || world.postgres.temporary_roles().is_empty());
        assert!(self.plain.has_closed() && self.changed.has_closed());
        let mut grant = Value::Null;
        soon("the grant has ended", A_SECOND, || {
            grant = developer.sees(&self.grant);
            grant["state"] == "ended"
        });
        assert_eq!((grant["verified"].as_bool(), grant["end_cause"].as_str()), (Some(true), Some(cause)), "{grant}");
        assert_eq!(grant["leases"][0]["state"], "revoked", "{grant}");
    }
}

#[test]
fn returned() {
    let world = World::start();
    let developer = world.person("dev@example.com");
    let live = Live::make(&world, &developer, "10m");
    let ordered = Instant::now();
    developer.curfew(&["return", &live.grant]).ok();
    live.assert_gone(&world, &developer, ordered, "returned");
}

#[test]
fn revoked_by_an_administrator() {
    let world = World::start();
    let (developer, root) = (world.person("dev@example.com"), world.person("root@example.com"));
    let live = Live::make(&world, &developer, "10m");
    let ordered = Instant::now();
    root.curfew(&["revoke", &live.grant, "--reason", "the laptop was stolen"]).ok();
    live.assert_gone(&world, &developer, ordered, "revoked");
}

#[test]
fn expired() {
    let world = World::start();
    let developer = world.person("dev@example.com");
    let live = Live::make(&world, &developer, "5s");
    let hour = developer.sees(&live.grant)["expires_at"].as_str().unwrap().parse::<curfew_domain::Timestamp>().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let left = Duration::from_millis(hour.as_millis() as u64).saturating_sub(now);
    assert!(left > Duration::from_millis(500), "the grant was over before it could be looked at");
    std::thread::sleep(left - Duration::from_millis(300));
    assert_eq!(Session::once(&live.variables, "SELECT 1"), Ok("1".to_owned()), "it works until its end");
    std::thread::sleep(Duration::from_millis(250));
    let end = Instant::now() + Duration::from_millis(50);
    live.assert_gone(&world, &developer, end, "expired");
}

#[test]
fn two_grants_do_not_end_each_other() {
    let world = World::start();
    let developer = world.person("dev@example.com");
    let ids = [(); 2].map(|()| {
        let id = developer.asks(&["self-service", "--for", "10m"]);
        developer.curfew(&["activate", &id]).ok();
        id
    });
    let second = developer.variables(&ids[1]);
    developer.curfew(&["return", &ids[0]]).ok();
    soon("the first alone is gone", A_SECOND, || world.postgres.temporary_roles().len() == 1);
    assert_eq!(Session::once(&second, "SELECT state FROM orders"), Ok("stuck".to_owned()));
    developer.curfew(&["return", &ids[1]]).ok();
    world.nothing_left(A_SECOND);
}
