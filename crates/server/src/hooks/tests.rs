//! Hooks against a whole server.

use crate::config::Hook;
use crate::endpoints::testing::World;
use axum::body::Body;
use curfew_policy::Provider;
use http::Request;
use serde_json::{Value, json};

const SECRET: &str = "a secret of the hook";

fn lookup(name: &str) -> Option<String> {
    (name == "CURFEW_HOOK").then(|| SECRET.to_owned())
}

async fn world() -> World {
    let hook = |provider, issuer: &str| Hook {
        provider,
        issuer: issuer.to_owned(),
        secret: "env:CURFEW_HOOK".parse().expect("a reference"),
    };
    let hooks = [hook(Provider::Github, "gh"), hook(Provider::Gitlab, "gl")];
    World::hooked(super::Hooks::new(&hooks, &lookup).expect("secrets")).await
}

fn call(path: &str, event: &str, body: &Value, headers: &[(&str, String)]) -> Request<Body> {
    let mut request = Request::post(path).header("host", "localhost:7373").header("x-github-event", event);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.header("content-type", "application/json").body(Body::from(body.to_string())).expect("a call")
}

fn hub(body: &Value) -> (&'static str, String) {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(body.to_string().as_bytes());
    ("x-hub-signature-256", format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

async fn ended(world: &World, provider: &str, number: &str) -> bool {
    let issuer = if provider == "github" { "gh" } else { "gl" };
    let (issuer, provider, number) = (issuer.to_owned(), provider.to_owned(), number.to_owned());
    let key = curfew_domain::RunKey { issuer, provider, number };
    world.app.engine.store().ended_by_provider(&key).await.expect("read").is_some()
}

#[tokio::test]
async fn a_completed_run_is_over_for_ever() {
    let world = world().await;
    let run =
        |action: &str, attempt: u64| json!({"action": action, "workflow_run": {"id": 77, "run_attempt": attempt}});
    for (body, event) in [(run("requested", 1), "workflow_run"), (run("completed", 1), "push")] {
        let reply = world.send(call("/hooks/github", event, &body, &[hub(&body)])).await;
        assert_eq!(reply.status, 202);
    }
    assert!(!ended(&world, "github", "77").await);
    let body = run("completed", 1);
    assert_eq!(world.send(call("/hooks/github", "workflow_run", &body, &[hub(&body)])).await.status, 202);
    assert!(ended(&world, "github", "77").await && !ended(&world, "github", "77/attempts/2").await);
    let body = run("completed", 2);
    assert_eq!(world.send(call("/hooks/github", "workflow_run", &body, &[hub(&body)])).await.status, 202);
    assert!(ended(&world, "github", "77/attempts/2").await);
    let token = || ("x-gitlab-token", SECRET.to_owned());
    let pipeline = |status: &str| json!({"object_kind": "pipeline", "object_attributes": {"id": 31, "status": status}});
    for status in ["running", "pending", "manual"] {
        assert_eq!(world.send(call("/hooks/gitlab", "", &pipeline(status), &[token()])).await.status, 202);
    }
    assert!(!ended(&world, "gitlab", "31").await);
    assert_eq!(world.send(call("/hooks/gitlab", "", &pipeline("canceled"), &[token()])).await.status, 202);
    assert!(ended(&world, "gitlab", "31").await);
}

#[tokio::test]
async fn what_is_not_signed_ends_nothing_and_is_evidence() {
    let world = world().await;
    let body = json!({"action": "completed", "workflow_run": {"id": 77}});
    let other = json!({"action": "completed", "workflow_run": {"id": 78}});
    for headers in [vec![], vec![hub(&other)], vec![("x-hub-signature-256", "sha256=00".to_owned())]] {
        let reply = world.send(call("/hooks/github", "workflow_run", &body, &headers)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "unauthenticated"));
    }
    let pipeline = json!({"object_kind": "pipeline", "object_attributes": {"id": 31, "status": "success"}});
    let wrong = [("x-gitlab-token", "another".to_owned())];
    assert_eq!(world.send(call("/hooks/gitlab", "", &pipeline, &wrong)).await.status, 401);
    assert!(!ended(&world, "github", "77").await && !ended(&world, "gitlab", "31").await);
    world.app.refusals.flush().await;
    let auditor = world.sign_in("auditor@example.com").await;
    let found = world.get(&auditor, "/api/v1/audit/search?q=token.refused").await.ok();
    assert!(found["items"].as_array().is_some_and(|items| items.len() >= 2), "{found}");
    let long = json!({"action": "completed", "pad": "x".repeat(1 << 20)});
    assert_eq!(world.send(call("/hooks/github", "workflow_run", &long, &[hub(&long)])).await.status, 413);
    let plain = World::new().await;
    assert_eq!(plain.send(call("/hooks/github", "workflow_run", &body, &[hub(&body)])).await.status, 404);
}
