//! What holds for every endpoint: nothing hostile breaks it, and its document is pinned.

use super::testing::{World, call};
use axum::body::Body;
use http::{HeaderValue, Method, Request, StatusCode};
use proptest::prelude::*;
use serde_json::json;

#[tokio::test]
async fn everything_unknown_is_our_error() {
    let world = World::new().await;
    let dev = world.sign_in("dev@example.com").await;
    let cases = [
        (Method::GET, "/nothing", 404, "not_found"),
        (Method::GET, "/api/v1/nothing", 404, "not_found"),
        (Method::PUT, "/api/v1/whoami", 405, "method_not_allowed"),
        (Method::OPTIONS, "/api/v1/requests", 405, "method_not_allowed"),
        (Method::POST, "/healthz", 405, "method_not_allowed"),
    ];
    for (method, path, status, code) in cases {
        let reply = world.send(call(method, &dev, path, None, None)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{path}");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert!(reply.headers.contains_key("x-request-id"));
    }
}

#[tokio::test]
async fn malformed_bodies_are_told_apart_and_not_repeated() {
    let world = World::new().await;
    let dev = world.sign_in("dev@example.com").await;
    let send = async |kind: &'static str, body: Vec<u8>| {
        let mut request = call(Method::POST, &dev, "/api/v1/requests", None, None);
        request.headers_mut().insert("content-type", HeaderValue::from_static(kind));
        *request.body_mut() = Body::from(body);
        world.send(request).await
    };
    let json = "application/json; charset=utf-8";
    let cases: [(&'static str, Vec<u8>, u16, &str); 8] = [
        (json, b"{".to_vec(), 400, "malformed"),
        (json, b"\xff\xfe".to_vec(), 400, "malformed"),
        (json, br#"{"role": 1}"#.to_vec(), 400, "malformed"),
        (json, br#"{"role": "db-debug", "extra": 1}"#.to_vec(), 400, "malformed"),
        (json, br#"{"role": "db-debug", "duration_seconds": "hunter2"}"#.to_vec(), 400, "malformed"),
        (json, json!({"role": "db-debug", "reason": "x".repeat(2_001)}).to_string().into_bytes(), 400, "out_of_bounds"),
        ("text/plain", br#"{"role": "db-debug"}"#.to_vec(), 415, "unsupported_media_type"),
        (json, vec![b' '; 64 * 1024 + 1], 413, "too_large"),
    ];
    for (kind, body, status, code) in cases {
        let reply = send(kind, body).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{}", reply.text);
        assert!(!reply.text.contains("hunter2"), "{}", reply.text);
    }
    let long = format!("/api/v1/requests?cursor={}", "x".repeat(9_000));
    assert_eq!(world.get(&dev, &long).await.code(), "uri_too_long");
}

#[tokio::test]
async fn other_sites_and_other_names_are_refused() {
    let world = World::new().await;
    let dev = world.sign_in("dev@example.com").await;
    let with = async |name: &'static str, value: &'static str| {
        let mut request = call(Method::GET, &dev, "/api/v1/whoami", None, None);
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        world.send(request).await
    };
    assert_eq!(with("host", "evil.example").await.code(), "host_refused");
    assert_eq!(with("host", "localhost:7373@evil.example").await.code(), "host_refused");
    assert_eq!(with("origin", "https://evil.example").await.code(), "origin_refused");
    assert_eq!(with("origin", "null").await.code(), "origin_refused");
    assert_eq!(with("sec-fetch-site", "cross-site").await.code(), "origin_refused");
    assert_eq!(with("origin", "http://localhost:7373").await.status, StatusCode::OK);
    let mut request = call(Method::GET, &dev, "/api/v1/whoami", None, None);
    request.headers_mut().remove("host");
    assert_eq!(world.send(request).await.code(), "host_refused");
}

#[tokio::test]
async fn tokens_that_do_not_stand_are_evidence() {
    let world = World::new().await;
    for token in ["cfs_0000000000000000000000000000000000000000000", "nonsense"] {
        let reply = world.get(token, "/api/v1/whoami").await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "unauthenticated"));
        assert_eq!(reply.headers["www-authenticate"], "Bearer realm=\"curfew\"");
    }
    assert_eq!(world.get("", "/api/v1/whoami").await.status, 401);
    let auditor = world.sign_in("auditor@example.com").await;
    let found = world.get(&auditor, "/api/v1/audit/search?q=token.refused").await.ok();
    assert_eq!(found["items"][0]["details"]["source"], "127.0.0.1");
    assert!(!found.to_string().contains("nonsense"));
}

#[tokio::test]
async fn it_is_ready_only_while_it_serves() {
    use crate::app::Readiness;
    let world = World::new().await;
    let dev = world.sign_in("dev@example.com").await;
    for (readiness, status) in [(Readiness::Starting, 503), (Readiness::Ready, 200), (Readiness::Stopping, 503)] {
        world.app.phase.set(readiness);
        assert_eq!(world.get("", "/readyz").await.status, status);
        assert_eq!(world.get(&dev, "/api/v1/whoami").await.status, status);
        assert_eq!(world.get("", "/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn a_yes_and_a_no_at_once_come_to_one_outcome() {
    let world = World::new().await;
    let dev = world.sign_in("dev@example.com").await;
    let (lead, second) = (world.sign_in("lead@example.com").await, world.sign_in("second@example.com").await);
    for _ in 0..100 {
        let asked = world.ask(&dev).await;
        let id = super::testing::text(&asked, "id");
        let yes = format!("/api/v1/requests/{id}/approve");
        let no = format!("/api/v1/requests/{id}/deny");
        let (yes, no) = tokio::join!(
            world.post(&lead, &yes, json!({"digest": asked["digest"]})),
            world.post(&second, &no, json!({"digest": asked["digest"], "reason": "no"})),
        );
        assert!(no.status.is_success(), "{yes:?} {no:?}");
        let settled = world.get(&dev, &format!("/api/v1/requests/{id}")).await.ok();
        match settled["grant_id"].as_str() {
            Some(grant) => drop(world.until(&dev, grant, "ended").await),
            None => assert_eq!(settled["state"], "denied"),
        }
    }
}

#[test]
fn the_document_is_pinned() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let now = super::openapi().to_pretty_json().expect("JSON") + "\n";
    if std::env::var_os("CURFEW_PIN_OPENAPI").is_some() {
        std::fs::write(path, &now).expect("written");
    }
    let pinned = std::fs::read_to_string(path).unwrap_or_default();
    assert!(now == pinned, "the API changed: look at it, then run this test with CURFEW_PIN_OPENAPI=1");
    assert!(now.contains("\"openapi\": \"3.1.0\""));
    let unsafe_gets = now.matches("\"get\"").count();
    assert!(unsafe_gets > 15, "the document lists the endpoints");
}

/// Paths that exist and some that nearly do.
const PATHS: &[&str] = &[
    "/",
    "/api/v1/sign-in",
    "/api/v1/requests",
    "/api/v1/decisions",
    "/api/v1/revocations",
    "/api/v1/doctor",
    "/api/v1/requests/req_00000000000000000000000000/approve",
    "/api/v1/requests/%00/deny",
    "/api/v1/grants/..%2f/activate",
    "/api/v1/grants/grt_00000000000000000000000000/activate",
    "/api/v1/grants/x/revoke",
    "/api/v1/grants/x/extend",
    "/api/v1/grants/grt_00000000000000000000000000/review",
    "/api/v1/break-glass",
    "/api/v1/bundles/%00/requests",
    "/api/v1/ssh/hosts",
    "/api/v1/ssh/hosts/sync",
    "/api/v1/ssh/krl?resource=..",
    "/api/v1/audit/search?q=%ff",
    "/api/v1/audit/proof?seq=-1",
    "/api/v1/audit/consistency?old=9&new=1",
    "/api/v1/who-has?resource=a//b",
    "/api/v1/audit/events?from=18446744073709551615&limit=1000",
    "/api/v1/events?x=1",
    "/metrics",
    "/readyz",
];

fn hostile_json() -> impl Strategy<Value = Vec<u8>> {
    let field = prop::sample::select(vec![
        "role",
        "reason",
        "ticket",
        "resources",
        "actions",
        "duration_seconds",
        "digest",
        "narrowed",
        "public_halves",
        "email",
        "groups",
        "subject",
        "resource",
        "host",
        "sessions",
        "at",
        "kind",
        "value",
        "__proto__",
        "",
    ]);
    let leaf = prop_oneof![
        any::<String>().prop_map(|s| json!(s)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        Just(json!(null)),
        Just(json!("\u{0}\u{202e}' OR 1=1 --")),
        Just(json!("db-debug")),
        Just(json!("30m")),
    ];
    let tree = leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|v| json!(v)),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|v| json!(v.into_iter().collect::<std::collections::BTreeMap<_, _>>())),
        ]
    });
    let object = prop::collection::vec((field, tree), 0..6)
        .prop_map(|v| json!(v.into_iter().collect::<std::collections::BTreeMap<_, _>>()).to_string().into_bytes());
    prop_oneof![
        6 => object,
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (0usize..3_000).prop_map(|n| "[".repeat(n).into_bytes()),
    ]
}

fn hostile_header() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let name = prop::sample::select(vec![
        "authorization",
        "idempotency-key",
        "content-type",
        "host",
        "origin",
        "if-none-match",
        "last-event-id",
        "content-length",
        "sec-fetch-site",
        "x-forwarded-for",
        "cookie",
    ]);
    (name, prop::collection::vec(any::<u8>(), 0..40))
}

#[test]
fn ten_thousand_hostile_calls_break_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let world = runtime.block_on(World::new());
    let dev = runtime.block_on(world.sign_in("dev@example.com"));
    let method = prop::sample::select(vec!["GET", "POST", "POST", "POST", "DELETE", "PUT", "HEAD", "X"]);
    let call = (
        method,
        prop::sample::select(PATHS.to_vec()),
        prop::collection::vec(hostile_header(), 0..3),
        hostile_json(),
        prop::sample::select(vec![dev.clone(), String::new(), "cfs_x".to_owned()]),
    );
    let config = ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((method, path, headers, body, who) in call)| {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:7373");
        request = request.header("content-type", "application/json");
        if !who.is_empty() {
            request = request.header("authorization", format!("Bearer {who}"));
        }
        for (name, value) in &headers {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                request.headers_mut().expect("headers").insert(*name, value);
            }
        }
        let request = request.body(Body::from(body)).expect("a call");
        let is_stream = path.starts_with("/api/v1/events");
        runtime.block_on(async {
            if is_stream {
                prop_assert_ne!(world.raw(request).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
                return Ok(());
            }
            let reply = world.send(request).await;
            prop_assert_ne!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", reply.text);
            prop_assert!(!reply.text.contains("hunter2"), "the target's password: {}", reply.text);
            prop_assert!(who.len() < 10 || !reply.text.contains(&who), "a token: {}", reply.text);
            if reply.status.as_u16() >= 400 && !reply.text.is_empty() {
                let error = &reply.json()["error"];
                prop_assert!(error["code"].is_string() && error["message"].is_string() && error["hint"].is_string());
            }
            Ok(())
        })?;
    });
}
