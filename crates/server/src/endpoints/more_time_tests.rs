//! More time: decided by the role's rule, bound to the grant as it was, and never there before the targets show it.

use super::testing::{Reply, World, halves, text};
use curfew_connectors::postgres::fake::{Call, Fault};
use curfew_domain::{ResourceName, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

const POLICY: &str = r#"
resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: alone
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
    extension: {times: 2, max_total: 2h, approval: none}
  - name: asked
    duration: {default: 30m, max: 1h}
    conditions: [{resource: services/db, actions: [read, write]}]
    approvers: [lead@example.com, second@example.com]
    extension: {times: 1, max_total: 90m, approval: same}
  - name: capped
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [lead@example.com]
    extension: {times: 1, max_total: 2h, approval: none}
  - name: never
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
  - name: by-the-hour
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
    extension: {times: 1, max_total: 4h, approval: none}
    constraints: {windows: [{days: mon-fri, from: "09:00", to: "12:00", tz: Etc/UTC}], budget: {per_subject: 2h, per: 1d}}
"#;

struct Held {
    world: World,
    dev: String,
    id: String,
    until: String,
}

/// A role that `dev` has activated, at ten o'clock.
async fn held(role: &str, narrowed: Value) -> Held {
    let world = World::with(POLICY).await;
    let dev = world.sign_in("dev@example.com").await;
    let asked = world.post(&dev, "/api/v1/requests", json!({"role": role, "reason": "stuck"})).await.ok();
    if asked["state"] == "pending" {
        approve(&world, "lead@example.com", &asked, narrowed).await.ok();
    }
    let path = format!("/api/v1/grants/{}/activate", text(&asked, "id"));
    let grant = world.post(&dev, &path, halves(1)).await.ok()["grant"].clone();
    assert_eq!(grant["state"], "active");
    let (id, until) = (text(&grant, "id"), text(&grant, "expires_at"));
    Held { world, dev, id, until }
}

async fn approve(world: &World, who: &str, request: &Value, narrowed: Value) -> Reply {
    let who = world.sign_in(who).await;
    let path = format!("/api/v1/requests/{}/approve", text(request, "id"));
    world.post(&who, &path, json!({"digest": request["digest"], "reason": "seen", "narrowed": narrowed})).await
}

impl Held {
    async fn extend(&self, more: &str) -> Reply {
        self.extend_as(&self.dev, more).await
    }

    async fn extend_as(&self, who: &str, more: &str) -> Reply {
        let path = format!("/api/v1/grants/{}/extend", self.id);
        self.world.post(who, &path, json!({"duration_seconds": more})).await
    }

    async fn grant(&self) -> Value {
        self.world.get(&self.dev, &format!("/api/v1/grants/{}", self.id)).await.ok()
    }

    /// The request for more time that waits for people.
    async fn asks(&self, more: &str) -> Value {
        let answer = self.extend(more).await.ok();
        assert_eq!((&answer["more_time"]["state"], &answer["expires_at"]), (&json!("pending"), &json!(self.until)));
        let id = text(&answer["more_time"], "request_id");
        self.world.get(&self.dev, &format!("/api/v1/requests/{id}")).await.ok()
    }

    /// The end that the target itself goes by, minutes after ten.
    fn in_target(&self) -> u64 {
        let name = ResourceName::new("services/db").expect("a name");
        let role = self.world.target.roles(&name).pop().expect("a role");
        role.valid_until.millis_since(Timestamp::from_millis(1_772_445_600_000)) / 60_000
    }

    async fn until_ends_at(&self, end: &str) {
        for _ in 0..200 {
            if self.grant().await["expires_at"] == end {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it does not end at {end}: {}", self.grant().await);
    }

    async fn actions(&self) -> Vec<String> {
        let events = self.world.app.engine.store().events_about(&self.id).await.expect("events");
        events.into_iter().map(|sealed| sealed.event.action.as_str()).collect()
    }
}

#[tokio::test]
async fn where_nobody_has_to_approve_the_end_moves_at_once_as_often_and_as_far_as_the_role_says() {
    let held = held("alone", Value::Null).await;
    assert_eq!((held.until.as_str(), held.in_target()), ("2026-03-02T11:00:00.000Z", 60));
    let longer = held.extend("30m").await.ok();
    assert_eq!(longer["more_time"]["state"], "approved");
    assert_eq!((&longer["expires_at"], &longer["extensions"]), (&json!("2026-03-02T11:30:00.000Z"), &json!(1)));
    assert_eq!((&longer["leases"][0]["expires_at"], held.in_target()), (&longer["expires_at"], 90));
    let far = held.extend("31m").await;
    assert_eq!((far.status.as_u16(), far.code().as_str()), (409, "not_extensible"), "{}", far.text);
    assert_eq!(far.json()["error"]["decision"]["unsatisfied"][0]["code"], "duration");
    assert_eq!(held.extend("30m").await.ok()["expires_at"], "2026-03-02T12:00:00.000Z");
    assert_eq!(held.extend("1s").await.code(), "not_extensible", "twice is all");
    let order = ["grant.extending", "lease.extending", "lease.extended", "grant.extended"];
    let actions = held.actions().await;
    let mut places = order.iter().map(|action| actions.iter().position(|a| a == action).expect(action));
    assert!(places.clone().is_sorted() && places.next() > Some(0), "{actions:?}");
    held.world.clock.turn(Duration::from_secs(119 * 60));
    assert_eq!(held.grant().await["state"], "active", "past its first end");
    held.world.clock.turn(Duration::from_secs(61));
    assert_eq!(held.world.until(&held.dev, &held.id, "ended").await["end_cause"], "expired");
}

#[tokio::test]
async fn where_people_have_to_approve_it_nothing_moves_before_they_do() {
    let held = held("asked", Value::Null).await;
    let asked = held.asks("30m").await;
    assert_eq!((&asked["duration_seconds"], &asked["extends"]["grant_id"]), (&json!(3_600), &json!(held.id)));
    assert_eq!(held.extend("10m").await.code(), "not_extensible", "one at a time");
    assert_eq!(approve(&held.world, "dev@example.com", &asked, Value::Null).await.code(), "own_request");
    let (short, part) = (json!({"duration_seconds": "20m"}), json!({"actions": ["read"]}));
    for narrowed in [short, part] {
        assert_eq!(
            approve(&held.world, "lead@example.com", &asked, narrowed.clone()).await.code(),
            "widens",
            "{narrowed}"
        );
    }
    assert_eq!((held.grant().await["expires_at"].clone(), held.in_target()), (json!(held.until), 30));
    let cap = json!({"duration_seconds": "45m"});
    let yes = approve(&held.world, "second@example.com", &asked, cap).await.ok();
    assert_eq!((&yes["state"], &yes["grant_id"]), (&json!("approved"), &json!(held.id)));
    held.until_ends_at("2026-03-02T10:45:00.000Z").await;
    assert_eq!(held.in_target(), 45);
    assert_eq!(held.extend("5m").await.code(), "not_extensible", "once is all");
}

#[tokio::test]
async fn nobody_else_prolongs_it() {
    let held = held("asked", Value::Null).await;
    for (who, code) in [("lead@example.com", "forbidden"), ("mallory@example.com", "not_found")] {
        let who = held.world.sign_in(who).await;
        assert_eq!(held.extend_as(&who, "10m").await.code(), code);
    }
    assert_eq!(held.extend("0s").await.code(), "out_of_bounds");
    assert_eq!(held.extend("30d").await.code(), "not_extensible");
    assert_eq!(held.grant().await["extensions"], 0);
}

#[tokio::test]
async fn what_was_revoked_stays_revoked_whoever_says_yes_to_more_time() {
    let held = held("asked", Value::Null).await;
    let asked = held.asks("30m").await;
    let second = held.world.sign_in("second@example.com").await;
    let path = format!("/api/v1/grants/{}/revoke", held.id);
    held.world.post(&second, &path, json!({"reason": "enough"})).await.ok();
    assert_eq!(approve(&held.world, "lead@example.com", &asked, Value::Null).await.code(), "already_final");
    assert_eq!(held.extend("10m").await.code(), "not_extensible");
    let ended = held.world.until(&held.dev, &held.id, "ended").await;
    assert_eq!((&ended["end_cause"], &ended["extensions"]), (&json!("revoked"), &json!(0)));
}

/// Nobody is left to wait for: it goes with the end, in the same commit, and says why.
#[tokio::test]
async fn what_was_asked_for_a_grant_that_is_over_lapses_with_it() {
    for end in ["revoke", "return"] {
        let held = held("asked", Value::Null).await;
        let asked = held.asks("30m").await;
        let id = text(&asked, "id");
        let who = if end == "revoke" { held.world.sign_in("second@example.com").await } else { held.dev.clone() };
        let path = format!("/api/v1/grants/{}/{end}", held.id);
        held.world.post(&who, &path, json!({"reason": "enough"})).await.ok();
        let shown = held.world.get(&held.dev, &format!("/api/v1/requests/{id}")).await.ok();
        assert_eq!(shown["state"], "lapsed", "{end}: {shown}");
        assert_eq!(shown["lapsed_because"], "the grant that it was to keep longer is over", "{end}");
        let lead = held.world.sign_in("lead@example.com").await;
        let waiting = held.world.get(&lead, "/api/v1/requests?which=to_approve").await.ok();
        assert_eq!(waiting["items"], json!([]), "{end}");
        let events = held.world.app.engine.store().events(0, 1_000).await.expect("events");
        let lapsed = events.iter().position(|e| e.event.action.as_str() == "request.lapsed").expect("an event");
        let ending = events.iter().position(|e| e.event.action.as_str() == "grant.ending").expect("an event");
        assert!(lapsed > ending && lapsed - ending <= 3, "{end}: one commit, {ending} and {lapsed}");
    }
}

#[tokio::test]
async fn a_yes_that_comes_after_the_end_gives_nothing() {
    let held = held("asked", Value::Null).await;
    let asked = held.asks("30m").await;
    assert_eq!(asked["lapses_at"], held.until);
    held.world.clock.turn(Duration::from_secs(30 * 60));
    assert_eq!(approve(&held.world, "lead@example.com", &asked, Value::Null).await.code(), "already_final");
    let ended = held.world.until(&held.dev, &held.id, "ended").await;
    assert_eq!((&ended["end_cause"], &ended["expires_at"]), (&json!("expired"), &json!(held.until)));
}

#[tokio::test]
async fn a_no_that_comes_after_the_yes_ends_the_grant() {
    let held = held("asked", Value::Null).await;
    let asked = held.asks("30m").await;
    approve(&held.world, "lead@example.com", &asked, Value::Null).await.ok();
    let second = held.world.sign_in("second@example.com").await;
    let path = format!("/api/v1/requests/{}/deny", text(&asked, "id"));
    held.world.post(&second, &path, json!({"digest": asked["digest"], "reason": "no"})).await.ok();
    assert_eq!(held.world.until(&held.dev, &held.id, "ended").await["end_cause"], "revoked");
}

#[tokio::test]
async fn without_the_word_there_is_no_more_time_and_an_approvers_cap_holds() {
    let never = held("never", Value::Null).await;
    assert_eq!(never.extend("1m").await.code(), "not_extensible");
    let capped = held("capped", json!({"duration_seconds": "15m"})).await;
    let refused = capped.extend("10m").await;
    assert_eq!(refused.code(), "not_extensible", "{}", refused.text);
    assert_eq!((capped.grant().await["expires_at"].clone(), capped.in_target()), (json!(capped.until), 15));
}

#[tokio::test]
async fn hours_and_budgets_bound_the_total() {
    let held = held("by-the-hour", Value::Null).await;
    let spent = held.extend("61m").await;
    assert_eq!(spent.json()["error"]["decision"]["unsatisfied"][0]["code"], "concurrency", "{}", spent.text);
    // Until noon, when the window closes, not until the hour asked for.
    held.world.clock.turn(Duration::from_secs(30 * 60));
    assert_eq!(held.extend("60m").await.ok()["expires_at"], "2026-03-02T12:00:00.000Z");
}

#[tokio::test]
async fn a_tightened_extension_ends_what_it_would_no_longer_give_where_the_role_says_so() {
    let role = |total: &str| {
        format!(
            "resources: [{{name: services/db, connector: postgres, risk: low}}]\nroles:\n  - {{name: alone, requesters: [dev@example.com], \
             duration: 1h, conditions: [{{resource: services/db, actions: [read]}}], approval: automatic, \
             extension: {{times: 2, max_total: {total}, approval: none}}, on_policy_change: end}}\n"
        )
    };
    let held = held("alone", Value::Null).await;
    held.extend("30m").await.ok();
    let apply = async |total: &str| {
        let set = super::testing::policy(&role(total));
        held.world.app.engine.apply_policy(set, &curfew_domain::Subject::system()).await.expect("applied");
    };
    apply("90m").await;
    assert_eq!(held.grant().await["state"], "active");
    apply("80m").await;
    assert_eq!(held.world.until(&held.dev, &held.id, "ended").await["end_cause"], "policy_changed");
}

/// A role that ends what it would no longer give counts the approvals again.
#[tokio::test]
async fn more_or_other_approvals_end_what_does_not_have_them_where_the_role_says_so() {
    let role = |approvers: &str, then: &str| {
        format!(
            "resources: [{{name: services/db, connector: postgres, risk: low}}]\nroles:\n  - {{name: asked, requesters: [dev@example.com], \
             duration: {{default: 30m, max: 1h}}, conditions: [{{resource: services/db, actions: [read, write]}}], {approvers}, on_policy_change: {then}}}\n"
        )
    };
    let two = "approval: {stages: [{name: approval, any_of: [lead@example.com, second@example.com], require: 2}]}";
    for (approvers, then, ends) in [
        ("approvers: [lead@example.com, third@example.com]", "end", false),
        (two, "keep", false),
        (two, "end", true),
        ("approvers: [third@example.com]", "end", true),
        ("approval: {stages: [{name: other, any_of: [lead@example.com]}]}", "end", true),
        ("approval: automatic", "end", false),
        ("approvers: [third@example.com], auto_approve_when: context.oncall", "end", false),
    ] {
        let held = held("asked", Value::Null).await;
        let set = super::testing::policy(&role(approvers, then));
        let system = curfew_domain::Subject::system();
        held.world.app.engine.apply_policy(set, &system).await.expect("applied");
        let state = held.grant().await["state"].clone();
        assert_eq!(state != "active", ends, "{approvers}: {state}");
        if ends {
            assert_eq!(held.world.until(&held.dev, &held.id, "ended").await["end_cause"], "policy_changed");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() {
    let held = held("alone", Value::Null).await;
    let name = ResourceName::new("services/db").expect("a name");
    held.world.target.break_next(&name, Call::Extend, Fault::LoseReply);
    assert_eq!(held.extend("30m").await.ok()["expires_at"], "2026-03-02T11:30:00.000Z");
}

#[tokio::test]
async fn a_target_that_refuses_keeps_the_end_it_has_until_it_gives_in() {
    let held = held("alone", Value::Null).await;
    let name = ResourceName::new("services/db").expect("a name");
    held.world.target.break_next(&name, Call::Extend, Fault::Refuse);
    let failed = held.extend("30m").await;
    assert_eq!((failed.status.as_u16(), failed.code().as_str()), (503, "target_unavailable"), "{}", failed.text);
    let grant = held.grant().await;
    assert_eq!((&grant["expires_at"], &grant["extends_to"]), (&json!(held.until), &json!("2026-03-02T11:30:00.000Z")));
    assert_eq!(held.extend("10m").await.code(), "not_extensible", "one at a time");
    held.world.app.engine.reconcile().await.expect("reconciled");
    held.until_ends_at("2026-03-02T11:30:00.000Z").await;
    assert_eq!((held.grant().await["extensions"].clone(), held.in_target()), (json!(1), 90));
}

#[tokio::test]
async fn revoking_while_a_target_is_being_given_more_time_wins() {
    let held = held("alone", Value::Null).await;
    let name = ResourceName::new("services/db").expect("a name");
    held.world.target.break_next(&name, Call::Extend, Fault::Slow(Duration::from_secs(5)));
    let path = format!("/api/v1/grants/{}/return", held.id);
    let give_back = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        held.world.post(&held.dev, &path, json!({})).await.ok();
    };
    let (extended, ()) = tokio::join!(held.extend("30m"), give_back);
    assert_eq!(extended.code(), "not_extensible", "{}", extended.text);
    let ended = held.world.until(&held.dev, &held.id, "ended").await;
    assert_eq!((&ended["end_cause"], &ended["verified"]), (&json!("returned"), &json!(true)));
    assert!(held.world.target.roles(&name).is_empty());
}
