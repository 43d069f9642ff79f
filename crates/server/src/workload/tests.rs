//! Machines against a whole server, with an issuer on a real socket.

use crate::config;
use crate::endpoints::testing::{POLICY, Reply, World, call, halves, text};
use axum::body::Body;
use curfew_policy::Provider;
use http::{Method, Request};
use issuer::{Issuer, Key, b64};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

#[allow(dead_code, reason = "the end-to-end tests use the rest of it")]
#[path = "../../../curfew/tests/e2e/harness/issuer.rs"]
mod issuer;

/// The world's clock after it was turned by a second.
const NOW: i64 = 1_772_445_601;
const HERE: &str = "http://localhost:7373";
const SIGN_IN: &str = "/api/v1/sign-in/workload";

const PIPELINES: &str = r#"
  - name: hotfix
    requesters:
      - github: {repository_id: "123456", ref: refs/heads/main}
      - gitlab: {project_id: "22", ref: main}
      - kubernetes: {namespace: ci, service_account: deployer}
      - buildkite: {organization_slug: acme, pipeline_slug: deploy}
      - circleci: {project_id: "1f2e3d4c"}
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
"#;

/// A server that believes one issuer, and that issuer.
struct Bed {
    world: World,
    issuer: Issuer,
}

impl Bed {
    async fn new() -> Self {
        Self::of(Provider::Github).await
    }

    async fn of(kind: Provider) -> Self {
        Self::with(kind, Issuer::start()).await
    }

    async fn with(kind: Provider, issuer: Issuer) -> Self {
        Self::ruled(&format!("{POLICY}{PIPELINES}"), kind, issuer).await
    }

    async fn ruled(policy: &str, kind: Provider, issuer: Issuer) -> Self {
        let configured = config::Issuer { name: "ci".to_owned(), kind, url: issuer.url(), audience: None };
        let world = World::vouched(policy, vec![configured]).await;
        world.clock.turn(Duration::from_secs(1));
        Self { world, issuer }
    }

    fn claims(&self) -> Value {
        issuer::github(&self.issuer.url(), HERE, NOW)
    }

    /// Claims that differ in one place; null takes it away.
    fn but(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        if claims[name].is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        }
        claims
    }

    async fn sign_in(&self, job: &Job, token: &str) -> Reply {
        self.world.send(job.signing_in(token)).await
    }

    /// What is said of a token, and that nothing came of it.
    async fn refused(&self, token: &str) -> String {
        let reply = self.sign_in(&Job::new(), token).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "sign_in_refused"), "{}", reply.text);
        text(&reply.json()["error"], "message")
    }

    async fn signed_in(&self, job: &mut Job) -> Value {
        let token = self.issuer.token(&self.claims());
        self.taken(job, &token).await
    }

    async fn taken(&self, job: &mut Job, token: &str) -> Value {
        let signed_in = self.sign_in(job, token).await.ok();
        job.token = text(&signed_in, "token");
        signed_in
    }

    async fn get(&self, job: &Job, path: &str) -> Reply {
        self.world.send(job.call(Method::GET, path, None)).await
    }

    async fn post(&self, job: &Job, path: &str, body: Value) -> Reply {
        self.world.send(job.call(Method::POST, path, Some(body))).await
    }

    /// The details of every event of an action.
    async fn evidence(&self, action: &str) -> Vec<Value> {
        self.world.clock.turn(Duration::from_secs(2));
        self.world.app.refusals.sweep().await;
        let auditor = self.world.sign_in("auditor@example.com").await;
        let found = self.world.get(&auditor, &format!("/api/v1/audit/search?q={action}")).await.ok();
        found["items"].as_array().expect("a list").clone()
    }
}

/// A client in a job, with a key of its own.
struct Job {
    key: Arc<Key>,
    token: String,
}

impl Job {
    fn new() -> Self {
        Self { key: Arc::new(Key::ed25519()), token: String::new() }
    }

    fn proof(&self, method: &Method, path: &str) -> Proof {
        let payload =
            json!({"htm": method.as_str(), "htu": format!("{HERE}{path}"), "iat": NOW, "jti": issuer::unique()});
        let header = json!({"typ": "dpop+jwt", "alg": self.key.algorithm(), "jwk": public(&self.key)});
        let mut proof = Proof { key: self.key.clone(), header, payload };
        if !self.token.is_empty() {
            proof.payload["ath"] = b64(&Sha256::digest(&self.token)).into();
        }
        proof
    }

    fn signing_in(&self, token: &str) -> Request<Body> {
        let proof = Job { key: self.key.clone(), token: String::new() }.proof(&Method::POST, SIGN_IN);
        let mut request = call(Method::POST, "", SIGN_IN, Some(json!({"token": token})), None);
        request.headers_mut().insert("dpop", proof.made().parse().expect("a header"));
        request
    }

    fn call(&self, method: Method, path: &str, body: Option<Value>) -> Request<Body> {
        let proof = self.proof(&method, path.split('?').next().expect("a path"));
        self.call_with(method, path, body, &proof.made())
    }

    fn call_with(&self, method: Method, path: &str, body: Option<Value>, proof: &str) -> Request<Body> {
        let mut request = call(method, "", path, body, None);
        let headers = request.headers_mut();
        headers.insert("authorization", format!("DPoP {}", self.token).parse().expect("a header"));
        headers.insert("dpop", proof.parse().expect("a header"));
        request
    }
}

struct Proof {
    key: Arc<Key>,
    header: Value,
    payload: Value,
}

impl Proof {
    fn made(&self) -> String {
        self.key.token(&self.header, &self.payload)
    }

    fn but(mut self, change: impl FnOnce(&mut Self)) -> String {
        change(&mut self);
        self.made()
    }
}

/// A key as a proof shows it.
fn public(key: &Key) -> Value {
    let mut jwk = key.jwk("");
    for member in ["kid", "use", "alg"] {
        jwk.as_object_mut().expect("an object").remove(member);
    }
    jwk
}

mod artefacts;
mod attestation;
mod calls;
mod policy;
mod runs;
mod sign_in;
mod tokens;
