//! One ask for several roles, each decided by its own rule.

use super::testing::{World, text};
use serde_json::json;

const POLICY: &str = r#"
resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: look
    requesters: [dev@example.com, ops@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
    constraints: {inputs: [{name: rows, type: integer}]}
  - name: change
    requesters: [dev@example.com]
    duration: 30m
    conditions: [{resource: services/db, actions: [write]}]
    approvers: [lead@example.com]
  - name: pipeline
    triggers: [{github: {repository_id: "1", ref: refs/heads/main}, grant_to: [pipeline], until: pipeline-end}]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
bundles:
  - {name: kit, roles: [look, change, pipeline]}
  - {name: others, roles: [pipeline]}
"#;

#[tokio::test]
async fn each_role_is_decided_by_its_own_rule() {
    let world = World::with(POLICY).await;
    let dev = world.sign_in("dev@example.com").await;
    assert_eq!(
        world.get(&dev, "/api/v1/bundles").await.ok()["items"],
        json!([{"name": "kit", "roles": ["look", "change", "pipeline"]}])
    );
    let body = || json!({"reason": "incident", "inputs": {"rows": "7"}});
    let asked = world.post_once(&dev, "/api/v1/bundles/kit/requests", body(), "k1").await.ok();
    let states: Vec<_> =
        (0..3).map(|i| (text(&asked["items"][i], "role"), text(&asked["items"][i], "state"))).collect();
    let expected = [("look", "approved"), ("change", "pending"), ("pipeline", "denied")];
    assert_eq!(states, expected.map(|(role, state)| (role.to_owned(), state.to_owned())));
    assert!((0..3).all(|i| asked["items"][i]["origin"] == "bundle"), "{asked}");
    assert_eq!(asked["items"][0]["inputs"], json!({"rows": 7}));
    assert_eq!(
        (&asked["items"][2]["id"], &asked["items"][2]["decision"]["unsatisfied"][0]["code"]),
        (&json!(null), &json!("eligibility"))
    );
    let again = world.post_once(&dev, "/api/v1/bundles/kit/requests", body(), "k1").await.ok();
    assert_eq!(again["items"][1]["id"], asked["items"][1]["id"], "one click is one ask");
}

#[tokio::test]
async fn a_bundle_gives_nothing_that_its_roles_do_not() {
    let world = World::with(POLICY).await;
    let ops = world.sign_in("ops@example.com").await;
    let path = "/api/v1/bundles/kit/requests";
    let asked = world.post(&ops, path, json!({"reason": "incident", "inputs": {"rows": 1}})).await.ok();
    assert_eq!((&asked["items"][0]["state"], &asked["items"][1]["state"]), (&json!("approved"), &json!("denied")));
    let long = world.post(&ops, path, json!({"reason": "x", "duration_seconds": "2h", "inputs": {"rows": 1}})).await;
    assert_eq!(long.code(), "denied", "all of it is denied: {}", long.text);
    assert_eq!(world.post(&ops, path, json!({"inputs": {"table": "x"}})).await.code(), "out_of_bounds");
    let nobody = world.sign_in("mallory@example.com").await;
    for name in ["kit", "others", "look", "nothing"] {
        let path = format!("/api/v1/bundles/{name}/requests");
        assert_eq!(world.post(&nobody, &path, json!({"reason": "x"})).await.code(), "not_found", "{name}");
    }
    assert_eq!(world.get(&nobody, "/api/v1/bundles").await.ok()["items"], json!([]));
    let as_role = world.post(&ops, "/api/v1/requests", json!({"role": "kit", "reason": "x"})).await;
    assert_eq!(as_role.code(), "not_found");
}

#[tokio::test]
async fn what_only_triggers_give_can_be_asked_for_by_nobody() {
    let world = World::with(POLICY).await;
    for who in ["dev@example.com", "ops@example.com", "mallory@example.com"] {
        let who = world.sign_in(who).await;
        let refused = world.post(&who, "/api/v1/requests", json!({"role": "pipeline", "reason": "x"})).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "denied"));
        let roles = world.get(&who, "/api/v1/roles").await.ok();
        assert!(roles["items"].as_array().expect("a list").iter().all(|role| role["name"] != "pipeline"));
    }
}
