//! An engine over a real ledger and real connectors, as the server runs it.

use curfew_connectors::postgres::private::{Options, PrivatePostgres};
use curfew_domain::{Email, Identity, ResourceName, RoleName, Subject, SubjectId, SubjectKind, Timestamp};
use curfew_engine::keyring::{Keyring, SealKey};
use curfew_engine::seams::connector::PublicHalf;
use curfew_engine::seams::secrets::SecretError;
use curfew_engine::seams::{BoxFuture, Clock, Connector, Entropy, Secrets, Store};
use curfew_engine::{AskFor, Audience, Claim, Engine, EngineParts, GrantRef, Unnamed};
use curfew_policy::{PolicySet, Purpose, SourceFile, check};
use curfew_store::SqliteStore;
use secrecy::SecretString;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's clocks.
pub(crate) struct RealClock(pub(crate) Instant);

impl Clock for RealClock {
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_millis(since.as_millis() as i64)
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}

/// The system's randomness.
pub(crate) struct RealEntropy;

impl Entropy for RealEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).unwrap();
    }
}

/// One way in, whatever is asked for.
struct OneSecret(Option<SecretString>);

impl Secrets for OneSecret {
    fn resolve(&self, _: &ResourceName, _: Option<&str>) -> Result<Option<SecretString>, SecretError> {
        Ok(self.0.clone())
    }
}

/// What everything is measured under.
pub(crate) const POLICY: &str = "
resources:
  - {name: services/db, connector: postgres, risk: low, settings: {database: postgres, schemas: [public]}}
  - name: hosts/web
    connector: ssh
    risk: low
    settings: {hosts: [\"127.0.0.1:22\"], actions: {shell: {principals: [deploy]}}}
roles:
  - name: database
    requesters: anyone
    duration: {default: 1h, max: 2h}
    conditions: [{resource: services/db, actions: [read, write]}]
    approval: automatic
  - name: shell
    requesters: anyone
    duration: {default: 1h, max: 2h}
    conditions: [{resource: hosts/web, actions: [shell]}]
    approval: automatic
";

/// Reads policy that must be right.
pub(crate) fn policy(files: &[SourceFile]) -> PolicySet {
    let kinds = [&curfew_connectors::postgres::KIND, &curfew_connectors::ssh::KIND];
    let checked = check(files, &kinds, Purpose::Load);
    checked.set.unwrap_or_else(|| panic!("{:?}", checked.problems))
}

/// The developer.
pub(crate) fn developer() -> Identity {
    let id = SubjectId::new("bench", "dev").unwrap();
    let email = Some("dev@example.com".parse::<Email>().unwrap());
    let subject = Subject { kind: SubjectKind::Person, id, email, name: None };
    Identity { subject, groups: [].into() }
}

/// An engine that is driven in the background.
pub(crate) struct World {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<SqliteStore>,
    driver: tokio::task::JoinHandle<()>,
}

impl World {
    /// Opens the ledger in a folder and starts an engine over it.
    pub(crate) async fn start(folder: &Path, postgres: Option<&PrivatePostgres>) -> Self {
        let store = Arc::new(SqliteStore::open(&folder.join("ledger.db")).unwrap());
        let (clock, entropy) = (Arc::new(RealClock(Instant::now())), Arc::new(RealEntropy));
        let keyring = Keyring::new(store.clone(), clock.clone(), entropy.clone(), SealKey::new([7; 32]));
        let ssh = curfew_connectors::ssh::Ssh::new(Arc::new(keyring), store.clone(), clock.clone());
        let connectors: Vec<Arc<dyn Connector>> =
            vec![Arc::new(crate::postgres::connector(clock.clone())), Arc::new(ssh)];
        let file = SourceFile { path: "policy.yaml".to_owned(), bytes: POLICY.as_bytes().to_vec() };
        let engine = Arc::new(Engine::new(EngineParts {
            store: store.clone() as Arc<dyn Store>,
            clock,
            entropy,
            connectors,
            secrets: Arc::new(OneSecret(postgres.map(PrivatePostgres::admin_url))),
            policy: policy(&[file]),
            audience: Audience::default(),
            unnamed: Unnamed::Nobody,
            pipelines: curfew_engine::Pipelines::default(),
        }));
        let driven = engine.clone();
        let driver = tokio::spawn(async move { driven.drive().await });
        engine.start().await.unwrap();
        Self { engine, store, driver }
    }

    /// Asks; the answer is yes.
    pub(crate) async fn ask(&self, role: &str, seconds: u32) -> GrantRef {
        let ask = AskFor {
            role: RoleName::new(role).unwrap(),
            resources: Vec::new(),
            actions: Vec::new(),
            duration: Some(curfew_domain::Seconds::new(seconds)),
            reason: "a measurement".to_owned(),
            ticket: String::new(),
            inputs: curfew_domain::Inputs::new(),
            source_ip: None,
            client: None,
        };
        GrantRef::Request(self.engine.request(&developer(), ask, None).await.unwrap().id)
    }

    /// Claims.
    pub(crate) async fn activate(&self, grant: GrantRef, resource: &str, half: PublicHalf) {
        let resource = ResourceName::new(resource).unwrap();
        self.engine
            .activate(
                &developer(),
                grant,
                Claim { halves: vec![(resource, half)], source_ip: None, client: None, presented: Vec::new() },
            )
            .await
            .unwrap();
    }

    /// Gives back, and waits until the target was read.
    pub(crate) async fn give_back(&self, grant: GrantRef) {
        self.engine.give_back(&developer(), grant).await.unwrap();
    }

    pub(crate) async fn stop(self) {
        self.engine.stop();
        self.driver.await.unwrap();
    }
}

/// A runtime as the server has it.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// A private server that syncs.
pub(crate) fn private_postgres(folder: &Path) -> PrivatePostgres {
    let mut options = Options::new(&RealEntropy);
    options.settings.push(("max_connections".to_owned(), "300".to_owned()));
    PrivatePostgres::start(folder, options).unwrap()
}

/// Does something `times` times from so many callers, and gives how often that is a second.
pub(crate) async fn from_callers<F>(callers: usize, times: usize, work: impl Fn(usize) -> F) -> f64
where
    F: Future<Output = ()>,
{
    let next = std::sync::atomic::AtomicUsize::new(0);
    let begun = Instant::now();
    let caller = async |_| {
        loop {
            let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if number >= times {
                break;
            }
            work(number).await;
        }
    };
    futures::future::join_all((0..callers).map(caller)).await;
    times as f64 / begun.elapsed().as_secs_f64()
}
