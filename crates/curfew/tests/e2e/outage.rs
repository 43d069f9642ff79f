//! PostgreSQL is away when the hour comes.

use crate::harness::{Session, World, soon};
use std::time::Duration;

#[test]
fn what_expired_while_the_target_was_down_is_gone_five_seconds_after_its_return() {
    let mut world = World::start();
    let developer = world.person("dev@example.com");
    let ids: Vec<String> = (0..5)
        .map(|_| {
            let id = developer.asks(&["self-service", "--for", "20s"]);
            let grant = developer.json(&["activate", &id]);
            grant["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let variables = developer.variables(&ids[4]);
    assert_eq!(Session::once(&variables, "SELECT 1"), Ok("1".to_owned()));
    world.postgres.stop();
    std::thread::sleep(Duration::from_secs(21));
    for id in &ids {
        let grant = developer.sees(id);
        assert_eq!(grant["state"], "ending", "nothing is said to be over that was not seen: {grant}");
        assert_eq!(grant["verified"], false, "{grant}");
    }
    world.postgres.start_again();
    let took = soon("every grant has ended, verified", Duration::from_secs(5), || {
        ids.iter().all(|id| {
            let grant = developer.sees(id);
            grant["state"] == "ended" && grant["verified"] == true && grant["end_cause"] == "expired"
        })
    });
    world.nothing_left(Duration::from_secs(5).saturating_sub(took));
    assert!(Session::once(&variables, "SELECT 1").is_err());
}

#[test]
fn an_activation_against_a_dead_target_fails_and_can_be_repeated() {
    let mut world = World::start();
    let developer = world.person("dev@example.com");
    let id = developer.asks(&["self-service", "--for", "10m"]);
    world.postgres.stop();
    let answer = developer.curfew(&["activate", &id]).exits(6);
    assert!(!answer.err.contains("postgres://"), "{}", answer.err);
    world.postgres.start_again();
    soon("the target is noticed again", Duration::from_secs(5), || developer.curfew(&["activate", &id]).code == 0);
    assert_eq!(Session::once(&developer.variables(&id), "SELECT 1"), Ok("1".to_owned()));
    assert_eq!(world.postgres.temporary_roles().len(), 1);
    developer.curfew(&["return", &id]).ok();
    world.nothing_left(Duration::from_secs(2));
}
