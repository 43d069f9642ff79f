//! One token, one sign-in.

use super::*;

#[tokio::test]
async fn the_same_token_with_the_same_key_is_the_same_sign_in() {
    let bed = Bed::new().await;
    let (mut job, token) = (Job::new(), bed.issuer.token(&bed.claims()));
    let first = bed.taken(&mut job, &token).await;
    bed.world.clock.turn(Duration::from_secs(30));
    let again = bed.sign_in(&job, &token).await.ok();
    assert_eq!(again, first, "a lost answer is given again");
    assert_eq!(bed.evidence("sign_in.accepted").await.iter().filter(|e| e["actor"]["kind"] == "workload").count(), 1);
}

#[tokio::test]
async fn with_another_key_it_is_refused_whoever_comes_first() {
    let bed = Bed::new().await;
    let token = bed.issuer.token(&bed.claims());
    bed.sign_in(&Job::new(), &token).await.ok();
    let said = bed.refused(&token).await;
    assert_eq!(said, "the token was used before, with another key");
    let refused = bed.evidence("sign_in.refused").await;
    let claimed = format!("github run 9876543210, {}|repo:acme/orders:environment:production", bed.issuer.url());
    assert_eq!(refused[0]["details"]["claimed"], claimed);
    assert_eq!(refused[0]["because"], "the token was used before, with another key");
}

#[tokio::test]
async fn of_many_at_one_moment_a_single_key_gets_in() {
    let bed = Bed::new().await;
    let token = bed.issuer.token(&bed.claims());
    let jobs: Vec<Job> = (0..12).map(|_| Job::new()).collect();
    let all = futures::future::join_all(jobs.iter().map(|job| bed.sign_in(job, &token))).await;
    assert_eq!(all.iter().filter(|reply| reply.status == 200).count(), 1);
    let same = Job::new();
    let token = bed.issuer.token(&bed.claims());
    let all = futures::future::join_all((0..12).map(|_| bed.sign_in(&same, &token))).await;
    let tokens: std::collections::BTreeSet<_> = all.iter().map(|reply| text(&reply.ok(), "token")).collect();
    assert_eq!(tokens.len(), 1, "one key is one sign-in, however often it asks");
}

#[tokio::test]
async fn a_token_without_a_jti_is_known_by_its_text() {
    let bed = Bed::new().await;
    let (id, key) = bed.issuer.key();
    let without = key.token(&json!({"alg": "RS256", "kid": id}), &bed.but("jti", Value::Null));
    bed.sign_in(&Job::new(), &without).await.ok();
    assert!(bed.refused(&without).await.contains("used before"));
    // The same `jti` under another text is the same token.
    let first = bed.claims();
    bed.sign_in(&Job::new(), &bed.issuer.token(&first)).await.ok();
    let mut again = first;
    again["extra"] = json!("x");
    assert!(bed.refused(&bed.issuer.token(&again)).await.contains("used before"));
}

#[tokio::test]
async fn a_second_signature_of_one_text_is_no_second_token() {
    let bed = Bed::with(Provider::Github, Issuer::with(Key::p256())).await;
    let claims = bed.but("jti", Value::Null);
    // ES256 signs with chance in it: one text has as many signatures as one likes.
    let (one, two) = (bed.issuer.token(&claims), bed.issuer.token(&claims));
    assert_ne!(one, two);
    bed.sign_in(&Job::new(), &one).await.ok();
    assert!(bed.refused(&two).await.contains("used before"));
}

#[tokio::test]
async fn a_sign_in_outlives_its_token_and_ends() {
    let bed = Bed::new().await;
    let mut job = Job::new();
    let signed_in = bed.signed_in(&mut job).await;
    assert_eq!(text(&signed_in, "expires_at"), "2026-03-02T22:00:01.000Z", "twelve hours, whatever the token says");
    bed.world.clock.turn(Duration::from_secs(12 * 3_600));
    let proof = job.proof(&Method::GET, "/api/v1/whoami").but(|proof| proof.payload["iat"] = json!(NOW + 12 * 3_600));
    let reply = bed.world.send(job.call_with(Method::GET, "/api/v1/whoami", None, &proof)).await;
    assert_eq!((reply.code().as_str(), reply.status.as_u16()), ("unauthenticated", 401));
}

#[tokio::test]
async fn a_token_that_lives_longer_than_its_sign_in_gives_no_second_one() {
    let bed = Bed::new().await;
    let job = Job::new();
    let token = bed.issuer.token(&bed.but("exp", json!(NOW + 86_000)));
    bed.sign_in(&job, &token).await.ok();
    bed.world.clock.turn(Duration::from_secs(13 * 3_600));
    let proof = job.proof(&Method::POST, SIGN_IN).but(|proof| proof.payload["iat"] = json!(NOW + 13 * 3_600));
    let mut request = call(Method::POST, "", SIGN_IN, Some(json!({"token": token})), None);
    request.headers_mut().insert("dpop", proof.parse().expect("a header"));
    let reply = bed.world.send(request).await;
    assert_eq!(text(&reply.json()["error"], "message"), "the sign-in that this token was exchanged for is over");
}

#[tokio::test]
async fn what_is_accepted_is_evidence_with_the_run() {
    let bed = Bed::new().await;
    bed.signed_in(&mut Job::new()).await;
    let accepted = bed.evidence("sign_in.accepted").await;
    let event = accepted.iter().find(|event| event["actor"]["kind"] == "workload").expect("evidence");
    for (name, value) in [
        ("issuer", "ci"),
        ("run", "github run 9876543210"),
        ("sub", "repo:acme/orders:environment:production"),
        ("claim.repository_id", "123456"),
        ("claim.ref", "refs/heads/main"),
        ("claim.event_name", "push"),
        ("claim.actor_id", "583231"),
    ] {
        assert_eq!(event["details"][name], value, "{name}");
    }
    assert!(!event.to_string().contains("cfw_"), "{event}");
}

#[tokio::test]
async fn signing_in_takes_a_proof_and_an_issuer() {
    let bed = Bed::new().await;
    let token = bed.issuer.token(&bed.claims());
    let reply = bed.world.post("", SIGN_IN, json!({"token": token})).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "proof_refused"));
    assert!(reply.headers["www-authenticate"].to_str().expect("ASCII").starts_with("DPoP algs="));
    let job = Job { key: Arc::new(Key::ed25519()), token: "cfw_x".to_owned() };
    let mut with_token = job.signing_in(&token);
    let proof = job.proof(&Method::POST, SIGN_IN).made();
    with_token.headers_mut().insert("dpop", proof.parse().expect("a header"));
    assert_eq!(bed.world.send(with_token).await.code(), "proof_refused", "a proof for a token is none for signing in");
    let rsa = Job { key: Arc::new(Key::rsa()), token: String::new() };
    assert_eq!(bed.sign_in(&rsa, &token).await.code(), "proof_refused");
    let p256 = Job { key: Arc::new(Key::p256()), token: String::new() };
    bed.sign_in(&p256, &token).await.ok();
    let nobody = World::new().await;
    nobody.clock.turn(Duration::from_secs(1));
    let reply = nobody.send(Job::new().signing_in(&token)).await;
    assert_eq!(
        (reply.code().as_str(), text(&reply.json()["error"], "message").contains("no issuers")),
        ("sign_in_refused", true)
    );
}

#[tokio::test]
async fn too_many_sign_ins_from_one_place_have_to_wait() {
    let bed = Bed::new().await;
    let mut codes = std::collections::BTreeSet::new();
    for _ in 0..1_005 {
        codes.insert(bed.world.post("", SIGN_IN, json!({"token": "x"})).await.code());
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["proof_refused", "rate_limited"]);
}
