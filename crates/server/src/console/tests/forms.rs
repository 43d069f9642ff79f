//! Forms that are not of every day: several roles at once, more time, emergencies and their review.

use super::*;

/// A policy with a bundle, more time and emergencies.
const WORDS: &str = r#"
resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: look
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
    constraints: {inputs: [{name: table, type: string, max_length: 20, prompt: "Which table?"}]}
    extension: {times: 1, max_total: 2h, approval: none}
  - name: change
    requesters: [dev@example.com]
    duration: 30m
    conditions: [{resource: services/db, actions: [write]}]
    approvers: [lead@example.com]
    extension: {times: 1, max_total: 1h, approval: same}
    break_glass: {who: [night@example.com], duration: 20m, review_within: 24h}
bundles:
  - {name: kit, roles: [look, change]}
"#;

/// What a page links to, of this kind.
fn linked(page: &str, kind: &str) -> Vec<String> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.filter(|link| link.starts_with(kind)).map(str::to_owned).collect()
}

#[tokio::test]
async fn several_roles_are_asked_for_with_one_form() {
    let world = World::with(WORDS).await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    assert_eq!(linked(&dev.page, "/bundles/"), ["/bundles/kit"], "{}", dev.page);
    dev.open("/bundles/kit").await;
    assert!(dev.page.contains("Which table?") && !dev.page.contains("value=\"ask\""), "{}", dev.page);
    let key = dev.hidden("ask_key");
    let filled = [("reason", "incident 7"), ("input-table", "orders"), ("ask_key", key.as_str())];
    dev.submit("/bundles/kit", &[&filled[..], &[("step", "check")]].concat()).await;
    for shown in ["without asking anybody", "once it is approved", "incident 7", "value=\"ask\""] {
        assert!(dev.page.contains(shown), "{shown}: {}", dev.page);
    }
    let token = world.sign_in("dev@example.com").await;
    assert_eq!(world.get(&token, "/api/v1/requests").await.ok()["items"], serde_json::json!([]), "nothing is sent yet");
    for _ in 0..2 {
        dev.submit("/bundles/kit", &[&filled[..], &[("step", "ask")]].concat()).await;
        assert_eq!(linked(&dev.page, "/requests/").len(), 2, "{}", dev.page);
        // The form again: sent twice, it asks once.
        dev.open("/bundles/kit").await;
    }
    let listed = world.get(&token, "/api/v1/requests").await.ok();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");
    assert!(listed["items"].as_array().expect("a list").iter().all(|r| r["origin"] == "bundle"));
    // What one role denies keeps nobody from the other, and is said.
    let long = [("reason", "x"), ("for", "45m"), ("input-table", "orders"), ("ask_key", "again"), ("step", "ask")];
    dev.submit("/bundles/kit", &long).await;
    assert!(dev.page.contains("The policy denies it") && linked(&dev.page, "/requests/").len() == 1, "{}", dev.page);
    let mut other = Browser::signed_in(&world, "mallory@example.com").await;
    assert!(!other.page.contains("/bundles/"));
    other.open("/bundles/kit").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn more_time_is_asked_for_on_the_page_of_the_grant() {
    let world = World::with(WORDS).await;
    let token = world.sign_in("dev@example.com").await;
    let active = async |role: &str| {
        let ask = serde_json::json!({"role": role, "reason": "x", "duration_seconds": "20m", "inputs": {}});
        let mut ask = ask;
        if role == "look" {
            ask["inputs"] = serde_json::json!({"table": "orders"});
        }
        let asked = world.post(&token, "/api/v1/requests", ask).await.ok();
        if asked["state"] == "pending" {
            let lead = world.sign_in("lead@example.com").await;
            let path = format!("/api/v1/requests/{}/approve", text(&asked, "id"));
            world.post(&lead, &path, serde_json::json!({"digest": asked["digest"]})).await.ok();
        }
        let path = format!("/api/v1/grants/{}/activate", text(&asked, "id"));
        let view = world.post(&token, &path, crate::endpoints::testing::halves(1)).await.ok();
        text(&view["grant"], "id")
    };
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    let look = format!("/grants/{}", active("look").await);
    dev.open(&look).await;
    assert!(dev.page.contains("up to 2h in all") && dev.page.contains("Nobody has to approve it"), "{}", dev.page);
    let key = dev.hidden("ask_key");
    for length in ["", "soon", "9h"] {
        dev.submit(&format!("{look}/extend"), &[("for", length), ("ask_key", "other")]).await;
        assert!(dev.status.is_client_error() && dev.page.contains("Back to the grant"), "{length}: {}", dev.page);
        dev.open(&look).await;
    }
    for _ in 0..2 {
        dev.submit(&format!("{look}/extend"), &[("for", "15m"), ("ask_key", &key)]).await;
        assert!(dev.page.contains("It has more time."), "{}", dev.page);
    }
    assert!(!dev.page.contains("/extend\""), "once is all: {}", dev.page);
    let change = format!("/grants/{}", active("change").await);
    dev.open(&change).await;
    let key = dev.hidden("ask_key");
    dev.submit(&format!("{change}/extend"), &[("for", "10m"), ("ask_key", &key)]).await;
    assert!(dev.page.contains("It is asked.") && dev.page.contains("More time of"), "{}", dev.page);
    let mut lead = Browser::signed_in(&world, "lead@example.com").await;
    lead.open(&change).await;
    assert!(!lead.page.contains("/extend\""), "nobody else asks for it: {}", lead.page);
}

#[tokio::test]
async fn emergency_access_is_taken_and_reviewed_by_form() {
    let world = World::with(WORDS).await;
    let mut dev = Browser::signed_in(&world, "dev@example.com").await;
    assert!(!dev.page.contains("break-glass"), "{}", dev.page);
    dev.open("/roles/change/break-glass").await;
    assert_eq!(dev.status, StatusCode::NOT_FOUND);
    let mut night = Browser::signed_in(&world, "night@example.com").await;
    assert_eq!(linked(&night.page, "/roles/"), ["/roles/change/break-glass"], "{}", night.page);
    night.open("/roles/change/break-glass").await;
    assert!(night.page.contains("Nobody approves it beforehand"), "{}", night.page);
    let key = night.hidden("ask_key");
    night
        .submit("/roles/change/break-glass", &[("reason", "production is down"), ("for", "20m"), ("ask_key", &key)])
        .await;
    assert!(night.page.contains("It is yours."), "{}", night.page);
    let grant = linked(&night.page, "/grants/").pop().expect("a grant");
    let token = world.sign_in("night@example.com").await;
    world.post(&token, &format!("/api/v1{grant}/activate"), crate::endpoints::testing::halves(1)).await.ok();
    night.open(&grant).await;
    assert!(night.page.contains("nobody has reviewed") && !night.page.contains("/review\""), "never one's own");
    let mut lead = Browser::signed_in(&world, "lead@example.com").await;
    lead.open(&grant).await;
    assert!(lead.page.contains(&format!("{grant}/review")), "{}", lead.page);
    lead.submit(&format!("{grant}/review"), &[("note", "x")]).await;
    assert!(lead.status.is_client_error() && lead.page.contains("misuse"), "{}", lead.page);
    lead.open(&grant).await;
    lead.submit(&format!("{grant}/review"), &[("verdict", "misuse"), ("note", "nothing was down")]).await;
    assert!(lead.page.contains("Your review stands.") && lead.page.contains("nothing was down"), "{}", lead.page);
    assert!(!lead.page.contains("/review\""), "once is all");
    world.until(&token, grant.trim_start_matches("/grants/"), "ended").await;
    // Without the key that only this browser's session knows, nothing is done.
    let forged = form("/roles/change/break-glass", &[("reason", "x"), ("form_key", "0")], Some(ORIGIN));
    night.send(forged).await;
    assert_eq!(night.status, StatusCode::FORBIDDEN);
}
