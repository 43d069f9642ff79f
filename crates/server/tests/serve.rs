//! A whole server on a loopback port, used through the typed client: what a script sees.

use curfew_api::{
    ActivateBody, ApproveBody, AskBody, AuditFrom, BeatBody, Client, ClientError, DenyBody, ExtendBody, GrantsQuery,
    IdempotencyKey, ProofKey, PublicHalfBody, RequestsQuery, SignInBody, WhichRequests, WorkloadSignInBody,
};
use curfew_connectors::postgres::KIND;
use curfew_connectors::postgres::fake::{Call, FakePostgres, Fault};
use curfew_domain::audit::export::{read_witness, verify_export};
use curfew_domain::audit::{AuditAction, ExportVerifier, VerifierKey};
use curfew_domain::{ResourceName, RoleName, Timestamp};
use curfew_engine::keyring::{Keyring, SealKey};
use curfew_engine::seams::{BoxFuture, Clock, Entropy, Store};
use curfew_server::config::{PolicyOrigin, Setting, Sources};
use curfew_server::{Config, PolicySource, Resolver, ServeError, ServerParts, serve};
use curfew_store::MemoryStore;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[allow(dead_code, reason = "the end-to-end tests use the rest of it")]
#[path = "../../curfew/tests/e2e/harness/issuer.rs"]
mod issuer;

const POLICY: &str = "
resources:
  - {name: services/db, connector: postgres}
roles:
  - name: db-debug
    duration: 2h
    conditions: [{resource: services/db, actions: [read, write]}]
    approvers: [lead@example.com]
";

struct Machine;

#[allow(clippy::disallowed_methods, reason = "a test of the whole server runs on the machine's own clocks")]
impl Clock for Machine {
    fn wall(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        Timestamp::from_millis(i64::try_from(since.as_millis()).expect("before 9999"))
    }
    fn monotonic(&self) -> Duration {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}

impl Entropy for Machine {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer.chunks_mut(16) {
            let key = IdempotencyKey::fresh();
            let random = hex::decode(key.as_str()).expect("hex");
            byte.copy_from_slice(&random[..byte.len()]);
        }
    }
}

struct Running {
    address: SocketAddr,
    target: Arc<FakePostgres>,
    folder: TempDir,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), ServeError>>,
}

fn name(text: &str) -> ResourceName {
    ResourceName::new(text).expect("a name")
}

async fn start(more: &[(&'static str, String)]) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).expect("made");
    std::fs::write(policies.join("policy.yaml"), POLICY).expect("written");
    let mut overrides = vec![("listen", "127.0.0.1:0".to_owned()), ("policy.path", policies.display().to_string())];
    overrides.push(("audit.witness", folder.path().join("witness").display().to_string()));
    // What is no text on the command line comes by the environment.
    let (variables, keys): (Vec<_>, Vec<_>) = more.iter().cloned().partition(|(key, _)| key.starts_with("CURFEW_"));
    overrides.extend(keys);
    let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    let sources = Sources { setting: Setting::Dev, file: None, lookup: &lookup, names: Vec::new(), overrides };
    let config = Config::load(&sources).expect("a configuration");
    let (clock, entropy, store) = (Arc::new(Machine), Arc::new(Machine), Arc::new(MemoryStore::new()));
    let store: Arc<dyn Store> = store;
    let target = Arc::new(FakePostgres::new(clock.clone()));
    let secrets = Arc::new(Resolver::new(Default::default(), Box::new(|_| None)));
    secrets.give(name("services/db"), SecretString::from("postgres://m@127.0.0.1/x"));
    let (told, ready) = oneshot::channel();
    let (stop, stopped) = oneshot::channel();
    let issuers = config.issuers.clone();
    let parts = ServerParts {
        config,
        store: store.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        connectors: vec![target.clone()],
        host_desk: None,
        keyring: Arc::new(Keyring::new(store, clock, entropy, SealKey::new([7; 32]))),
        policy: PolicySource {
            origin: PolicyOrigin::Folder(policies),
            environment: None,
            kinds: vec![&KIND],
            completion: None,
            secrets,
            issuers,
        },
        descriptors: 1_048_576,
        ready: Some(Box::new(move |address| told.send(address).expect("somebody waits"))),
    };
    #[allow(clippy::disallowed_methods, reason = "the test is the process that the server runs in")]
    let server = tokio::spawn(serve(parts, async { drop(stopped.await) }));
    let address = tokio::time::timeout(Duration::from_secs(20), ready).await.expect("in time").expect("ready");
    Running { address, target, folder, stop, server }
}

impl Running {
    fn client(&self, token: Option<String>) -> Client {
        Client::new(&format!("http://{}", self.address), token).expect("a client")
    }

    async fn sign_in(&self, email: &str) -> Client {
        let body = SignInBody { email: email.to_owned(), groups: Vec::new() };
        let signed = self.client(None).sign_in(&body).await.expect("signed in");
        self.client(Some(signed.token))
    }

    async fn end(self) -> TempDir {
        self.stop.send(()).expect("it runs");
        let served = tokio::time::timeout(Duration::from_secs(30), self.server).await.expect("it stops");
        served.expect("no panic").expect("cleanly");
        self.folder
    }
}

fn ask() -> AskBody {
    AskBody { role: "db-debug".to_owned(), reason: "orders are stuck".to_owned(), ..AskBody::default() }
}

fn halves() -> ActivateBody {
    let key = |c: &str| c.repeat(42) + "A=";
    let value = format!("SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==${}:{}", key("A"), key("A"));
    let half = PublicHalfBody { resource: name("services/db"), kind: "scram_sha_256".to_owned(), value };
    ActivateBody { public_halves: vec![half], artefacts: Vec::new() }
}

fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    match result {
        Err(ClientError::Api { code, .. }) => code,
        other => panic!("an error of the API: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_story_through_the_client() {
    let server = start(&[]).await;
    server.client(None).ready().await.expect("ready");
    let (dev, lead) = (server.sign_in("dev@example.com").await, server.sign_in("lead@example.com").await);
    assert_eq!(dev.whoami().await.expect("known").subject.label(), "dev@example.com");
    assert_eq!(dev.roles().await.expect("roles").items[0].name, RoleName::new("db-debug").expect("a name"));
    assert_eq!(dev.decide(&ask()).await.expect("decided").stages.len(), 1);
    let mut events = lead.events().await.expect("a stream");
    let key = IdempotencyKey::fresh();
    let asked = dev.request(&ask(), &key).await.expect("asked");
    assert_eq!(dev.request(&ask(), &key).await.expect("asked").id, asked.id);
    let next = tokio::time::timeout(Duration::from_secs(5), events.next()).await.expect("in time");
    assert_eq!(next.expect("an event").expect("one").action, AuditAction::RequestCreated);
    let id = asked.id.to_string();
    let query = RequestsQuery { which: WhichRequests::ToApprove, ..RequestsQuery::default() };
    assert_eq!(lead.requests(&query).await.expect("listed").items.len(), 1);
    let yes = ApproveBody { digest: asked.digest.clone(), ..ApproveBody::default() };
    assert_eq!(code(dev.approve(&id, &yes).await), "own_request");
    assert_eq!(lead.approve(&id, &yes).await.expect("approved").state, "approved");
    let activation = dev.activate(&id, &halves()).await.expect("activated");
    assert_eq!(activation.connections.len(), 1);
    assert_eq!(server.target.roles(&name("services/db")).iter().filter(|r| r.login).count(), 1);
    let more = ExtendBody { duration_seconds: curfew_domain::Seconds::new(60) };
    assert_eq!(code(dev.extend(&id, &more).await), "not_extensible");
    assert_eq!(dev.grants(&GrantsQuery::default()).await.expect("listed").items[0].state, "active");
    dev.give_back(&id).await.expect("returned");
    let ended = loop {
        let grant = dev.show_grant(&id).await.expect("seen");
        if grant.state == "ended" {
            break grant;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(ended.verified && ended.ended_at.is_some());
    let no = DenyBody { digest: asked.digest, reason: "late".to_owned() };
    assert_eq!(code(lead.deny(&id, &no).await), "already_final");
    assert!(dev.doctor().await.expect("looked").ok);
    dev.sign_out().await.expect("signed out");
    assert_eq!(code(dev.whoami().await), "unauthenticated");
    evidence(&server, &lead).await;
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_signs_in_through_the_client() {
    let vouching = issuer::Issuer::start();
    let configured = format!("[{{name = \"ci\", kind = \"gitlab\", url = \"{}\", audience = \"us\"}}]", vouching.url());
    let server = start(&[("CURFEW_ISSUERS", configured)]).await;
    let key = ProofKey::fresh();
    let token = vouching.token(&issuer::gitlab(&vouching.url(), "us", issuer::now()));
    let body = WorkloadSignInBody { token };
    let signed_in = server.client(None).sign_in_workload(&body, &key).await.expect("signed in");
    assert_eq!((signed_in.run.provider.as_str(), signed_in.run.id.as_str()), ("gitlab", "574"));
    let again = server.client(None).sign_in_workload(&body, &ProofKey::from_seed(&key.to_seed())).await;
    assert_eq!(again.as_ref(), Ok(&signed_in), "the same key is the same sign-in");
    assert_eq!(code(server.client(None).sign_in_workload(&body, &ProofKey::fresh()).await), "sign_in_refused");
    let base = format!("http://{}", server.address);
    let bound = Client::new_bound(&base, signed_in.token.clone(), key).expect("a client");
    for _ in 0..3 {
        let me = bound.whoami().await.expect("known");
        assert_eq!(me.subject.label(), signed_in.subject.label());
        assert!(!me.administrator && !me.auditor, "a development server lets every person, and no machine");
    }
    // A query, and an id that has to be escaped in the path.
    assert_eq!(bound.requests(&RequestsQuery::default()).await.expect("listed").items.len(), 0);
    assert_eq!(code(bound.show_grant("grt_00000000000000000000000000/%2e%2e/x y").await), "not_found");
    assert_eq!(code(bound.request(&ask(), &IdempotencyKey::fresh()).await), "malformed", "it names no heartbeat");
    let beat = BeatBody { beat: "0".repeat(32).try_into().expect("a heartbeat") };
    let run = bound.begin_run(&beat).await.expect("begun");
    let with_beat = AskBody { beat: Some(beat.beat.clone()), ..ask() };
    assert_eq!(code(bound.request(&with_beat, &IdempotencyKey::fresh()).await), "denied");
    assert_eq!(bound.end_run(&run.id.to_string(), &beat).await.expect("ended").state, "over");
    assert_eq!(code(bound.doctor().await), "forbidden");
    let stolen = Client::new_bound(&base, signed_in.token.clone(), ProofKey::fresh()).expect("a client");
    assert_eq!(code(stolen.whoami().await), "proof_refused");
    assert_eq!(code(server.client(Some(signed_in.token)).whoami().await), "unauthenticated", "never as Bearer");
    bound.sign_out().await.expect("signed out");
    assert_eq!(code(bound.whoami().await), "unauthenticated");
    server.end().await;
}

/// The export verifies, and the witness vouches for it.
async fn evidence(server: &Running, auditor: &Client) {
    let key = server.client(None).audit_key().await.expect("a key").key;
    let key = VerifierKey::parse(&key).expect("a key");
    let mut file = Vec::new();
    let mut download = auditor.audit_export().await.expect("a file");
    while let Some(piece) = download.chunk().await.expect("whole") {
        file.extend(piece);
    }
    let witness = std::fs::read(server.folder.path().join("witness")).expect("there");
    let witnesses = read_witness(&witness, &key).expect("signed");
    assert!(!witnesses.is_empty());
    let verdict = verify_export(&file, ExportVerifier::new(key, witnesses, None)).expect("whole");
    let events = auditor.audit_events(&AuditFrom::default()).await.expect("listed");
    assert_eq!(events.items.len() as u64, verdict.size);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_finishes_what_is_under_way_and_signs_the_end() {
    let server = start(&[]).await;
    let (dev, lead) = (server.sign_in("dev@example.com").await, server.sign_in("lead@example.com").await);
    let asked = dev.request(&ask(), &IdempotencyKey::fresh()).await.expect("asked");
    let id = asked.id.to_string();
    let yes = ApproveBody { digest: asked.digest, ..ApproveBody::default() };
    lead.approve(&id, &yes).await.expect("approved");
    let key = VerifierKey::parse(&dev.audit_key().await.expect("a key").key).expect("a key");
    server.target.break_next(&name("services/db"), Call::Issue, Fault::Slow(Duration::from_secs(2)));
    let body = halves();
    let activating = dev.activate(&id, &body);
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.end().await
    };
    let (activated, folder) = tokio::join!(activating, stopping);
    assert_eq!(activated.expect("finished").grant.state, "active");
    let unreachable = dev.whoami().await.expect_err("it is gone");
    assert!(matches!(unreachable, ClientError::Unreachable { .. }), "{unreachable}");
    let witness = std::fs::read(folder.path().join("witness")).expect("there");
    let last = *read_witness(&witness, &key).expect("signed").last().expect("one");
    assert!(last.size > 10, "the last events are under the last signature: {last:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_policy_is_in_force_within_five_seconds_or_the_old_one_stays() {
    let server = start(&[]).await;
    let dev = server.sign_in("dev@example.com").await;
    let file = server.folder.path().join("policies/policy.yaml");
    let version = async || dev.decide(&ask()).await.expect("decided").policy_version;
    let before = version().await;
    std::fs::write(&file, "roles: [").expect("written");
    let refused = async {
        loop {
            let events = dev.audit_events(&AuditFrom::default()).await.expect("listed");
            if events.items.iter().any(|e| e.action == AuditAction::PolicyRefused) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), refused).await.expect("the refusal is evidence");
    assert_eq!(version().await, before);
    std::fs::write(&file, POLICY.replace("2h", "1h")).expect("written");
    let applied = async {
        while version().await == before {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), applied).await.expect("in force");
    server.end().await;
}

fn fixture(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(file).display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_served_when_it_is_configured() {
    use rustls_pki_types::pem::PemObject;
    let (cert, key) = (fixture("localhost.crt"), fixture("localhost.key"));
    let server = start(&[("tls.cert", cert.clone()), ("tls.key", key)]).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_file(cert).expect("a certificate")).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
    let tcp = TcpStream::connect(server.address).await.expect("connected");
    let host = rustls_pki_types::ServerName::try_from("localhost").expect("a name");
    let mut tls = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(host, tcp).await.expect("TLS");
    tls.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer).await.expect("answered");
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"), "{answer:?}");
    let plain = server.client(None).ready().await.expect_err("no plain HTTP here");
    assert!(matches!(plain, ClientError::Unreachable { .. }), "{plain}");
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_call_holds_up_nobody() {
    let server = start(&[]).await;
    let mut halves = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.expect("connected");
        stream.write_all(b"POST /api/v1/sign-in HTTP/1.1\r\nhost: loc").await.expect("sent");
        halves.push(stream);
    }
    server.sign_in("dev@example.com").await.whoami().await.expect("served");
    for garbage in [&b"\x16\x03\x01\x00\xa5"[..], b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n\0\0\0"] {
        let mut stream = TcpStream::connect(server.address).await.expect("connected");
        stream.write_all(garbage).await.expect("sent");
    }
    server.client(None).ready().await.expect("served");
    drop(halves);
    server.end().await;
}
