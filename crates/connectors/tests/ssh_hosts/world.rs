//! A connector over a ledger in memory, the endpoint that hosts ask, real hosts, and a client.

use axum::Router;
use axum::extract::{Json, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use curfew_connectors::ssh::Ssh;
use curfew_connectors::ssh::private::{Agent, PrivateSshd};
use curfew_domain::lease::Definition;
use curfew_domain::{ActionName, Id, ResourceName, Timestamp};
use curfew_engine::keyring::{Keyring, SealKey};
use curfew_engine::seams::connector::{CallError, IssueOrder, Issued, PublicHalf, Revocation, RevokeOrder, Target};
use curfew_engine::seams::host_desk::{HostDuties, HostReport};
use curfew_engine::seams::store::Change;
use curfew_engine::seams::{BoxFuture, Clock, Connector, Entropy, HostDesk, Store};
use curfew_store::MemoryStore;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// This binary as `curfew`.
pub(crate) fn curfew() -> ExitCode {
    curfew_cli::run(curfew_cli::Program {
        kinds: Vec::new(),
        dev: |_| Err(curfew_cli::Failure::no("not_here", "only `curfew host` is in this binary")),
        serve: |_| Err(curfew_cli::Failure::no("not_here", "only `curfew host` is in this binary")),
    })
}

/// What these tests need and this machine does not have.
pub(crate) fn missing() -> Option<&'static str> {
    let there = |program: &str, places: &[&str]| places.iter().any(|p| Path::new(p).join(program).exists());
    let anywhere = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];
    ["sshd", "ssh", "ssh-keygen"].into_iter().find(|p| !there(p, &anywhere))
}

pub(crate) struct RealClock;

impl Clock for RealClock {
    #[allow(clippy::disallowed_methods, reason = "real hosts go by real time")]
    fn wall(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        Timestamp::from_millis(since.as_millis() as i64)
    }
    #[allow(clippy::disallowed_methods, reason = "real hosts go by real time")]
    fn monotonic(&self) -> Duration {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

type Tokens = Arc<Mutex<BTreeMap<String, (ResourceName, String)>>>;

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) ssh: Arc<Ssh>,
    tokens: Tokens,
    server: Mutex<Option<tokio::task::JoinHandle<()>>>,
    address: std::net::SocketAddr,
    pub(crate) base: TempDir,
    leases: AtomicU64,
}

impl World {
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::default();
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let shared: Arc<dyn Store> = Arc::new(store.clone());
        let entropy = Arc::new(Counting(AtomicU64::new(1)));
        let keyring = Arc::new(Keyring::new(shared.clone(), clock.clone(), entropy, SealKey::new([5; 32])));
        let ssh = Arc::new(Ssh::new(keyring, shared, clock));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let world = Self {
            store,
            ssh,
            tokens: Tokens::default(),
            server: Mutex::new(None),
            address,
            base: tempfile::tempdir().expect("a folder"),
            leases: AtomicU64::new(1),
        };
        world.serve(listener);
        world
    }

    fn serve(&self, listener: tokio::net::TcpListener) {
        let router = Router::new().route("/api/v1/ssh/hosts/sync", post(sync));
        let router = router.with_state((self.ssh.clone(), self.tokens.clone()));
        #[allow(clippy::disallowed_methods, reason = "the tests' own server")]
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("served") });
        *self.server.lock().expect("not poisoned") = Some(task);
    }

    /// Takes the server away; its address refuses.
    pub(crate) fn stop_server(&self) {
        if let Some(task) = self.server.lock().expect("not poisoned").take() {
            task.abort();
        }
    }

    /// Starts sshd for a resource, without an agent.
    pub(crate) fn host(&self, name: &str) -> PrivateSshd {
        let program = std::env::current_exe().expect("this program");
        PrivateSshd::start(&self.base.path().join(name), &program).expect("a private sshd")
    }

    /// Gives a host a token and starts its agent; waits for its first report.
    pub(crate) async fn watch(&self, target: &Target, host: &mut PrivateSshd) {
        let token = format!("cfh_{}_{}", target.resource.as_str().replace('/', "_"), host.port());
        let fact = format!("host_token/{}/{}", target.resource, host.host());
        let value = Some(json!({"sha256": "of no interest"}).to_string());
        self.store.commit(vec![Change::Fact { name: fact, value }]).await.expect("committed");
        self.tokens.lock().expect("not poisoned").insert(token.clone(), (target.resource.clone(), host.host()));
        self.start_agent(target, host, &token);
        self.until("the host trusts its authority", || {
            let lines = std::fs::read_to_string(host.agent_dir().join("authorities.pub")).unwrap_or_default();
            lines.contains("ssh-ed25519")
        })
        .await;
    }

    pub(crate) fn start_agent(&self, target: &Target, host: &mut PrivateSshd, token: &str) {
        let server = format!("http://{}", self.address);
        let token = token.to_owned().into();
        host.start_agent(&Agent { server: &server, resource: &target.resource, token: &token }).expect("an agent");
    }

    pub(crate) fn token_of(&self, host: &PrivateSshd) -> String {
        let tokens = self.tokens.lock().expect("not poisoned");
        tokens.iter().find(|(_, (_, h))| *h == host.host()).expect("a token").0.clone()
    }

    /// A prepared resource on this host.
    pub(crate) async fn resource(&self, name: &str, host: &PrivateSshd, change: impl FnOnce(&mut Value)) -> Target {
        let mut settings = json!({
            "hosts": [host.host()],
            "host_keys": [host.host_key().expect("a host key")],
            "actions": {"shell": {"principals": [host.account()], "extensions": ["permit-pty"]}},
        });
        change(&mut settings);
        let target = Target {
            resource: ResourceName::new(name).expect("a name"),
            definition: Definition { admin: None, settings },
            admin: None,
            installation: "0123456789abcdef".to_owned(),
            epoch: 1,
            mark: curfew_engine::seams::connector::LedgerMark::default(),
        };
        self.ssh.prepare(&target).await.expect("prepared");
        target
    }

    /// Issues a certificate for a key of its own, and writes both beside each other.
    pub(crate) async fn issue(&self, target: &Target, actions: &[&str], length: Duration) -> Held {
        let number = self.leases.fetch_add(1, Ordering::Relaxed);
        let dir = self.base.path().join(format!("client-{number}"));
        std::fs::create_dir(&dir).expect("a folder");
        let key = dir.join("key");
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        assert!(made.expect("ssh-keygen runs").success());
        let now = RealClock.wall();
        let order = IssueOrder {
            lease: Id::from_u128(u128::from(number) << 64 | 7),
            actions: actions.iter().map(|a| ActionName::new(*a).expect("an action")).collect(),
            expires_at: Timestamp::from_millis(now.as_millis() + length.as_millis() as i64),
            now,
            public_half: PublicHalf {
                kind: "ssh_public_key".to_owned(),
                value: std::fs::read_to_string(dir.join("key.pub")).expect("a public key"),
            },
            label: "ann@example.com".to_owned(),
        };
        let issued = self.ssh.issue(target, std::slice::from_ref(&order)).await.remove(0).expect("issued");
        for (name, value) in issued.connection.iter().filter(|(n, _)| n.starts_with("certificate")) {
            std::fs::write(dir.join(name), format!("{value}\n")).expect("written");
        }
        std::fs::write(dir.join("known_hosts"), &issued.connection["known_hosts"]).expect("written");
        Held { dir, order, issued }
    }

    pub(crate) async fn revoke(&self, target: &Target, held: &[&Held]) -> Vec<Result<Revocation, CallError>> {
        let orders: Vec<_> = held.iter().map(|h| h.end(RealClock.wall())).collect();
        self.ssh.revoke(target, &orders).await
    }

    /// Waits until it is so, for 10 s at most.
    pub(crate) async fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        for _ in 0..500 {
            if so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it did not happen: {what}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop_server();
    }
}

async fn sync(
    State((ssh, tokens)): State<(Arc<Ssh>, Tokens)>,
    headers: HeaderMap,
    Json(report): Json<HostReport>,
) -> Result<Json<HostDuties>, StatusCode> {
    let bearer = headers.get("authorization").and_then(|h| h.to_str().ok()?.strip_prefix("Bearer "));
    let known = bearer.and_then(|t| tokens.lock().expect("not poisoned").get(t).cloned());
    let (resource, host) = known.ok_or(StatusCode::UNAUTHORIZED)?;
    ssh.sync(&resource, &host, report).await.map(Json).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

/// A key and its certificate, as a subject holds them.
pub(crate) struct Held {
    pub(crate) dir: PathBuf,
    pub(crate) order: IssueOrder,
    pub(crate) issued: Issued,
}

impl Held {
    pub(crate) fn end(&self, now: Timestamp) -> RevokeOrder {
        RevokeOrder {
            reach: curfew_engine::seams::connector::Reach::Leftovers,
            lease: self.order.lease,
            locator: Some(self.issued.locator.clone()),
            actions: self.order.actions.clone(),
            expires_at: self.order.expires_at,
            since: self.order.now,
            now,
        }
    }

    /// `ssh` to a host with these options, ready to be given a command.
    pub(crate) fn client(&self, host: &PrivateSshd, certificate: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]);
        ssh.args(["-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"]);
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", self.dir.join("known_hosts").display()));
        ssh.arg("-o").arg(format!("CertificateFile={}", self.dir.join(certificate).display()));
        ssh.arg("-i").arg(self.dir.join("key"));
        ssh.args(["-p", &host.port().to_string(), "-l", host.account(), "127.0.0.1"]);
        ssh.stdin(Stdio::null());
        ssh
    }

    /// Runs a command there.
    pub(crate) async fn run(&self, host: &PrivateSshd, command: &str) -> Output {
        let mut ssh = self.client(host, "certificate");
        ssh.arg(command);
        tokio::task::spawn_blocking(move || ssh.output().expect("ssh runs")).await.expect("joined")
    }

    /// Whether it opens the host.
    pub(crate) async fn opens(&self, host: &PrivateSshd) -> bool {
        let output = self.run(host, "echo in").await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() || stderr.contains("Permission denied"),
            "refused for another reason: {stderr}"
        );
        output.status.success() && output.stdout == b"in\n"
    }
}

/// A child that ends with its test.
pub(crate) struct Guard(pub(crate) Child);

impl Guard {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts"))
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
