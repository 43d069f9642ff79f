//! An issuer of tokens on a free loopback port, with real keys, that mints the claims of the providers letter by letter.
//!
//! `curfew-server`'s own tests use this file too.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A key of an issuer.
pub(crate) enum Key {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    pub(crate) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))
    }

    pub(crate) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().expect("a key"))
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    /// Its public half, as it is published.
    pub(crate) fn jwk(&self, id: &str) -> Value {
        let (kind, more) = match self {
            Self::Rsa(key) => {
                let [n, e] = modulus_and_exponent(key.public_key().as_ref());
                ("RSA", json!({"n": b64(&n), "e": b64(&e)}))
            }
            Self::P256(key) => {
                let point = key.public_key().as_ref();
                ("EC", json!({"crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])}))
            }
            Self::Ed25519(key) => ("OKP", json!({"crv": "Ed25519", "x": b64(key.public_key().as_ref())})),
        };
        let mut jwk = json!({"kid": id, "kty": kind, "use": "sig", "alg": self.algorithm()});
        for (name, value) in more.as_object().expect("an object") {
            jwk[name] = value.clone();
        }
        jwk
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signed");
                signature
            }
            Self::P256(key) => key.sign(&random, message).expect("signed").as_ref().to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with any header and claims, whatever they say.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", b64(&signature))
    }
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The two numbers in a PKCS #1 `RSAPublicKey`.
fn modulus_and_exponent(der: &[u8]) -> [Vec<u8>; 2] {
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let long = usize::from(der[1].saturating_sub(0x80)) * usize::from(der[1] > 0x80);
        let length = der[2..2 + long].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let length = if long == 0 { usize::from(der[1]) } else { length };
        der[2 + long..].split_at(length)
    }
    let (sequence, _) = element(der);
    let (modulus, rest) = element(sequence);
    let (exponent, _) = element(rest);
    [modulus, exponent].map(|number| number.iter().copied().skip_while(|byte| *byte == 0).collect())
}

/// What the issuer answers with.
struct Published {
    keys: Vec<Value>,
    /// The `issuer` of the discovery document, where it is not the issuer's own address.
    called: Option<String>,
    /// Every answer waits this long.
    delay: Duration,
    /// What a job that asks with this secret is given: GitHub's way.
    offered: Option<(String, Value)>,
}

struct Shared {
    published: Mutex<Published>,
    key: Mutex<(String, Arc<Key>)>,
    calls: AtomicUsize,
    stopping: AtomicBool,
    address: SocketAddr,
}

/// Somebody who vouches for machines.
pub(crate) struct Issuer {
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
}

impl Issuer {
    pub(crate) fn start() -> Self {
        Self::with(Key::rsa())
    }

    pub(crate) fn with(key: Key) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let published = Published { keys: vec![key.jwk("first")], called: None, delay: Duration::ZERO, offered: None };
        let shared = Arc::new(Shared {
            published: Mutex::new(published),
            key: Mutex::new(("first".to_owned(), Arc::new(key))),
            calls: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            address,
        });
        let serving = shared.clone();
        let server = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), serving) = (stream, serving.clone()) else { continue };
                std::thread::spawn(move || serving.answer(stream));
            }
        });
        Self { shared, server: Some(server) }
    }

    /// Its `iss`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// How often its keys were fetched.
    pub(crate) fn fetches(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// Signs with another key from now on, and publishes only that.
    pub(crate) fn rotate(&self, id: &str, key: Key) {
        self.shared.published.lock().expect("not poisoned").keys = vec![key.jwk(id)];
        *self.shared.key.lock().expect("not poisoned") = (id.to_owned(), Arc::new(key));
    }

    /// Publishes this beside its own key.
    pub(crate) fn publish(&self, jwk: Value) {
        self.shared.published.lock().expect("not poisoned").keys.push(jwk);
    }

    /// Calls itself otherwise.
    pub(crate) fn call_itself(&self, name: &str) {
        self.shared.published.lock().expect("not poisoned").called = Some(name.to_owned());
    }

    /// Answers only after so long.
    pub(crate) fn delay(&self, delay: Duration) {
        self.shared.published.lock().expect("not poisoned").delay = delay;
    }

    /// Gives a token with these claims to whoever asks at [`Issuer::request_url`] with this secret, with the audience asked
    /// for and times of that moment: what GitHub's runners call `ACTIONS_ID_TOKEN_REQUEST_URL` and `..._TOKEN`.
    pub(crate) fn offer(&self, secret: &str, claims: Value) {
        self.shared.published.lock().expect("not poisoned").offered = Some((secret.to_owned(), claims));
    }

    /// Where [`Issuer::offer`] stands.
    pub(crate) fn request_url(&self) -> String {
        format!("{}/id-token?api-version=2.0", self.url())
    }

    /// The token of these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.shared.token(claims)
    }

    /// The key it signs with, and its id.
    pub(crate) fn key(&self) -> (String, Arc<Key>) {
        self.shared.key.lock().expect("not poisoned").clone()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // The listener looks at the flag when somebody comes.
        let _ = TcpStream::connect(self.shared.address);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

impl Shared {
    fn token(&self, claims: &Value) -> String {
        let (id, key) = self.key.lock().expect("not poisoned").clone();
        key.token(&json!({"typ": "JWT", "alg": key.algorithm(), "kid": id}), claims)
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && head.len() < 16 * 1024 {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Ok(_) | Err(_) => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        std::thread::sleep(self.published.lock().expect("not poisoned").delay);
        let (status, body) = match path.as_str() {
            "/.well-known/openid-configuration" => ("200 OK", self.document()),
            "/keys" => {
                self.calls.fetch_add(1, Ordering::SeqCst);
                ("200 OK", json!({"keys": self.published.lock().expect("not poisoned").keys}))
            }
            path if path.starts_with("/id-token?") => self.give(path, &head),
            _ => ("404 Not Found", json!({})),
        };
        let body = body.to_string();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
    }

    fn document(&self) -> Value {
        let called = self.published.lock().expect("not poisoned").called.clone();
        let own = format!("http://{}", self.address);
        json!({
            "issuer": called.unwrap_or_else(|| own.clone()),
            "jwks_uri": format!("{own}/keys"),
            "subject_types_supported": ["public"],
            "response_types_supported": ["id_token"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
        })
    }

    fn give(&self, path: &str, head: &str) -> (&'static str, Value) {
        let offered = self.published.lock().expect("not poisoned").offered.clone();
        let Some((secret, mut claims)) = offered else { return ("404 Not Found", json!({})) };
        let asks = head.lines().any(|line| {
            line.split_once(':').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("authorization")
                    && value.trim().eq_ignore_ascii_case(&format!("bearer {secret}"))
            })
        });
        if !asks {
            return ("401 Unauthorized", json!({}));
        }
        let audience = path.split(['?', '&']).find_map(|part| part.strip_prefix("audience=")).unwrap_or_default();
        claims["aud"] = unescaped(audience).into();
        timed(&mut claims, now());
        claims["jti"] = unique().into();
        ("200 OK", json!({"count": 1, "value": self.token(&claims)}))
    }
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        rest = match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                &after[2..]
            }
            (byte, _) => {
                bytes.push(*byte);
                after
            }
        };
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// Seconds since 1970 by this machine's clock.
#[allow(clippy::disallowed_methods, reason = "an issuer is outside of the program under test")]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("before the year 9999")
}

/// A text that no other call gives.
pub(crate) fn unique() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{:032x}", (u128::from(std::process::id()) << 64) | COUNT.fetch_add(1, Ordering::SeqCst) as u128)
}

/// Puts times on claims as providers do: good from now for five minutes.
pub(crate) fn timed(claims: &mut Value, now: i64) {
    claims["iat"] = now.into();
    claims["nbf"] = (now - 5).into();
    claims["exp"] = (now + 300).into();
}

/// Claims with their `iss`, `aud`, `jti` and times.
fn finished(mut claims: Value, issuer: &str, audience: &str, now: i64) -> Value {
    claims["iss"] = issuer.into();
    claims["aud"] = audience.into();
    claims["jti"] = unique().into();
    timed(&mut claims, now);
    claims
}

/// GitHub Actions: a push to the main branch of `acme/orders`, in its environment `production`. Source: GitHub's reference of
/// the claims of its tokens.
pub(crate) fn github(issuer: &str, audience: &str, now: i64) -> Value {
    let claims = json!({
        "sub": "repo:acme/orders:environment:production",
        "ref": "refs/heads/main",
        "sha": "c0ffee254729296a45a3885639ac7e10f9d54979",
        "repository": "acme/orders",
        "repository_owner": "acme",
        "repository_owner_id": "65",
        "run_id": "9876543210",
        "run_number": "10",
        "run_attempt": "1",
        "repository_visibility": "private",
        "repository_id": "123456",
        "actor_id": "583231",
        "actor": "eve",
        "workflow": "hotfix",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_protected": "true",
        "ref_type": "branch",
        "environment": "production",
        "workflow_ref": "acme/orders/.github/workflows/hotfix.yml@refs/heads/main",
        "workflow_sha": "c0ffee254729296a45a3885639ac7e10f9d54979",
        "job_workflow_ref": "acme/orders/.github/workflows/hotfix.yml@refs/heads/main",
        "job_workflow_sha": "c0ffee254729296a45a3885639ac7e10f9d54979",
        "runner_environment": "github-hosted",
        "check_run_id": "41",
    });
    finished(claims, issuer, audience, now)
}

/// GitLab CI: a push to the main branch of `acme/orders`. Source: GitLab's documentation of ID tokens.
pub(crate) fn gitlab(issuer: &str, audience: &str, now: i64) -> Value {
    let claims = json!({
        "namespace_id": "72",
        "namespace_path": "acme",
        "project_id": "22",
        "project_path": "acme/orders",
        "user_id": "42",
        "user_login": "eve",
        "user_email": "eve@example.com",
        "user_access_level": "developer",
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "job_project_id": "22",
        "job_project_path": "acme/orders",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "groups_direct": ["acme", "acme/ops"],
        "environment": "production",
        "environment_protected": "true",
        "deployment_tier": "production",
        "environment_action": "start",
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "project_visibility": "private",
        "ci_config_ref_uri": "gitlab.example.com/acme/orders//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "sub": "project_path:acme/orders:ref_type:branch:ref:main",
    });
    finished(claims, issuer, audience, now)
}

/// Kubernetes: a projected token of service account `ci/deployer` in a pod. Source: the Kubernetes documentation of bound
/// service account tokens.
pub(crate) fn kubernetes(issuer: &str, audience: &str, now: i64) -> Value {
    let claims = json!({
        "kubernetes.io": {
            "namespace": "ci",
            "node": {"name": "worker-1", "uid": "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1"},
            "pod": {"name": "deploy-x7", "uid": "5e0bd49b-f040-43b0-99b7-22765a53f7f3"},
            "serviceaccount": {"name": "deployer", "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},
        },
        "sub": "system:serviceaccount:ci:deployer",
    });
    let mut claims = finished(claims, issuer, audience, now);
    claims["aud"] = json!([audience]);
    claims["exp"] = (now + 3_600).into();
    claims
}

/// Buildkite: a build of pipeline `deploy` of `acme`. Source: Buildkite's documentation of OIDC tokens.
pub(crate) fn buildkite(issuer: &str, audience: &str, now: i64) -> Value {
    let claims = json!({
        "sub": "organization:acme:pipeline:deploy:ref:refs/heads/main:commit:9f3182061f1e2cca4702c368cbc039b7dc9d4485:step:build",
        "organization_slug": "acme",
        "organization_id": "018a4b5e-6b0a-4b0a-8a5e-6b0a4b0a8a5e",
        "pipeline_slug": "deploy",
        "pipeline_id": "018a4b5e-6b0a-4b0a-8a5e-6b0a4b0a8a5f",
        "build_number": 1234,
        "build_branch": "main",
        "build_tag": null,
        "build_commit": "9f3182061f1e2cca4702c368cbc039b7dc9d4485",
        "build_source": "webhook",
        "step_key": "build",
        "job_id": "0184990a-477b-4fa8-9968-496074483cee",
        "agent_id": "0184990a-4782-42b5-afc1-16715b10b8ff",
        "runner_environment": "self-hosted",
    });
    finished(claims, issuer, audience, now)
}

/// CircleCI: a job of a project. It has no `jti`. Source: CircleCI's documentation of OpenID Connect tokens.
pub(crate) fn circleci(issuer: &str, audience: &str, now: i64) -> Value {
    let claims = json!({
        "sub": "org/9f1a/project/1f2e3d4c/user/77aa",
        "oidc.circleci.com/project-id": "1f2e3d4c",
        "oidc.circleci.com/org-id": "9f1a",
        "oidc.circleci.com/context-ids": ["1f2e"],
        "oidc.circleci.com/vcs-origin": "github.com/acme/orders",
        "oidc.circleci.com/vcs-ref": "refs/heads/main",
        "oidc.circleci.com/workflow-id": "a3f2c1d0-0000-4000-8000-000000000001",
        "oidc.circleci.com/job-id": "a3f2c1d0-0000-4000-8000-000000000002",
        "oidc.circleci.com/ssh-rerun": false,
    });
    let mut claims = finished(claims, issuer, audience, now);
    let members = claims.as_object_mut().expect("an object");
    members.remove("jti");
    members.remove("nbf");
    claims["exp"] = (now + 3_600).into();
    claims
}
