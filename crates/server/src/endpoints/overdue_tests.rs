//! An end that cannot be done: who is told of it, how often, and that it is over when it is.

use super::testing::{POLICY, World, text};
use curfew_connectors::postgres::fake::Power;
use curfew_domain::ResourceName;
use serde_json::json;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// The policy of the other tests, with those whom `db-debug` names when an end takes too long; the subject as well, who
/// hears of it once all the same.
fn policy() -> String {
    let notify = "    notify:\n      - {on: [overdue], to: [\"email:pager@example.com\", \"email:dev@example.com\", \"webhook:siem\"]}\n      - {on: [approved, denied], to: [\"email:other@example.com\"]}\n";
    let role = "    approvers: [lead@example.com, second@example.com]\n";
    assert_eq!(POLICY.matches(role).count(), 1);
    POLICY.replace(role, &format!("{role}{notify}"))
}

/// Who was told, and after how many minutes.
async fn told(world: &World) -> Vec<(String, u64)> {
    let far = curfew_domain::Timestamp::from_millis(i64::MAX);
    let notices = world.app.engine.store().notices(far, 1_000).await.expect("notices");
    let overdue = notices.into_iter().filter(|notice| notice.about == "overdue");
    let mut told: Vec<_> = overdue.map(|n| (n.to, n.data["minutes"].as_u64().expect("minutes"))).collect();
    told.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    told
}

async fn looked(world: &World) {
    world.app.engine.reconcile().await.expect("reconciled");
}

#[tokio::test]
async fn those_whom_the_role_names_are_told_once_at_each_alarm() {
    let world = World::with(&policy()).await;
    let resource = ResourceName::new("services/db").expect("a name");
    let dev = world.sign_in("dev@example.com").await;
    let id = text(&world.active(&dev).await, "id");
    world.target.set_power(&resource, Power::Down);
    world.post(&dev, &format!("/api/v1/grants/{id}/return"), json!({})).await.ok();
    looked(&world).await;
    assert!(told(&world).await.is_empty(), "an end that was ordered just now is no alarm");
    world.clock.turn(4 * MINUTE);
    looked(&world).await;
    assert!(told(&world).await.is_empty());

    let at =
        |minutes: u64| ["dev@example.com", "pager@example.com", "siem"].map(|to| (to.to_owned(), minutes)).to_vec();
    world.clock.turn(MINUTE);
    looked(&world).await;
    looked(&world).await;
    assert_eq!(told(&world).await, at(5), "each once, however often it is looked at");
    world.clock.turn(10 * MINUTE);
    looked(&world).await;
    assert_eq!(told(&world).await, [at(5), at(15)].concat());

    world.target.set_power(&resource, Power::Up);
    world.clock.turn(MINUTE);
    world.until(&dev, &id, "ended").await;
    world.clock.turn(60 * MINUTE);
    looked(&world).await;
    assert_eq!(told(&world).await, [at(5), at(15)].concat(), "what is over is not overdue");
}

#[tokio::test]
async fn a_role_that_names_nobody_tells_its_subject_and_the_webhooks() {
    let world = World::new().await;
    let resource = ResourceName::new("services/db").expect("a name");
    let dev = world.sign_in("dev@example.com").await;
    let id = text(&world.active(&dev).await, "id");
    world.target.set_power(&resource, Power::Down);
    world.post(&dev, &format!("/api/v1/grants/{id}/return"), json!({})).await.ok();
    world.clock.turn(5 * MINUTE);
    looked(&world).await;
    let people: Vec<_> = told(&world).await.into_iter().map(|(to, _)| to).collect();
    assert_eq!(people, ["dev@example.com", "siem"]);
}
