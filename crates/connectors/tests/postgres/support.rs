//! Servers, managers, subjects.

use curfew_connectors::postgres::Postgres;
use curfew_connectors::postgres::private::{Durability, Options, PrivatePostgres};
use curfew_domain::lease::Definition;
use curfew_domain::{ActionName, Id, Lease, ResourceName, Seconds, Timestamp};
use curfew_engine::seams::connector::{CallError, IssueOrder, Issued, PublicHalf, Revocation, RevokeOrder, Target};
use curfew_engine::seams::{BoxFuture, Clock, Connector, Entropy};
use secrecy::{ExposeSecret, SecretString};
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

pub(crate) struct RealClock(pub(crate) Instant);

impl Clock for RealClock {
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(since.as_millis() as i64)
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}

pub(crate) struct RealEntropy;

impl Entropy for RealEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        std::fs::File::open("/dev/urandom").unwrap().read_exact(buffer).unwrap();
    }
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    RealEntropy.fill(&mut bytes);
    bytes
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(RealClock(Instant::now()))
}

/// Which server a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// What Debian has: 15.
    Debian,
    /// One with membership options.
    Sixteen,
}

/// Where one of 16 or later is.
const SIXTEEN: &str = "CURFEW_TEST_POSTGRES_16";

impl Version {
    /// The folder of its programs; none, said loudly, when it is not installed, and a failure in CI.
    fn bin_dir(self) -> Option<Option<PathBuf>> {
        match (self, std::env::var_os(SIXTEEN)) {
            (Self::Debian, _) => Some(None),
            (Self::Sixteen, Some(dir)) => Some(Some(dir.into())),
            (Self::Sixteen, None) => {
                eprintln!("\n*** SKIPPED: {SIXTEEN} is not set, nothing is tested on PostgreSQL 16 or later ***\n");
                assert!(std::env::var_os("CI").is_none(), "{SIXTEEN} must be set in CI");
                None
            }
        }
    }
}

pub(crate) struct Server {
    pub(crate) postgres: PrivatePostgres,
    pub(crate) dir: TempDir,
}

static SHARED: [Mutex<Weak<Server>>; 2] = [Mutex::new(Weak::new()), Mutex::new(Weak::new())];

/// The server that the tests of this run share; it stops with the last of them.
pub(crate) fn shared(version: Version) -> Option<Arc<Server>> {
    let bin_dir = version.bin_dir()?;
    let mut slot = SHARED[version as usize].lock().unwrap_or_else(|e| e.into_inner());
    if let Some(server) = slot.upgrade() {
        return Some(server);
    }
    let server = Arc::new(start(bin_dir, &[]));
    *slot = Arc::downgrade(&server);
    Some(server)
}

/// A server of a test's own.
pub(crate) fn own(version: Version, settings: &[(&str, &str)]) -> Option<Server> {
    version.bin_dir().map(|bin_dir| start(bin_dir, settings))
}

fn start(bin_dir: Option<PathBuf>, settings: &[(&str, &str)]) -> Server {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut options = Options::new(&RealEntropy);
    options.bin_dir = bin_dir;
    options.durability = Durability::Careless;
    let always = [("max_prepared_transactions", "20"), ("log_statement", "all"), ("max_connections", "200")];
    options.settings = always.iter().chain(settings).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let postgres = PrivatePostgres::start(&dir.path().join("pg"), options).unwrap();
    Server { postgres, dir }
}

/// What Curfew's own account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    Superuser,
    Ordinary,
}

pub(crate) const EVERY: [(Version, Manager); 4] = [
    (Version::Debian, Manager::Superuser),
    (Version::Debian, Manager::Ordinary),
    (Version::Sixteen, Manager::Superuser),
    (Version::Sixteen, Manager::Ordinary),
];

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A number no other test of this run has.
pub(crate) fn unique() -> u32 {
    COUNTER.fetch_add(1, Ordering::SeqCst)
}

/// One target with a connector to it: a database of its own with a table `orders`.
pub(crate) struct Site {
    pub(crate) server: Arc<Server>,
    pub(crate) database: String,
    pub(crate) connector: Postgres,
    pub(crate) target: Target,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Site {
    pub(crate) async fn new(version: Version, manager: Manager) -> Option<Self> {
        Self::with(version, manager, serde_json::json!({})).await
    }

    pub(crate) async fn with(version: Version, manager: Manager, settings: serde_json::Value) -> Option<Self> {
        Some(Self::on(shared(version)?, manager, settings).await)
    }

    pub(crate) async fn on(server: Arc<Server>, manager: Manager, settings: serde_json::Value) -> Self {
        let n = unique();
        let (database, owner) = (format!("orders_{n}"), format!("owner_{n}"));
        let sql = format!("CREATE ROLE {owner}; CREATE DATABASE {database} OWNER {owner}");
        for statement in sql.split("; ") {
            server.postgres.execute("postgres", statement).await.unwrap();
        }
        let table = format!(
            "SET ROLE {owner}; CREATE TABLE orders (id serial PRIMARY KEY, what text); INSERT INTO orders (what) VALUES ('tea')"
        );
        server.postgres.execute(&database, &table).await.unwrap();
        let admin = match manager {
            Manager::Superuser => server.postgres.url_to(&database),
            Manager::Ordinary => ordinary(&server, &database, &owner, n).await,
        };
        let clock = clock();
        let target = Target {
            resource: ResourceName::new(format!("services/db-{n}")).unwrap(),
            definition: Definition { admin: Some("env:X".to_owned()), settings },
            admin: Some(admin),
            installation: hex::encode(random::<8>()),
            epoch: 7,
            mark: curfew_engine::seams::connector::LedgerMark::default(),
        };
        let connector = Postgres::new(Arc::clone(&clock));
        Self { server, database, connector, target, clock }
    }

    pub(crate) async fn prepared(version: Version, manager: Manager) -> Option<Self> {
        let site = Self::new(version, manager).await?;
        site.connector.prepare(&site.target).await.unwrap();
        Some(site)
    }

    pub(crate) async fn sql(&self, sql: &str) {
        self.server.postgres.execute(&self.database, sql).await.unwrap();
    }

    /// One value, as the superuser sees it.
    pub(crate) async fn value(&self, sql: &str) -> String {
        let (client, _keep) = connect(self.server.postgres.url_to(&self.database).expose_secret()).await.unwrap();
        value(&client, sql).await.unwrap()
    }

    pub(crate) fn order(&self, actions: &[&str], seconds: u32) -> Ask {
        Ask::new(self, actions, seconds)
    }

    pub(crate) async fn issue(&self, ask: &Ask) -> Result<Issued, CallError> {
        self.connector.issue(&self.target, std::slice::from_ref(&ask.order)).await.remove(0)
    }

    /// Who owns the database and what is in it.
    pub(crate) async fn owner(&self) -> String {
        let sql = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()";
        self.value(sql).await
    }

    /// The group role that a lease joins for an action.
    pub(crate) async fn group_of(&self, ask: &Ask, action: &str) -> String {
        let sql = format!(
            "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member \
             WHERE r.rolname = '{}' AND starts_with(g.rolname, 'cf_grp_{action}')",
            ask.name()
        );
        self.value(&sql).await
    }

    pub(crate) fn ending(&self, ask: &Ask, issued: Option<&Issued>) -> RevokeOrder {
        RevokeOrder {
            reach: curfew_engine::seams::connector::Reach::Leftovers,
            lease: ask.order.lease,
            locator: issued.map(|i| i.locator.clone()),
            actions: ask.order.actions.clone(),
            expires_at: ask.order.expires_at,
            since: ask.order.now,
            now: self.clock.wall(),
        }
    }

    pub(crate) async fn revoke(&self, ask: &Ask, issued: Option<&Issued>) -> Result<Revocation, CallError> {
        self.connector.revoke(&self.target, &[self.ending(ask, issued)]).await.remove(0)
    }
}

/// The statements of docs/connectors/postgres.md.
async fn ordinary(server: &Server, database: &str, owner: &str, n: u32) -> SecretString {
    let (manager, password) = (format!("curfew_manager_{n}"), hex::encode(random::<16>()));
    for statement in [
        // A verifier, because the test looks for the password in the server's log.
        format!("CREATE ROLE {manager} LOGIN CREATEROLE PASSWORD '{}'", verifier(&password, 4_096)),
        format!("GRANT pg_signal_backend TO {manager}"),
        format!("GRANT CREATE ON DATABASE {database} TO {manager}"),
        format!("GRANT {owner} TO {manager}"),
    ] {
        server.postgres.execute(database, &statement).await.unwrap();
    }
    format!("postgres://{manager}:{password}@127.0.0.1:{}/{database}", server.postgres.port()).into()
}

/// An order with the secret that only its subject has.
pub(crate) struct Ask {
    pub(crate) order: IssueOrder,
    pub(crate) secret: String,
}

impl Ask {
    fn new(site: &Site, actions: &[&str], seconds: u32) -> Self {
        let secret = hex::encode(random::<32>());
        let now = site.clock.wall();
        let order = IssueOrder {
            lease: new_lease(now),
            actions: actions.iter().map(|a| ActionName::new(*a).unwrap()).collect(),
            expires_at: now.plus(Seconds::new(seconds)),
            now,
            public_half: half(&secret, 1),
            label: "ann@example.com".to_owned(),
        };
        Self { order, secret }
    }

    pub(crate) fn name(&self) -> String {
        curfew_domain::lease::handle(self.order.lease)
    }

    /// Logs in as the subject.
    pub(crate) async fn log_in(&self, site: &Site) -> Result<Session, tokio_postgres::Error> {
        self.log_in_to(site, &site.database, site.server.postgres.port()).await
    }

    pub(crate) async fn log_in_to(
        &self,
        _: &Site,
        database: &str,
        port: u16,
    ) -> Result<Session, tokio_postgres::Error> {
        let url = format!("postgres://{}:{}@127.0.0.1:{port}/{database}?sslmode=disable", self.name(), self.secret);
        let (client, keep) = connect(&url).await?;
        Ok(Session { client, keep })
    }
}

pub(crate) struct Session {
    pub(crate) client: Client,
    keep: tokio::task::JoinHandle<()>,
}

impl Session {
    pub(crate) async fn run(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(sql).await
    }

    pub(crate) async fn value(&self, sql: &str) -> Result<String, tokio_postgres::Error> {
        value(&self.client, sql).await
    }

    /// Whether the server closes it within a second.
    pub(crate) async fn closes(&self) -> bool {
        for _ in 0..100 {
            if self.keep.is_finished() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

pub(crate) fn new_lease(now: Timestamp) -> Id<Lease> {
    Id::new(now, random())
}

pub(crate) fn half(secret: &str, iterations: u32) -> PublicHalf {
    PublicHalf { kind: "scram_sha_256".to_owned(), value: verifier(secret, iterations) }
}

/// RFC 5803: what a client makes of its secret.
fn verifier(secret: &str, iterations: u32) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    let salt: [u8; 16] = random();
    let mut salted = [0u8; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(secret.as_bytes(), &salt, iterations, &mut salted);
    let mac = |text: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&salted).unwrap();
        mac.update(text);
        mac.finalize().into_bytes()
    };
    let stored = Sha256::digest(mac(b"Client Key"));
    let (salt, stored, server) = (STANDARD.encode(salt), STANDARD.encode(stored), STANDARD.encode(mac(b"Server Key")));
    format!("SCRAM-SHA-256${iterations}:{salt}${stored}:{server}")
}

pub(crate) async fn connect(url: &str) -> Result<(Client, tokio::task::JoinHandle<()>), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    Ok((client, tokio::spawn(async move { drop(connection.await) })))
}

pub(crate) async fn value(client: &Client, sql: &str) -> Result<String, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let row = messages.iter().find_map(|m| match m {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("").to_owned()),
        _ => None,
    });
    Ok(row.unwrap_or_default())
}

/// What a revocation came to, expecting that all is gone and was read.
pub(crate) fn revoked(answer: Result<Revocation, CallError>) -> Vec<curfew_domain::lease::Leftover> {
    match answer {
        Ok(Revocation::Revoked { evidence: curfew_domain::lease::Evidence::Read { .. }, leftovers }) => leftovers,
        other => panic!("{other:?}"),
    }
}
