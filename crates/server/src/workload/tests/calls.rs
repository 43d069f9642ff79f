//! What a machine's sign-in is good for, and what it takes.

use super::*;

const WHOAMI: &str = "/api/v1/whoami";

async fn bed() -> (Bed, Job) {
    let (bed, mut job) = (Bed::new().await, Job::new());
    bed.signed_in(&mut job).await;
    (bed, job)
}

#[tokio::test]
async fn each_call_proves_the_key() {
    let (bed, job) = bed().await;
    let me = bed.get(&job, WHOAMI).await.ok();
    assert_eq!((&me["kind"], &me["administrator"], &me["auditor"]), (&"workload".into(), &false.into(), &false.into()));
    assert_eq!(me["run"], json!({"provider": "github", "id": "9876543210"}));
    bed.get(&job, "/api/v1/requests?limit=5").await.ok();
    let without = call(Method::GET, "", WHOAMI, None, None);
    assert_eq!(bed.world.send(without).await.code(), "unauthenticated");
    let refused = async |proof: String| {
        let reply = bed.world.send(job.call_with(Method::GET, WHOAMI, None, &proof)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "proof_refused"), "{}", reply.text);
        text(&reply.json()["error"], "message")
    };
    let proof = || job.proof(&Method::GET, WHOAMI);
    let other_call = "the proof is for another call";
    for (changed, why) in [
        (proof().but(|p| p.payload["htm"] = json!("POST")), other_call),
        (proof().but(|p| p.payload["htm"] = json!("get")), other_call),
        (proof().but(|p| p.payload["htu"] = json!(format!("{HERE}/api/v1/roles"))), other_call),
        (proof().but(|p| p.payload["htu"] = json!(format!("{HERE}{WHOAMI}/"))), other_call),
        (proof().but(|p| p.payload["htu"] = json!(format!("http://evil.example:7373{WHOAMI}"))), other_call),
        (proof().but(|p| p.payload["htu"] = json!(format!("http://localhost:8080{WHOAMI}"))), other_call),
        (proof().but(|p| p.payload["htu"] = json!(format!("http://u@localhost:7373{WHOAMI}"))), other_call),
        (proof().but(|p| p.payload["htu"] = json!(WHOAMI)), other_call),
        (proof().but(|p| p.payload["iat"] = json!(NOW - 61)), "the proof's time is more than a minute off"),
        (proof().but(|p| p.payload["iat"] = json!(NOW + 61)), "the proof's time is more than a minute off"),
        (proof().but(|p| p.payload["iat"] = json!(NOW - 1)), "the proof was made before this server started"),
        (proof().but(|p| p.payload["iat"] = json!(NOW.to_string())), "no proof"),
        (proof().but(|p| p.payload["jti"] = json!("")), "no proof"),
        (proof().but(|p| p.payload["jti"] = json!("x".repeat(129))), "no proof"),
        (proof().but(|p| p.payload["ath"] = json!(b64(&Sha256::digest("cfw_other")))), "another token"),
        (proof().but(|p| p.payload["ath"] = Value::Null), "another token"),
        (proof().but(|p| p.header["typ"] = json!("JWT")), "no proof"),
        (proof().but(|p| p.header["crit"] = json!(["x"])), "no proof"),
        (proof().but(|p| p.header["alg"] = json!("none")), "signature does not hold"),
        (proof().but(|p| p.header["alg"] = json!("ES256")), "signature does not hold"),
        (proof().but(|p| p.header["jwk"]["d"] = json!(b64(&[1; 32]))), "no public key"),
        (proof().but(|p| p.header["jwk"] = Value::Null), "no public key"),
        (proof().but(|p| p.key = Arc::new(Key::ed25519())), "signature does not hold"),
        ("x".to_owned(), "no proof"),
        (format!("{}x", proof().made()), "no proof"),
        (proof().but(|p| p.payload["pad"] = json!("x".repeat(4_096))), "no proof"),
    ] {
        let said = refused(changed).await;
        assert!(said.contains(why), "{why}: {said}");
    }
    bed.world.send(job.call_with(Method::GET, WHOAMI, None, &proof().made())).await.ok();
}

#[tokio::test]
async fn a_proof_is_good_once() {
    let (bed, job) = bed().await;
    let proof = job.proof(&Method::GET, WHOAMI).made();
    let send = || bed.world.send(job.call_with(Method::GET, WHOAMI, None, &proof));
    send().await.ok();
    let again = send().await;
    assert_eq!((again.code().as_str(), again.status.as_u16()), ("proof_refused", 401));
    assert_eq!(text(&again.json()["error"], "message"), "the proof was used before");
    let mut twice = job.call(Method::GET, WHOAMI, None);
    let another = job.proof(&Method::GET, WHOAMI).made();
    twice.headers_mut().append("dpop", another.parse().expect("a header"));
    assert_eq!(bed.world.send(twice).await.code(), "proof_refused", "two proofs are none");
}

#[tokio::test]
async fn the_pipeline_that_deploys_policies_says_only_that_the_server_may_look() {
    let bed = Bed::new().await;
    let mut job = Job::new();
    bed.taken(&mut job, &bed.issuer.token(&bed.but("repository_id", json!("777")))).await;
    let policy = bed.get(&job, "/api/v1/policy").await.ok();
    assert_eq!(policy["source"], "folder");
    let apply = async |body: Value| bed.post(&job, "/api/v1/policy/apply", body).await;
    let content = &policy["content"];
    assert_eq!(apply(json!({})).await.code(), "malformed", "it names what it checked");
    for back in [json!({"rollback": true}), json!({"rollback": true, "commit": "0123456789ab"})] {
        assert_eq!(apply(back).await.code(), "forbidden");
    }
    assert_eq!(apply(json!({"commit": "0123456789ab"})).await.code(), "policy_refused", "there is no repository");
    // It may, and this server's folder is not there.
    let refused = apply(json!({"content": content})).await;
    assert_eq!((refused.code().as_str(), refused.status.as_u16()), ("policy_refused", 422));
    let events = bed.evidence("policy.refused").await;
    assert!(events.iter().all(|event| event["actor"]["kind"] == "workload"), "{events:#?}");
    // What only looks like it is another.
    for (claim, value) in [
        ("repository_id", json!("778")),
        ("ref", json!("refs/heads/topic")),
        ("event_name", json!("pull_request")),
        ("event_name", Value::Null),
    ] {
        let mut claims = bed.but("repository_id", json!("777"));
        claims["jti"] = json!(issuer::unique());
        claims[claim] = value;
        let mut other = Job::new();
        bed.taken(&mut other, &bed.issuer.token(&claims)).await;
        assert_eq!(bed.get(&other, "/api/v1/policy").await.code(), "forbidden", "{claim}");
        let refused = bed.post(&other, "/api/v1/policy/apply", json!({"content": content})).await;
        assert_eq!(refused.code(), "forbidden", "{claim}");
    }
}

#[tokio::test]
async fn a_stolen_token_is_worth_nothing() {
    let (bed, job) = bed().await;
    let thief = Job { key: Arc::new(Key::ed25519()), token: job.token.clone() };
    let reply = bed.get(&thief, WHOAMI).await;
    assert_eq!(text(&reply.json()["error"], "message"), "the proof is of another key than the sign-in's");
    for scheme in ["Bearer", "bearer", "Basic"] {
        let mut request = job.call(Method::GET, WHOAMI, None);
        let shown = format!("{scheme} {}", job.token).parse().expect("a header");
        request.headers_mut().insert("authorization", shown);
        let reply = bed.world.send(request).await;
        assert_eq!((reply.code().as_str(), reply.status.as_u16()), ("unauthenticated", 401), "{scheme}");
    }
    let person = Job { key: job.key.clone(), token: bed.world.sign_in("dev@example.com").await };
    assert_eq!(bed.get(&person, WHOAMI).await.code(), "unauthenticated", "a person's sign-in is not bound");
    let refused = bed.evidence("token.refused").await;
    let said: Vec<_> = refused.iter().map(|event| text(event, "because")).collect();
    assert!(said.iter().any(|said| said.contains("another key") || said.contains("proof of its key")), "{said:?}");
}

#[tokio::test]
async fn it_is_no_cookie_of_the_console() {
    let (bed, job) = bed().await;
    let mut page = call(Method::GET, "", "/", None, None);
    for name in ["curfew_session", "__Host-curfew_session"] {
        page.headers_mut().append("cookie", format!("{name}={}", job.token).parse().expect("a header"));
    }
    let reply = bed.world.send(page).await;
    assert!(!reply.text.contains("acme/orders") && !reply.text.contains("workload"), "{}", reply.text);
}

#[tokio::test]
async fn signing_out_ends_it() {
    let (bed, job) = bed().await;
    bed.post(&job, "/api/v1/sign-out", json!({})).await.ok();
    assert_eq!(bed.get(&job, WHOAMI).await.code(), "unauthenticated");
}

#[tokio::test]
async fn a_machine_asks_and_never_decides_administers_or_audits() {
    let (bed, job) = bed().await;
    let dev = bed.world.sign_in("dev@example.com").await;
    let asked = bed.world.ask(&dev).await;
    let (request, digest) = (text(&asked, "id"), asked["digest"].clone());
    let active = bed.world.active(&dev).await;
    let grant = text(&active, "id");
    let seq = "/api/v1/audit";
    let closed = [
        ("POST", format!("/api/v1/requests/{request}/approve"), json!({"digest": digest})),
        ("POST", format!("/api/v1/requests/{request}/deny"), json!({"digest": digest, "reason": "no"})),
        ("POST", format!("/api/v1/grants/{grant}/revoke"), json!({"reason": "over now"})),
        ("POST", format!("/api/v1/grants/{grant}/review"), json!({"verdict": "ok", "note": "fine"})),
        ("POST", "/api/v1/revocations".to_owned(), json!({"role": "db-debug", "reason": "over now"})),
        ("POST", "/api/v1/break-glass".to_owned(), json!({"role": "db-debug", "reason": "it burns"})),
        ("GET", "/api/v1/bundles".to_owned(), Value::Null),
        ("POST", "/api/v1/policy/apply".to_owned(), json!({})),
        ("GET", "/api/v1/policy".to_owned(), Value::Null),
        ("POST", "/api/v1/doctor".to_owned(), json!({})),
        ("GET", "/api/v1/connectors".to_owned(), Value::Null),
        ("GET", "/api/v1/who-has?resource=services/db".to_owned(), Value::Null),
        ("GET", format!("{seq}/events"), Value::Null),
        ("GET", format!("{seq}/search"), Value::Null),
        ("POST", format!("{seq}/export"), json!({})),
        ("GET", format!("{seq}/checkpoint"), Value::Null),
    ];
    for (method, path, body) in closed {
        let method: Method = method.parse().expect("a method");
        let body = (!body.is_null()).then_some(body);
        let reply = bed.world.send(job.call(method.clone(), &path, body)).await;
        // What is no endpoint at all proves nothing.
        assert_ne!(reply.status.as_u16(), 405, "{method} {path}");
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (403, "forbidden"),
            "{method} {path} {}",
            reply.text
        );
        assert!(text(&reply.json()["error"], "message").contains("for people"), "{}", reply.text);
    }
    // What is somebody else's is not there.
    for path in [format!("/api/v1/requests/{request}"), format!("/api/v1/grants/{grant}")] {
        assert_eq!(bed.get(&job, &path).await.code(), "not_found", "{path}");
    }
    for (path, body) in [
        (format!("/api/v1/requests/{request}/withdraw"), json!({})),
        (format!("/api/v1/grants/{grant}/activate"), halves(1)),
        (format!("/api/v1/grants/{grant}/return"), json!({})),
        (format!("/api/v1/grants/{grant}/extend"), json!({"duration_seconds": "5m"})),
    ] {
        let reply = bed.post(&job, &path, body).await;
        assert_eq!(reply.code(), "not_found", "{path} {}", reply.text);
    }
    for own in ["requests", "grants", "roles", "whoami"] {
        bed.get(&job, &format!("/api/v1/{own}")).await.ok();
    }
    assert_eq!(bed.world.until(&dev, &grant, "active").await["state"], "active", "nothing came of it");
}

#[tokio::test]
async fn everything_is_closed_to_machines_that_is_not_opened() {
    let open: std::collections::BTreeSet<&str> = [
        "/api/v1/whoami",
        "/api/v1/sign-out",
        "/api/v1/roles",
        "/api/v1/decisions",
        "/api/v1/requests",
        "/api/v1/requests/{id}",
        "/api/v1/requests/{id}/withdraw",
        "/api/v1/grants",
        "/api/v1/grants/{id}",
        "/api/v1/grants/{id}/public-halves",
        "/api/v1/grants/{id}/activate",
        "/api/v1/grants/{id}/return",
        "/api/v1/grants/{id}/extend",
        "/api/v1/events",
        "/api/v1/runs",
        "/api/v1/runs/{id}",
        "/api/v1/runs/{id}/attestation",
        "/api/v1/runs/{id}/beats",
        "/api/v1/runs/{id}/end",
        // For the pipelines that the configuration names; `a_machine_asks...` sees that others are refused.
        "/api/v1/policy",
        "/api/v1/policy/apply",
    ]
    .into();
    let to_anybody =
        ["sign-in", "sign-in-methods", "sign-in/workload", "audit/key", "ssh/ca", "ssh/krl", "ssh/hosts/sync"];
    let document = serde_json::to_value(crate::openapi()).expect("JSON");
    let (bed, job) = bed().await;
    let mut closed = 0;
    for (pattern, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            // What the document says of it.
            let takes = operation["security"].as_array().expect("each says what it takes");
            let is_open = to_anybody.iter().any(|path| *pattern == format!("/api/v1/{path}"));
            let machines = takes.contains(&json!({"bound_token": [], "proof": []}));
            let closed =
                !is_open && (!open.contains(pattern.as_str()) || (pattern == "/api/v1/runs" && method == "get"));
            assert_eq!(machines, !is_open && !closed, "{method} {pattern} {takes:?}");
            assert_eq!(takes.contains(&json!({"token": []})), !is_open, "{method} {pattern} {takes:?}");
        }
        let path = pattern.replace("{id}", "req_00000000000000000000000000");
        let is_open = to_anybody.iter().any(|path| *pattern == format!("/api/v1/{path}"));
        if is_open || open.contains(pattern.as_str()) || path.contains('{') {
            continue;
        }
        for method in methods.as_object().expect("methods").keys() {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let reply = bed.world.send(job.call(method.clone(), &path, Some(json!({})))).await;
            assert_eq!(reply.code(), "forbidden", "{method} {pattern} {}", reply.text);
            closed += 1;
        }
    }
    assert!(closed >= 15, "{closed}");
}
