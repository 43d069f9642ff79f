//! Emergency access: at once for those whom the role names, never past a deny list, and looked at by somebody else
//! before there is another.

use super::testing::{Reply, World, halves, text};
use serde_json::{Value, json};
use std::time::Duration;

const POLICY: &str = r#"
administrators: [root@example.com]
auditors: [auditor@example.com]
resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: db
    requesters: [dev@example.com]
    deny: [mallory@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read, write]}]
    approvers: [lead@example.com, oncall@example.com, mallory@example.com]
    constraints:
      windows: [{days: sat-sun, from: "09:00", to: "12:00", tz: Etc/UTC}]
      justification: {min_length: 5}
    break_glass: {who: [oncall@example.com, night@example.com, mallory@example.com], duration: 30m, review_within: 24h}
  - name: other
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [lead@example.com]
    extension: {times: 1, max_total: 2h, approval: none}
    break_glass: {who: [oncall@example.com, night@example.com], duration: 30m, review_within: 24h}
  - name: inner
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [lead@example.com]
    constraints: {source_ip: [10.0.0.0/8], mfa: {request: true}}
    break_glass: {who: [oncall@example.com], duration: 30m, review_within: 24h}
"#;

async fn break_glass(world: &World, who: &str, role: &str) -> Reply {
    let who = world.sign_in(who).await;
    world.post(&who, "/api/v1/break-glass", json!({"role": role, "reason": "production is down"})).await
}

/// A caller whose answer was lost comes again with its key, also after a restart, when no answer is remembered.
#[tokio::test]
async fn the_same_key_again_is_the_same_emergency() {
    let world = World::with(POLICY).await;
    let token = world.sign_in("oncall@example.com").await;
    let ask = |role: &str, reason: &str| curfew_engine::AskFor {
        role: role.parse().expect("a name"),
        resources: Vec::new(),
        actions: Vec::new(),
        duration: None,
        reason: reason.to_owned(),
        ticket: String::new(),
        inputs: curfew_domain::Inputs::new(),
        source_ip: None,
        client: None,
    };
    let engine = &world.app.engine;
    let body = json!({"role": "db", "reason": "production is down"});
    let answer = world.post_once(&token, "/api/v1/break-glass", body, "k").await.ok();
    let id = text(&answer, "id").parse().expect("an id");
    let first = engine.store().request(id).await.expect("read").expect("it is there");
    let who = first.asker();
    let again = engine.break_glass(&who, ask("db", "production is down"), Some("k")).await.expect("the same");
    assert_eq!((again.id, again.grant_id()), (first.id, first.grant_id()));
    for (role, reason) in [("other", "production is down"), ("db", "something else")] {
        let reused = engine.break_glass(&who, ask(role, reason), Some("k")).await;
        assert!(matches!(reused, Err(curfew_engine::RequestError::KeyReused)), "{role} {reason}: {reused:?}");
    }
    let as_a_request = engine.request(&who, ask("db", "production is down"), Some("k")).await;
    assert!(matches!(as_a_request, Err(curfew_engine::RequestError::KeyReused)), "{as_a_request:?}");
    let events = engine.store().events(0, 1_000).await.expect("events");
    let count = |action: &str| events.iter().filter(|e| e.event.action.as_str() == action).count();
    assert_eq!((count("break_glass.used"), count("request.refused")), (1, 0));
}

async fn review(world: &World, who: &str, id: &str, verdict: &str) -> Reply {
    let who = world.sign_in(who).await;
    let path = format!("/api/v1/grants/{id}/review");
    world.post(&who, &path, json!({"verdict": verdict, "note": "looked at the statements"})).await
}

/// Emergency access of `oncall`, claimed.
async fn used(world: &World) -> String {
    let asked = break_glass(world, "oncall@example.com", "db").await.ok();
    assert_eq!((&asked["origin"], &asked["state"]), (&json!("break_glass"), &json!("approved")));
    assert_eq!((&asked["duration_seconds"], &asked["decision"]["stages"]), (&json!(1_800), &json!([])));
    let oncall = world.sign_in("oncall@example.com").await;
    let path = format!("/api/v1/grants/{}/activate", text(&asked, "id"));
    assert_eq!(world.post(&oncall, &path, halves(1)).await.ok()["grant"]["state"], "active");
    text(&asked, "grant_id")
}

#[tokio::test]
async fn it_skips_stages_and_hours_and_is_evidence() {
    let world = World::with(POLICY).await;
    let id = used(&world).await;
    let events = world.app.engine.store().events_about(&id).await.expect("events");
    let actions: Vec<String> = events.iter().map(|sealed| sealed.event.action.as_str()).collect();
    assert!(actions.contains(&"break_glass.used".to_owned()), "{actions:?}");
    let lead = world.sign_in("lead@example.com").await;
    let shown = world.get(&lead, &format!("/api/v1/grants/{id}")).await.ok();
    assert_eq!((&shown["origin"], &shown["review"]["verdict"]), (&json!("break_glass"), &Value::Null));
    assert_eq!(shown["review"]["due_at"], "2026-03-03T10:00:00.000Z");
    world.app.engine.reconcile().await.expect("reconciled");
    assert_eq!(
        world.get(&lead, &format!("/api/v1/grants/{id}")).await.ok()["state"],
        "active",
        "they may not ask for it, and keep it"
    );
}

#[tokio::test]
async fn it_skips_nothing_else() {
    let world = World::with(POLICY).await;
    for (who, role, code) in [
        ("mallory@example.com", "db", "deny"),
        ("dev@example.com", "db", "eligibility"),
        ("oncall@example.com", "inner", "source_ip"),
    ] {
        let refused = break_glass(&world, who, role).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "denied"), "{}", refused.text);
        assert_eq!(refused.json()["error"]["decision"]["unsatisfied"][0]["code"], code);
    }
    let oncall = world.sign_in("oncall@example.com").await;
    let post = async |body: Value| world.post(&oncall, "/api/v1/break-glass", body).await;
    assert_eq!(post(json!({"role": "db", "reason": "  "})).await.code(), "out_of_bounds");
    assert_eq!(post(json!({"role": "db", "reason": "down"})).await.code(), "denied", "the reason is too short");
    assert_eq!(post(json!({"role": "db", "reason": "it is down", "duration_seconds": "31m"})).await.code(), "denied");
    assert_eq!(post(json!({"role": "db", "reason": "it is down", "actions": ["ddl"]})).await.code(), "denied");
    assert_eq!(post(json!({"role": "nothing", "reason": "it is down"})).await.code(), "not_found");
    let auditor = world.sign_in("auditor@example.com").await;
    let events = world.get(&auditor, "/api/v1/audit/events?limit=1000").await.ok();
    let refusals = events["items"].as_array().expect("a list").iter().filter(|e| e["action"] == "request.refused");
    assert!(refusals.clone().count() >= 6 && refusals.clone().all(|e| e["details"]["occasion"] == "break_glass"));
}

#[tokio::test]
async fn one_that_nobody_reviewed_blocks_the_next_of_that_person_whatever_the_role() {
    let world = World::with(POLICY).await;
    let id = used(&world).await;
    for role in ["db", "other"] {
        let blocked = break_glass(&world, "oncall@example.com", role).await;
        assert_eq!((blocked.status.as_u16(), blocked.code().as_str()), (409, "unreviewed"), "{}", blocked.text);
    }
    break_glass(&world, "night@example.com", "db").await.ok();
    let oncall = world.sign_in("oncall@example.com").await;
    world.post(&oncall, &format!("/api/v1/grants/{id}/return"), json!({})).await.ok();
    world.until(&oncall, &id, "ended").await;
    assert_eq!(
        break_glass(&world, "oncall@example.com", "db").await.code(),
        "unreviewed",
        "giving it back is no review"
    );
    let done = review(&world, "lead@example.com", &id, "ok").await.ok();
    assert_eq!(
        (&done["review"]["verdict"], &done["review"]["by"]["email"]),
        (&json!("ok"), &json!("lead@example.com"))
    );
    assert_eq!(done["state"], "ended");
    break_glass(&world, "oncall@example.com", "db").await.ok();
}

#[tokio::test]
async fn two_at_the_same_moment_are_one() {
    let world = World::with(POLICY).await;
    let oncall = world.sign_in("oncall@example.com").await;
    let body = || json!({"role": "db", "reason": "production is down"});
    let asks = (0..8).map(|_| world.post(&oncall, "/api/v1/break-glass", body()));
    let replies = futures::future::join_all(asks).await;
    assert_eq!(replies.iter().filter(|reply| reply.status.is_success()).count(), 1, "{replies:?}");
}

#[tokio::test]
async fn what_was_never_used_needs_no_review() {
    let world = World::with(POLICY).await;
    let asked = break_glass(&world, "oncall@example.com", "db").await.ok();
    assert_eq!(break_glass(&world, "oncall@example.com", "other").await.code(), "unreviewed");
    let oncall = world.sign_in("oncall@example.com").await;
    world.post(&oncall, &format!("/api/v1/grants/{}/return", text(&asked, "grant_id")), json!({})).await.ok();
    break_glass(&world, "oncall@example.com", "other").await.ok();
}

#[tokio::test]
async fn those_who_may_approve_the_role_review_it_and_nobody_their_own() {
    let world = World::with(POLICY).await;
    let id = used(&world).await;
    assert_eq!(review(&world, "oncall@example.com", &id, "ok").await.code(), "own_request", "an approver, but theirs");
    assert_eq!(review(&world, "mallory@example.com", &id, "ok").await.code(), "not_found", "denied");
    assert_eq!(review(&world, "dev@example.com", &id, "ok").await.code(), "not_found");
    for who in ["root@example.com", "auditor@example.com"] {
        assert_eq!(review(&world, who, &id, "ok").await.code(), "not_an_approver", "{who}");
    }
    let lead = world.sign_in("lead@example.com").await;
    let path = format!("/api/v1/grants/{id}/review");
    assert_eq!(world.post(&lead, &path, json!({"verdict": "ok", "note": " "})).await.code(), "out_of_bounds");
    assert_eq!(world.post(&lead, &path, json!({"verdict": "fine", "note": "x"})).await.code(), "malformed");
    assert_eq!(break_glass(&world, "oncall@example.com", "db").await.code(), "unreviewed");
    review(&world, "lead@example.com", &id, "misuse").await.ok();
    let ended = world.until(&lead, &id, "ended").await;
    assert_eq!((&ended["end_cause"], &ended["review"]["verdict"]), (&json!("revoked"), &json!("misuse")));
    assert_eq!(review(&world, "lead@example.com", &id, "ok").await.code(), "already_final", "once is all");
    let auditor = world.sign_in("auditor@example.com").await;
    let about = world.get(&auditor, "/api/v1/audit/events?limit=1000").await.ok();
    let reviewed = about["items"].as_array().expect("a list").iter().find(|e| e["action"] == "break_glass.reviewed");
    assert_eq!(reviewed.expect("an event")["details"]["verdict"], "misuse");
}

#[tokio::test]
async fn ordinary_access_has_nothing_to_review_and_emergency_access_is_not_extended() {
    let world = World::with(POLICY).await;
    let asked = break_glass(&world, "oncall@example.com", "other").await.ok();
    let oncall = world.sign_in("oncall@example.com").await;
    let path = format!("/api/v1/grants/{}", text(&asked, "grant_id"));
    world.post(&oncall, &format!("{path}/activate"), halves(1)).await.ok();
    let more = world.post(&oncall, &format!("{path}/extend"), json!({"duration_seconds": "5m"})).await;
    assert_eq!(more.code(), "not_extensible", "{}", more.text);
    let dev = world.sign_in("dev@example.com").await;
    let ordinary = world.post(&dev, "/api/v1/requests", json!({"role": "other", "reason": "x"})).await.ok();
    let lead = world.sign_in("lead@example.com").await;
    let approve = format!("/api/v1/requests/{}/approve", text(&ordinary, "id"));
    world.post(&lead, &approve, json!({"digest": ordinary["digest"]})).await.ok();
    assert_eq!(review(&world, "lead@example.com", &text(&ordinary, "id"), "ok").await.code(), "wrong_state");
}

#[tokio::test]
async fn a_policy_that_takes_the_word_away_ends_it() {
    let world = World::with(POLICY).await;
    let id = used(&world).await;
    let without: Vec<&str> = POLICY.lines().filter(|line| !line.contains("break_glass:")).collect();
    let set = super::testing::policy(&without.join("\n"));
    world.app.engine.apply_policy(set, &curfew_domain::Subject::system()).await.expect("applied");
    let oncall = world.sign_in("oncall@example.com").await;
    assert_eq!(world.until(&oncall, &id, "ended").await["end_cause"], "policy_changed");
}

#[tokio::test]
async fn one_that_nobody_reviews_in_time_is_said_once() {
    let world = World::with(POLICY).await;
    used(&world).await;
    let told = async || {
        let far = curfew_domain::Timestamp::from_millis(i64::MAX);
        let notices = world.app.engine.store().notices(far, 1_000).await.expect("notices");
        notices.into_iter().filter(|n| n.about == "review_overdue").map(|n| n.to).collect::<Vec<_>>()
    };
    world.app.engine.reconcile().await.expect("reconciled");
    assert_eq!(told().await, Vec::<String>::new());
    world.clock.turn(Duration::from_secs(24 * 3_600));
    for _ in 0..2 {
        world.app.engine.reconcile().await.expect("reconciled");
    }
    assert_eq!(told().await, ["lead@example.com", "oncall@example.com", "siem"]);
}
