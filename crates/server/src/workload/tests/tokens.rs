//! Which tokens are believed.

use super::*;

#[tokio::test]
async fn every_provider_s_token_is_taken_for_what_it_is() {
    let cases: [(Provider, fn(&str, &str, i64) -> Value, &str, &str, Option<&str>); 6] = [
        (Provider::Github, issuer::github, "github", "9876543210", Some("acme/orders")),
        (Provider::Gitlab, issuer::gitlab, "gitlab", "574", Some("acme/orders")),
        (
            Provider::Kubernetes,
            issuer::kubernetes,
            "kubernetes",
            "5e0bd49b-f040-43b0-99b7-22765a53f7f3",
            Some("ci/deployer"),
        ),
        (Provider::Buildkite, issuer::buildkite, "buildkite", "acme/deploy/1234", Some("acme/deploy")),
        (
            Provider::Circleci,
            issuer::circleci,
            "circleci",
            "a3f2c1d0-0000-4000-8000-000000000001",
            Some("github.com/acme/orders"),
        ),
        (Provider::Oidc, issuer::buildkite, "oidc", "", None),
    ];
    for (kind, claims, provider, run, name) in cases {
        let bed = Bed::of(kind).await;
        let claims = claims(&bed.issuer.url(), HERE, NOW);
        let signed_in = bed.sign_in(&Job::new(), &bed.issuer.token(&claims)).await.ok();
        assert!(text(&signed_in, "token").starts_with("cfw_"));
        assert_eq!(signed_in["run"]["provider"], provider);
        let run = if run.is_empty() { text(&claims, "jti") } else { run.to_owned() };
        assert_eq!(text(&signed_in["run"], "id"), run);
        assert_eq!(signed_in["heartbeat_window_seconds"], 60);
        let subject = &signed_in["subject"];
        let id = format!("{}|{}", bed.issuer.url(), text(&claims, "sub"));
        assert_eq!((&subject["kind"], &subject["id"]), (&"workload".into(), &id.into()));
        assert_eq!((subject["name"].as_str(), &subject["email"]), (name, &Value::Null));
    }
}

#[tokio::test]
async fn keys_of_each_kind_are_taken() {
    for key in [Key::rsa(), Key::p256(), Key::ed25519()] {
        let bed = Bed::with(Provider::Github, Issuer::with(key)).await;
        bed.sign_in(&Job::new(), &bed.issuer.token(&bed.claims())).await.ok();
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    let bed = Bed::new().await;
    for audience in [
        json!("https://other.example.com"),
        json!("http://localhost:7373/"),
        json!("HTTP://LOCALHOST:7373"),
        json!(["https://other.example.com"]),
    ] {
        let said = bed.refused(&bed.issuer.token(&bed.but("aud", audience))).await;
        assert_eq!(said, "the token's `aud` is not this server's audience");
    }
    for no_audience in [json!(null), json!([]), json!(7), json!([HERE, 7]), json!({"x": HERE})] {
        let said = bed.refused(&bed.issuer.token(&bed.but("aud", no_audience))).await;
        assert!(said.contains("lacks one of"), "{said}");
    }
    let among_others = bed.but("aud", json!(["https://other.example.com", HERE]));
    bed.sign_in(&Job::new(), &bed.issuer.token(&among_others)).await.ok();
}

#[tokio::test]
async fn an_issuer_is_known_by_its_name_letter_by_letter() {
    let bed = Bed::new().await;
    let url = bed.issuer.url();
    for other in [format!("{url}/"), url.to_uppercase(), "https://token.actions.githubusercontent.com".to_owned()] {
        let said = bed.refused(&bed.issuer.token(&bed.but("iss", json!(other)))).await;
        assert_eq!(said, "the token's `iss` is none of this server's issuers, letter by letter", "{other}");
    }
    assert_eq!(bed.issuer.fetches(), 0, "nobody is asked about a stranger's token");
}

#[tokio::test]
async fn tokens_without_what_they_need_are_refused() {
    let bed = Bed::new().await;
    for missing in ["iss", "aud", "sub", "exp", "iat"] {
        let said = bed.refused(&bed.issuer.token(&bed.but(missing, Value::Null))).await;
        assert!(said.contains("lacks one of"), "{missing}: {said}");
    }
    for (name, value, why) in [
        ("exp", json!(NOW - 60), "has expired"),
        ("iat", json!(NOW + 61), "not valid yet"),
        ("nbf", json!(NOW + 61), "not valid yet"),
        ("exp", json!(NOW + 86_401), "longer than 24 hours"),
        ("exp", json!((NOW + 300).to_string()), "no whole number"),
        ("iat", json!(NOW.to_string()), "no whole number"),
        ("iat", json!(NOW as f64 + 0.5), "no whole number"),
        ("sub", json!("s".repeat(513)), "lacks one of"),
        ("sub", json!(7), "lacks one of"),
        ("jti", json!(7), "lacks one of"),
        ("run_id", Value::Null, "which run"),
    ] {
        let said = bed.refused(&bed.issuer.token(&bed.but(name, value.clone()))).await;
        assert!(said.contains(why), "{name} {value}: {said}");
    }
    let long = bed.issuer.token(&bed.but("repository", json!("x".repeat(16 * 1024))));
    assert_eq!(bed.sign_in(&Job::new(), &long).await.code(), "out_of_bounds");
    let expired = bed.issuer.token(&bed.but("exp", json!(NOW - 59)));
    bed.sign_in(&Job::new(), &expired).await.ok();
}

#[tokio::test]
async fn nobody_chooses_an_algorithm() {
    let bed = Bed::new().await;
    let (id, key) = bed.issuer.key();
    let claims = bed.claims();
    let (other, p256) = (Key::rsa(), Key::p256());
    bed.issuer.publish(p256.jwk("curve"));
    let header = |alg: &str, kid: &str| json!({"typ": "JWT", "alg": alg, "kid": kid});
    // `none`, with and without something in the place of the signature.
    for alg in ["none", "None", "NONE", "", "HS256", "HS384", "RS384", "RS512", "PS256", "ES384", "ES256K"] {
        let said = bed.refused(&key.token(&header(alg, &id), &claims)).await;
        assert!(said.contains("otherwise than with RS256, ES256 or EdDSA"), "{alg}: {said}");
    }
    let unsigned = key.token(&header("none", &id), &claims);
    let (unsigned, _) = unsigned.rsplit_once('.').expect("three parts");
    bed.refused(&format!("{unsigned}.")).await;
    let without = key.token(&json!({"typ": "JWT", "kid": id}), &claims);
    assert!(bed.refused(&without).await.contains("otherwise than with"));
    // The public key taken for a shared secret.
    let shared = |message: &[u8]| {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = <Hmac<Sha256>>::new_from_slice(key.jwk(&id).to_string().as_bytes()).expect("a key");
        mac.update(message);
        b64(&mac.finalize().into_bytes())
    };
    for alg in ["HS256", "RS256"] {
        let signed = format!("{}.{}", b64(header(alg, &id).to_string().as_bytes()), b64(claims.to_string().as_bytes()));
        bed.refused(&format!("{signed}.{}", shared(signed.as_bytes()))).await;
    }
    // Another key, another kind of key, and a key of the right kind under the wrong word.
    for (signer, alg, kid) in [
        (&other, "RS256", id.as_str()),
        (&p256, "RS256", id.as_str()),
        (&p256, "ES256", id.as_str()),
        (&p256, "RS256", "curve"),
        (&p256, "EdDSA", "curve"),
        (&*key, "ES256", id.as_str()),
        (&*key, "RS256", "curve"),
    ] {
        let said = bed.refused(&signer.token(&header(alg, kid), &claims)).await;
        assert_eq!(said, "the token's signature does not hold", "{alg} {kid}");
    }
    assert!(bed.refused(&key.token(&json!({"typ": "JWT", "alg": "RS256"}), &claims)).await.contains("`kid`"));
    assert_eq!(
        bed.refused(&key.token(&header("RS256", "made-up"), &claims)).await,
        "the token's issuer has no such key"
    );
    // A key that the token brings along is nobody's.
    let mut own = header("RS256", &id);
    own["jwk"] = other.jwk(&id);
    own["jku"] = json!("http://127.0.0.1:1/keys");
    assert_eq!(bed.refused(&other.token(&own, &claims)).await, "the token's signature does not hold");
    let mut critical = header("RS256", &id);
    critical["crit"] = json!(["exp"]);
    assert!(bed.refused(&key.token(&critical, &claims)).await.contains("no token of an issuer"));
    let mut access = header("RS256", &id);
    access["typ"] = json!("at+jwt");
    assert!(bed.refused(&key.token(&access, &claims)).await.contains("no token of an issuer"));
    bed.sign_in(&Job::new(), &p256.token(&header("ES256", "curve"), &claims)).await.ok();
}

#[tokio::test]
async fn weak_keys_are_none() {
    let bed = Bed::new().await;
    let n = b64(&[0xC1; 128]);
    bed.issuer.publish(json!({"kid": "weak", "kty": "RSA", "n": n, "e": "AQAB"}));
    bed.issuer.publish(json!({"kid": "shared", "kty": "oct", "k": b64(&[7; 32]), "alg": "HS256"}));
    let (_, key) = bed.issuer.key();
    for kid in ["weak", "shared"] {
        let token = key.token(&json!({"alg": "RS256", "kid": kid}), &bed.claims());
        assert_eq!(bed.refused(&token).await, "the token's issuer has no such key");
    }
}

#[tokio::test]
async fn what_was_changed_on_the_way_does_not_hold() {
    let bed = Bed::new().await;
    let token = bed.issuer.token(&bed.claims());
    let parts: Vec<&str> = token.split('.').collect();
    let stolen = b64(bed.but("repository_id", json!("999")).to_string().as_bytes());
    assert_eq!(
        bed.refused(&format!("{}.{stolen}.{}", parts[0], parts[2])).await,
        "the token's signature does not hold"
    );
    for broken in [format!("{}.{}", parts[0], parts[1]), format!("{token}."), format!("{token}="), format!(" {token}")]
    {
        assert!(bed.refused(&broken).await.contains("no token of an issuer"), "{broken}");
    }
    let twice = format!(r#"{{"sub": "x", {}"#, &bed.claims().to_string()[1..]);
    let (id, key) = bed.issuer.key();
    let signed =
        format!("{}.{}", b64(json!({"alg": "RS256", "kid": id}).to_string().as_bytes()), b64(twice.as_bytes()));
    let token = format!("{signed}.{}", b64(&key.sign(signed.as_bytes())));
    assert!(bed.refused(&token).await.contains("no key twice"));
}

#[tokio::test]
async fn two_claims_of_one_name_are_none() {
    let bed = Bed::of(Provider::Kubernetes).await;
    let mut claims = issuer::kubernetes(&bed.issuer.url(), HERE, NOW);
    claims["kubernetes.io.namespace"] = json!("kube-system");
    assert!(bed.refused(&bed.issuer.token(&claims)).await.contains("have one name"));
}

#[tokio::test]
async fn an_issuer_that_calls_itself_otherwise_vouches_for_nobody() {
    let bed = Bed::new().await;
    bed.issuer.call_itself(&format!("{}/", bed.issuer.url()));
    let reply = bed.sign_in(&Job::new(), &bed.issuer.token(&bed.claims())).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "unavailable"), "{}", reply.text);
    assert_eq!(bed.issuer.fetches(), 0, "its keys are not even looked at");
}

#[tokio::test]
async fn a_flood_of_made_up_keys_slows_nobody() {
    let bed = Bed::new().await;
    bed.sign_in(&Job::new(), &bed.issuer.token(&bed.claims())).await.ok();
    // Both of its answers together take less than the five seconds it has.
    bed.issuer.delay(Duration::from_secs(2));
    bed.world.clock.turn(Duration::from_secs(60));
    let (_, key) = bed.issuer.key();
    let flood = (0..40).map(|n| key.token(&json!({"alg": "RS256", "kid": format!("made up {n}")}), &bed.claims()));
    let made: Vec<_> = flood.map(|token| later(&Job::new(), &token)).collect();
    let router = bed.world.router.clone();
    let mut flooding = tokio::task::JoinSet::new();
    for request in made {
        let router = router.clone();
        flooding.spawn(async move { tower::ServiceExt::oneshot(router, request).await.expect("an answer").status() });
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let known = later(&Job::new(), &bed.issuer.token(&bed.claims()));
    bed.world.send(known).await.ok();
    assert!(flooding.try_join_next().is_none(), "who has a known key does not wait for the issuer as the others do");
    while let Some(status) = flooding.join_next().await {
        assert_eq!(status.expect("no panic").as_u16(), 401);
    }
    assert_eq!(bed.issuer.fetches(), 2, "a minute has one fetch");
}

/// A sign-in a minute later than the others here, from another machine each: only keys are the question.
fn later(job: &Job, token: &str) -> Request<Body> {
    let proof = job.proof(&Method::POST, SIGN_IN).but(|proof| proof.payload["iat"] = json!(NOW + 60));
    let mut request = call(Method::POST, "", SIGN_IN, Some(json!({"token": token})), None);
    request.headers_mut().insert("dpop", proof.parse().expect("a header"));
    let end = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
    request.extensions_mut().insert(crate::edge::Peer { remote: end(50_000), local: end(7_373) });
    request
}

#[tokio::test]
async fn a_new_key_is_known_within_a_minute_and_an_old_one_gone_within_ten() {
    let bed = Bed::new().await;
    let (old_id, old) = bed.issuer.key();
    bed.sign_in(&Job::new(), &bed.issuer.token(&bed.claims())).await.ok();
    bed.issuer.rotate("second", Key::p256());
    assert_eq!(bed.refused(&bed.issuer.token(&bed.claims())).await, "the token's issuer has no such key");
    bed.world.clock.turn(Duration::from_secs(60));
    bed.world.send(later(&Job::new(), &bed.issuer.token(&bed.claims()))).await.ok();
    let withdrawn = old.token(&json!({"alg": "RS256", "kid": old_id}), &bed.claims());
    let reply = bed.world.send(later(&Job::new(), &withdrawn)).await;
    assert_eq!(reply.code(), "sign_in_refused", "{}", reply.text);
}
