//! What a role says is what happens: stages in their turn and in their time, inputs, hours, addresses, numbers.

use super::testing::{World, halves, text};
use serde_json::{Value, json};
use std::time::Duration;

const POLICY: &str = r#"
groups:
  dba: [ann@example.com, bob@example.com]
  security: [sam@example.com]
resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: staged
    duration: 2h
    conditions: [{resource: services/db, actions: [read]}]
    approval:
      reason_required: true
      stages:
        - {name: peer, any_of: [group:dba], require: 2, timeout: 15m, on_timeout: escalate, escalate_to: [boss@example.com]}
        - {name: security, all_of: [group:security, carl@example.com], timeout: 5m}
  - name: typed
    requesters: anyone
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
    constraints:
      inputs: [{name: table, type: string, prompt: "Which table?"}, {name: rows, type: integer, required: false}]
      windows: [{days: mon-fri, from: "09:00", to: "12:00", tz: Etc/UTC}]
      source_ip: [127.0.0.0/8]
  - name: few
    requesters: anyone
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
    constraints: {concurrency: {per_subject: 1, total: 2}}
  - name: elsewhere
    requesters: anyone
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
    constraints: {source_ip: [10.0.0.0/8]}
"#;

async fn ask(world: &World, who: &str, body: Value) -> Value {
    world.post(who, "/api/v1/requests", body).await.ok()
}

async fn approve(world: &World, who: &str, request: &Value) -> super::testing::Reply {
    let who = world.sign_in(who).await;
    let path = format!("/api/v1/requests/{}/approve", text(request, "id"));
    world.post(&who, &path, json!({"digest": request["digest"], "reason": "seen"})).await
}

/// The codes of the reasons that deny.
fn codes(denied: &super::testing::Reply) -> Vec<String> {
    assert_eq!((denied.status.as_u16(), denied.code().as_str()), (422, "denied"), "{}", denied.text);
    let decision = &denied.json()["error"]["decision"];
    let reasons = ["unsatisfied", "failed"].into_iter().flat_map(|list| decision[list].as_array().expect("a list"));
    reasons.map(|reason| text(reason, "code")).collect()
}

#[tokio::test]
async fn stages_come_in_their_turn_and_each_person_counts_once() {
    let world = World::with(POLICY).await;
    let dev = world.sign_in("dev@example.com").await;
    let asked = ask(&world, &dev, json!({"role": "staged", "reason": "x"})).await;
    assert_eq!(asked["decision"]["approvers"], json!(["ann@example.com", "bob@example.com"]));
    assert_eq!(approve(&world, "sam@example.com", &asked).await.code(), "not_an_approver");
    assert_eq!(approve(&world, "boss@example.com", &asked).await.code(), "not_found", "not open to them yet");
    assert_eq!(approve(&world, "ann@example.com", &asked).await.ok()["state"], "pending");
    assert_eq!(approve(&world, "ann@example.com", &asked).await.ok()["approvals"].as_array().map(Vec::len), Some(1));
    let peers = approve(&world, "bob@example.com", &asked).await.ok();
    assert!(peers["stages"][1]["opened_at"].is_string(), "{peers}");
    let again = approve(&world, "ann@example.com", &asked).await.ok();
    assert_eq!(again["approvals"].as_array().map(Vec::len), Some(2), "she has counted, and changes nothing");
    assert_eq!(approve(&world, "sam@example.com", &asked).await.ok()["state"], "pending", "carl is an entry too");
    let done = approve(&world, "carl@example.com", &asked).await.ok();
    assert_eq!(done["state"], "approved");
    let path = format!("/api/v1/grants/{}/activate", text(&done, "grant_id"));
    assert_eq!(world.post(&dev, &path, halves(1)).await.ok()["grant"]["state"], "active");
}

#[tokio::test]
async fn a_wanted_reason_has_to_be_given() {
    let world = World::with(POLICY).await;
    let dev = world.sign_in("dev@example.com").await;
    let asked = ask(&world, &dev, json!({"role": "staged", "reason": "x"})).await;
    let ann = world.sign_in("ann@example.com").await;
    let path = format!("/api/v1/requests/{}/approve", text(&asked, "id"));
    let silent = world.post(&ann, &path, json!({"digest": asked["digest"]})).await;
    assert_eq!(silent.code(), "out_of_bounds", "{}", silent.text);
}

async fn until(world: &World, who: &str, id: &str, is: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..200 {
        let request = world.get(who, &format!("/api/v1/requests/{id}")).await.ok();
        if is(&request) {
            return request;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{id} did not become so");
}

#[tokio::test]
async fn a_stage_that_nobody_decides_opens_to_others_and_the_next_one_denies() {
    let world = World::with(POLICY).await;
    let dev = world.sign_in("dev@example.com").await;
    let asked = ask(&world, &dev, json!({"role": "staged", "reason": "x"})).await;
    let id = text(&asked, "id");
    world.clock.turn(Duration::from_secs(15 * 60));
    let escalated = until(&world, &dev, &id, |r| r["stages"][0]["opening"] == "escalated").await;
    assert_eq!((&escalated["state"], &escalated["stages"][0]["due_at"]), (&json!("pending"), &Value::Null));
    approve(&world, "boss@example.com", &asked).await.ok();
    approve(&world, "ann@example.com", &asked).await.ok();
    world.clock.turn(Duration::from_secs(5 * 60));
    let denied = until(&world, &dev, &id, |r| r["state"] != "pending").await;
    assert_eq!(denied["state"], "denied");
    assert_eq!(approve(&world, "sam@example.com", &asked).await.code(), "already_final");
}

#[tokio::test]
async fn inputs_are_typed_and_hours_bound_asking_and_the_end() {
    let world = World::with(POLICY).await;
    let dev = world.sign_in("dev@example.com").await;
    let try_with = async |inputs: Value| {
        world.post(&dev, "/api/v1/requests", json!({"role": "typed", "reason": "x", "inputs": inputs})).await
    };
    assert_eq!(codes(&try_with(json!({})).await), ["inputs"]);
    assert_eq!(codes(&try_with(json!({"table": "orders", "rows": "many"})).await), ["inputs"]);
    assert_eq!(codes(&try_with(json!({"table": 7})).await), ["inputs"]);
    let asked = try_with(json!({"table": "orders", "rows": "7"})).await.ok();
    assert_eq!(asked["inputs"], json!({"table": "orders", "rows": 7}));
    // It is ten o'clock. At half past eleven an hour ends with the window.
    world.clock.turn(Duration::from_secs(90 * 60));
    let dev = world.sign_in("dev@example.com").await;
    let path = format!("/api/v1/grants/{}/activate", text(&asked, "grant_id"));
    let active = world.post(&dev, &path, halves(1)).await.ok();
    assert_eq!(active["grant"]["expires_at"], "2026-03-02T12:00:00.000Z");
    world.clock.turn(Duration::from_secs(31 * 60));
    let late = world.post(&dev, "/api/v1/requests", json!({"role": "typed", "inputs": {"table": "t"}})).await;
    assert_eq!(codes(&late), ["window"]);
}

#[tokio::test]
async fn an_address_that_the_role_does_not_take_is_refused() {
    let world = World::with(POLICY).await;
    let dev = world.sign_in("dev@example.com").await;
    let refused = world.post(&dev, "/api/v1/requests", json!({"role": "elsewhere", "reason": "x"})).await;
    assert_eq!(codes(&refused), ["source_ip"]);
}

#[tokio::test]
async fn there_are_never_more_grants_than_the_role_takes() {
    let world = World::with(POLICY).await;
    let mut tokens = Vec::new();
    for name in ["a", "b", "c"] {
        tokens.push(world.sign_in(&format!("{name}@example.com")).await);
    }
    let body = || json!({"role": "few", "reason": "x"});
    // All at the same moment, each twice.
    let asks = tokens.iter().chain(&tokens).map(|token| world.post(token, "/api/v1/requests", body()));
    let replies = futures::future::join_all(asks).await;
    let given: Vec<Value> =
        replies.iter().filter(|reply| reply.status.is_success()).map(|reply| reply.json()).collect();
    assert_eq!(given.len(), 2, "{replies:?}");
    assert_ne!(given[0]["subject"]["email"], given[1]["subject"]["email"]);
    for denied in replies.iter().filter(|reply| !reply.status.is_success()) {
        assert_eq!(codes(denied), ["concurrency"]);
    }
    for request in &given {
        let email = text(&request["subject"], "email");
        let who = world.sign_in(&email).await;
        let path = format!("/api/v1/grants/{}/activate", text(request, "grant_id"));
        assert_eq!(world.post(&who, &path, halves(1)).await.ok()["grant"]["state"], "active");
    }
}

#[tokio::test]
async fn a_tightened_role_ends_what_it_would_no_longer_give_where_it_says_so() {
    let role = |name: &str, actions: &str, change: &str| {
        format!(
            "  - {{name: {name}, requesters: [dev@example.com], duration: 1h, approval: automatic, \
             conditions: [{{resource: services/db, actions: [{actions}]}}], on_policy_change: {change}}}\n"
        )
    };
    let set = |actions: &str| {
        let resources = "resources: [{name: services/db, connector: postgres}]\nroles:\n";
        format!("{resources}{}{}", role("keeps", actions, "keep"), role("ends", actions, "end"))
    };
    let world = World::with(&set("read, write")).await;
    let dev = world.sign_in("dev@example.com").await;
    let mut grants = Vec::new();
    for (n, name) in ["keeps", "ends"].into_iter().enumerate() {
        let asked = ask(&world, &dev, json!({"role": name, "reason": "x"})).await;
        let id = text(&asked, "grant_id");
        let path = format!("/api/v1/grants/{id}/activate");
        world.post(&dev, &path, halves(n as u8)).await.ok();
        grants.push(id);
    }
    let tightened = super::testing::policy(&set("read"));
    world.app.engine.apply_policy(tightened, &curfew_domain::Subject::system()).await.expect("applied");
    let ended = world.until(&dev, &grants[1], "ended").await;
    assert_eq!(ended["end_cause"], "policy_changed");
    assert_eq!(world.get(&dev, &format!("/api/v1/grants/{}", grants[0])).await.ok()["state"], "active");
}
