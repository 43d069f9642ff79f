//! What is judged again when a grant is claimed: a policy that became stricter, numbers, the address.

use super::testing::{Reply, World, halves, policy, text};
use curfew_domain::{ResourceName, Subject};
use curfew_engine::seams::connector::PublicHalf;
use curfew_engine::{Claim, GrantRef};
use serde_json::{Value, json};
use std::time::Duration;

/// A role of two stages that one person may both decide, with these words beside its stages, and this constraint.
fn staged(beside: &str, constraints: &str) -> String {
    format!(
        r#"
resources:
  - {{name: services/db, connector: postgres, risk: low}}
roles:
  - name: staged
    duration: 1h
    conditions: [{{resource: services/db, actions: [read]}}]
    approval:
      {beside}
      stages:
        - {{name: peer, any_of: [ann@example.com, bob@example.com]}}
        - {{name: owner, any_of: [ann@example.com, carl@example.com]}}
    constraints: {{{constraints}}}
"#
    )
}

async fn say_yes(world: &World, who: &str, request: &Value) -> Reply {
    let who = world.sign_in(who).await;
    let path = format!("/api/v1/requests/{}/approve", text(request, "id"));
    world.post(&who, &path, json!({"digest": request["digest"]})).await
}

/// Approved by Ann alone, in both stages, under the first set; then claimed under the second.
async fn claimed_under(then: &str, now: &str) -> Reply {
    let world = World::with(then).await;
    let dev = world.sign_in("dev@example.com").await;
    let asked = world.post(&dev, "/api/v1/requests", json!({"role": "staged", "reason": "x"})).await.ok();
    assert_eq!(say_yes(&world, "ann@example.com", &asked).await.ok()["state"], "pending");
    let approved = say_yes(&world, "ann@example.com", &asked).await.ok();
    assert_eq!(approved["state"], "approved", "one person, two stages: {approved}");
    world.app.engine.apply_policy(policy(now), &Subject::system()).await.expect("applied");
    let path = format!("/api/v1/grants/{}/activate", text(&approved, "grant_id"));
    world.post(&dev, &path, halves(1)).await
}

#[tokio::test]
async fn what_was_approved_under_a_laxer_policy_is_not_given_under_a_stricter_one() {
    let lax = "distinct_approvers: false";
    let then = staged(lax, "");
    let same = staged(lax, "justification: {min_length: 1}");
    assert_eq!(claimed_under(&then, &same).await.ok()["grant"]["state"], "active", "nothing of it became stricter");
    for now in [
        staged("distinct_approvers: true", ""),
        staged(&format!("{lax}\n      reason_required: true"), ""),
        staged(lax, "mfa: {approve: true}"),
    ] {
        let refused = claimed_under(&then, &now).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (409, "no_longer_allowed"),
            "{now}{}",
            refused.text
        );
    }
}

#[tokio::test]
async fn of_two_approved_at_once_the_first_is_given_and_the_other_waits() {
    let world = World::with(&staged("distinct_approvers: false", "concurrency: {total: 1}")).await;
    let (mut grants, mut asked) = (Vec::new(), Vec::new());
    for who in ["dev@example.com", "eve@example.com"] {
        let token = world.sign_in(who).await;
        let request = world.post(&token, "/api/v1/requests", json!({"role": "staged", "reason": "x"})).await.ok();
        asked.push((token, request));
    }
    for (_, request) in &asked {
        world.clock.turn(Duration::from_secs(1));
        say_yes(&world, "ann@example.com", request).await.ok();
        grants.push(text(&say_yes(&world, "ann@example.com", request).await.ok(), "grant_id"));
    }
    let claim = async |n: usize| {
        world.post(&asked[n].0, &format!("/api/v1/grants/{}/activate", grants[n]), halves(n as u8)).await
    };
    let late = claim(1).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (422, "denied"), "{}", late.text);
    assert_eq!(claim(0).await.ok()["grant"]["state"], "active");
    world.post(&asked[0].0, &format!("/api/v1/grants/{}/return", grants[0]), json!({})).await.ok();
    world.until(&asked[0].0, &grants[0], "ended").await;
    assert_eq!(claim(1).await.ok()["grant"]["state"], "active");
}

#[tokio::test]
async fn a_claim_from_another_address_is_denied() {
    let world = World::with(&staged("distinct_approvers: false", "source_ip: [127.0.0.0/8]")).await;
    let dev = world.sign_in("dev@example.com").await;
    let asked = world.post(&dev, "/api/v1/requests", json!({"role": "staged", "reason": "x"})).await.ok();
    say_yes(&world, "ann@example.com", &asked).await.ok();
    let approved = say_yes(&world, "ann@example.com", &asked).await.ok();
    let engine = &world.app.engine;
    let request = text(&approved, "id").parse().expect("an id");
    let askers = engine.store().askers(std::slice::from_ref(&request)).await.expect("read");
    let half = &halves(1)["public_halves"][0];
    let half = PublicHalf { kind: text(half, "kind"), value: text(half, "value") };
    let resource: ResourceName = "services/db".parse().expect("a name");
    let from = async |address: Option<&str>| {
        let source_ip = address.map(|address| address.parse().expect("an address"));
        let claim =
            Claim { halves: vec![(resource.clone(), half.clone())], source_ip, client: None, presented: Vec::new() };
        engine.activate(&askers[&request], GrantRef::Request(request), claim).await
    };
    for elsewhere in [Some("10.0.0.1"), Some("::ffff:10.0.0.1"), None] {
        let denied = from(elsewhere).await.expect_err("from elsewhere");
        assert!(denied.to_string().contains("denies"), "{denied}");
    }
    from(Some("::ffff:127.0.0.1")).await.expect("from here");
}
