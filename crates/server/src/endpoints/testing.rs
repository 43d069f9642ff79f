//! A whole server without a socket: a ledger in memory, a fake PostgreSQL, a clock that is turned by hand.

use crate::app::{App, Readiness, Stopping};
use crate::assembly::{Making, app};
use crate::config::{Config, Issuer, PolicyOrigin, Setting, Sources};
use crate::edge::Peer;
use crate::hooks::Hooks;
use crate::policy_source::{DeskParts, PolicyDesk, PolicySource};
use crate::secrets::Resolver;
use crate::workload::Issuers;
use axum::Router;
use axum::body::Body;
use curfew_connectors::postgres::KIND;
use curfew_connectors::postgres::fake::FakePostgres;
use curfew_domain::{ResourceName, Timestamp};
use curfew_engine::keyring::{Keyring, SealKey};
use curfew_engine::seams::connector::{CallError, LedgerMark};
use curfew_engine::seams::host_desk::{Authority, HostDuties, HostReport};
use curfew_engine::seams::{BoxFuture, Clock, Entropy, HostDesk, Store};
use curfew_engine::{Audience, Engine, EngineParts, Pipelines, Unnamed};
use curfew_policy::{PolicySet, Purpose, SourceFile, Workload, check};
use curfew_store::MemoryStore;
use http::{HeaderMap, Method, Request, StatusCode};
use secrecy::SecretString;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

/// One role that a person approves, one that nobody has to.
pub(crate) const POLICY: &str = r#"
administrators: [root@example.com]
auditors: [auditor@example.com]
resources:
  - {name: services/db, connector: postgres}
roles:
  - name: db-debug
    duration: 2h
    conditions: [{resource: services/db, actions: [read, write]}]
    approvers: [lead@example.com, second@example.com]
  - name: db-look
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
    constraints: {justification: {min_length: 5}}
"#;

/// Starts at a whole hour in 2026 and moves when told to.
#[derive(Debug)]
pub(crate) struct Hands(AtomicI64);

impl Hands {
    pub(crate) fn turn(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).expect("short"), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(1_772_445_600_000 + self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length.min(Duration::from_millis(50))))
    }
}

/// Bytes that differ from draw to draw.
#[derive(Debug, Default)]
pub(crate) struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5bd1_e995;
            chunk.copy_from_slice(&next.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A desk that knows `hosts/web` and orders one session to be ended.
struct Desk;

impl HostDesk for Desk {
    fn authorities<'a>(&'a self, _: Option<&'a ResourceName>) -> BoxFuture<'a, Result<Vec<Authority>, CallError>> {
        let resource = ResourceName::new("hosts/web").expect("a name");
        Box::pin(async { Ok(vec![Authority { resource, number: 1, public_key: "ssh-ed25519 AAAA".to_owned() }]) })
    }
    fn revocation_list<'a>(&'a self, _: Option<&'a ResourceName>) -> BoxFuture<'a, Result<Vec<u8>, CallError>> {
        Box::pin(async { Ok(b"SSHKRL\n\0".to_vec()) })
    }
    fn sync<'a>(
        &'a self,
        resource: &'a ResourceName,
        host: &'a str,
        report: HostReport,
    ) -> BoxFuture<'a, Result<HostDuties, CallError>> {
        Box::pin(async move {
            Ok(HostDuties {
                authorities: self.authorities(Some(resource)).await?,
                revocation_list: String::new(),
                end_serials: report.sessions.iter().map(|session| session.serial).collect(),
                principals: [(format!("{resource}:{host}"), vec!["deploy".to_owned()])].into(),
                poll_seconds: 1,
                mark: LedgerMark::default(),
            })
        })
    }
    fn rotate<'a>(&'a self, resource: &'a ResourceName) -> BoxFuture<'a, Result<Vec<Authority>, CallError>> {
        self.authorities(Some(resource))
    }
}

/// The server and everything behind it.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) clock: Arc<Hands>,
    pub(crate) target: Arc<FakePostgres>,
    pub(crate) stop: watch::Sender<Stopping>,
    _engine: JoinSet<()>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("JSON: {}", self.text))
    }

    /// The error's code; empty on success.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The body of a success.
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        self.json()
    }
}

pub(crate) fn policy(text: &str) -> PolicySet {
    let file = SourceFile { path: "policy.yaml".to_owned(), bytes: text.as_bytes().to_vec() };
    let checked = check(&[file], &[&KIND], Purpose::Load);
    checked.set.unwrap_or_else(|| panic!("a policy: {:?}", checked.problems))
}

/// The pipeline that deploys policies.
fn deployer() -> Workload {
    Workload::from_json(r#"{"github": {"repository_id": "777", "ref": "refs/heads/main"}}"#).expect("sound")
}

pub(crate) fn config(setting: Setting) -> Config {
    let sources = Sources { setting, file: None, lookup: &|_| None, names: Vec::new(), overrides: Vec::new() };
    Config::load(&sources).expect("a configuration")
}

impl World {
    /// As `serve` would be: who administers is what the policy says.
    pub(crate) async fn new() -> Self {
        Self::with(POLICY).await
    }

    pub(crate) async fn with(text: &str) -> Self {
        Self::vouched(text, Vec::new()).await
    }

    /// With issuers of machines.
    pub(crate) async fn vouched(text: &str, issuers: Vec<Issuer>) -> Self {
        Self::of(text, issuers, Hooks::new(&[], &|_| None).expect("no secrets")).await
    }

    /// With hooks of providers.
    pub(crate) async fn hooked(hooks: Hooks) -> Self {
        Self::of(POLICY, Vec::new(), hooks).await
    }

    async fn of(text: &str, issuers: Vec<Issuer>, hooks: Hooks) -> Self {
        let clock = Arc::new(Hands(AtomicI64::new(0)));
        let entropy = Arc::new(Counting::default());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let target = Arc::new(FakePostgres::new(clock.clone()));
        let secrets = Resolver::new(Default::default(), Box::new(|_| None));
        let name = ResourceName::new("services/db").expect("a name");
        secrets.give(name, SecretString::from("postgres://manager:hunter2@127.0.0.1/orders"));
        let engine = Arc::new(Engine::new(EngineParts {
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            connectors: vec![target.clone()],
            secrets: Arc::new(secrets),
            policy: policy(text),
            audience: Audience { mail_from: "curfew@example.com".parse().ok(), webhooks: vec!["siem".to_owned()] },
            unnamed: Unnamed::Nobody,
            pipelines: Pipelines {
                issuers: issuers.iter().map(|issuer| (issuer.name.clone(), issuer.kind)).collect(),
                ..Pipelines::default()
            },
        }));
        let keyring = Keyring::new(store.clone(), clock.clone(), entropy.clone(), SealKey::new([7; 32]));
        let (stop, stopping) = watch::channel(Stopping::No);
        let source = PolicySource {
            origin: PolicyOrigin::Folder("/nowhere/at/all".into()),
            environment: None,
            kinds: vec![&KIND],
            completion: None,
            secrets: Arc::new(Resolver::new(Default::default(), Box::new(|_| None))),
            issuers: Vec::new(),
        };
        let files = vec![SourceFile { path: "policy.yaml".to_owned(), bytes: text.as_bytes().to_vec() }];
        let desk = DeskParts {
            source: Arc::new(source),
            follower: None,
            engine: engine.clone(),
            files: files.into(),
            reached: None,
        };
        let ticking: Arc<dyn Clock> = clock.clone();
        let vouching = Issuers::new(&issuers, "http://localhost:7373", &ticking).expect("a client");
        let app = app(Making {
            engine: engine.clone(),
            policy: Arc::new(PolicyDesk::new(desk)),
            stopping,
            config: Config { issuers, deployers: vec![deployer()], ..config(Setting::Dev) },
            store: store.clone(),
            clock: clock.clone(),
            entropy,
            keyring: Arc::new(keyring),
            host_desk: Some(Arc::new(Desk)),
            issuers: vouching,
            hooks,
        });
        let mut tasks = JoinSet::new();
        let driving = engine.clone();
        tasks.spawn(async move { driving.drive().await });
        engine.start().await.expect("started");
        let tail = app.tail.clone();
        tasks.spawn(async move { tail.follow(store).await });
        app.phase.set(Readiness::Ready);
        let router = super::router(&app);
        Self { app, router, clock, target, stop, _engine: tasks }
    }

    /// Sends one call as it stands, from this machine.
    pub(crate) async fn raw(&self, mut request: Request<Body>) -> axum::response::Response {
        let end = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        request.extensions_mut().insert(Peer { remote: end(50_000), local: end(7_373) });
        self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.raw(request).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 << 20).await.expect("a body");
        Reply { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub(crate) async fn get(&self, who: &str, path: &str) -> Reply {
        self.send(call(Method::GET, who, path, None, None)).await
    }

    pub(crate) async fn post(&self, who: &str, path: &str, body: Value) -> Reply {
        self.send(call(Method::POST, who, path, Some(body), None)).await
    }

    pub(crate) async fn post_once(&self, who: &str, path: &str, body: Value, key: &str) -> Reply {
        self.send(call(Method::POST, who, path, Some(body), Some(key))).await
    }

    /// A token of somebody.
    pub(crate) async fn sign_in(&self, email: &str) -> String {
        let body = serde_json::json!({"email": email});
        let reply = self.post("", "/api/v1/sign-in", body).await;
        reply.ok()["token"].as_str().expect("a token").to_owned()
    }

    /// A pending request of `dev` for `db-debug`.
    pub(crate) async fn ask(&self, dev: &str) -> Value {
        let body = serde_json::json!({"role": "db-debug", "reason": "orders are stuck", "duration_seconds": "30m"});
        self.post(dev, "/api/v1/requests", body).await.ok()
    }

    /// The same, approved by the lead.
    pub(crate) async fn approved(&self, dev: &str) -> Value {
        let asked = self.ask(dev).await;
        let lead = self.sign_in("lead@example.com").await;
        let path = format!("/api/v1/requests/{}/approve", text(&asked, "id"));
        self.post(&lead, &path, serde_json::json!({"digest": asked["digest"]})).await.ok()
    }

    /// The same, claimed.
    pub(crate) async fn active(&self, dev: &str) -> Value {
        let id = text(&self.approved(dev).await, "grant_id");
        let path = format!("/api/v1/grants/{id}/activate");
        self.post(dev, &path, halves(1)).await.ok()["grant"].clone()
    }

    /// Looks at a grant until it is in a state.
    pub(crate) async fn until(&self, who: &str, id: &str, state: &str) -> Value {
        for _ in 0..200 {
            let grant = self.get(who, &format!("/api/v1/grants/{id}")).await.ok();
            if grant["state"] == state {
                return grant;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{id} did not become {state}");
    }
}

/// A call; an empty `who` is nobody.
pub(crate) fn call(method: Method, who: &str, path: &str, body: Option<Value>, key: Option<&str>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost:7373");
    if !who.is_empty() {
        request = request.header("authorization", format!("Bearer {who}"));
    }
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    }
    .expect("a call")
}

pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("a text `{field}`: {value}")).to_owned()
}

/// A public half for `services/db`; another number is another secret.
pub(crate) fn halves(number: u8) -> Value {
    use base64::Engine as _;
    let b64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let value = format!("SCRAM-SHA-256$4096:{}${}:{}", b64(&[number; 16]), b64(&[1; 32]), b64(&[2; 32]));
    serde_json::json!({"public_halves": [{"resource": "services/db", "kind": "scram_sha_256", "value": value}]})
}
