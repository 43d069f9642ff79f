//! Dies at a chosen moment, as `kill -9` does, so that a test can go through every moment there is.
//!
//! A boundary is the instant before or after a commit to the ledger or an effect on a target.
//! `CURFEW_CRASH_AT=n` ends the process at the n-th, counted from 1; `CURFEW_CRASH_LOG=FILE` gets a line for
//! each that is passed, so that a run without a crash enumerates them.
//!
//! **Invariant:** a release build has none of this.

use curfew_domain::audit::SealedEvent;
use curfew_domain::connector::ConnectorKind;
use curfew_domain::{BeatId, Email, Grant, Id, Identity, Lease, Request, Run, RunKey, Timestamp};
use curfew_engine::seams::connector::{
    CallError, ExtendOrder, Finding, Found, IssueOrder, Issued, Observation, Revocation, RevokeOrder, Target, Told,
};
use curfew_engine::seams::store::{
    Beat, Change, CommitError, Committed, Due, GrantFilter, Notice, Open, Page, ReadError, RequestFilter, RunFilter,
    SealedKey, Session, TreeHead,
};
use curfew_engine::seams::{BoxFuture, Connector, Store};
use curfew_server::ServerParts;
use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the boundaries and dies at the chosen one.
pub(crate) struct Boundaries {
    passed: AtomicU64,
    fatal: u64,
    log: Option<File>,
}

impl Boundaries {
    /// As the environment asks for; none when it does not.
    pub(crate) fn asked_for() -> Option<Arc<Self>> {
        let fatal = std::env::var("CURFEW_CRASH_AT").ok().and_then(|n| n.parse().ok());
        let log = std::env::var_os("CURFEW_CRASH_LOG");
        if fatal.is_none() && log.is_none() {
            return None;
        }
        let log = log.and_then(|file| File::options().create(true).append(true).open(file).ok());
        Some(Arc::new(Self { passed: AtomicU64::new(0), fatal: fatal.unwrap_or(0), log }))
    }

    fn pass(&self, what: &str) {
        let number = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(mut log) = self.log.as_ref() {
            writeln!(log, "{number} {what}").expect("INVARIANT: a test's log can be written");
        }
        if number == self.fatal {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::KILL).expect("INVARIANT: one may kill oneself");
        }
    }

    async fn around<T>(&self, what: &str, effect: impl Future<Output = T>) -> T {
        self.pass(&format!("before {what}"));
        let answer = effect.await;
        self.pass(&format!("after {what}"));
        answer
    }
}

/// The same server with a boundary around each commit and each effect.
pub(crate) fn around(parts: ServerParts, boundaries: &Arc<Boundaries>) -> ServerParts {
    let connector =
        |inner| -> Arc<dyn Connector> { Arc::new(CrashingConnector { inner, boundaries: boundaries.clone() }) };
    ServerParts {
        store: Arc::new(CrashingStore { inner: parts.store, boundaries: boundaries.clone() }),
        connectors: parts.connectors.into_iter().map(connector).collect(),
        ..parts
    }
}

/// A ledger whose commits are boundaries.
struct CrashingStore {
    inner: Arc<dyn Store>,
    boundaries: Arc<Boundaries>,
}

impl Store for CrashingStore {
    fn commit(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(self.boundaries.around("a commit", self.inner.commit(changes)))
    }
    fn request(&self, id: Id<Request>) -> BoxFuture<'_, Result<Option<Request>, ReadError>> {
        self.inner.request(id)
    }
    fn askers<'a>(
        &'a self,
        of: &'a [Id<Request>],
    ) -> BoxFuture<'a, Result<BTreeMap<Id<Request>, Identity>, ReadError>> {
        self.inner.askers(of)
    }
    fn grant(&self, id: Id<Grant>) -> BoxFuture<'_, Result<Option<Grant>, ReadError>> {
        self.inner.grant(id)
    }
    fn lease(&self, id: Id<Lease>) -> BoxFuture<'_, Result<Option<Lease>, ReadError>> {
        self.inner.lease(id)
    }
    fn leases<'a>(&'a self, ids: &'a [Id<Lease>]) -> BoxFuture<'a, Result<Vec<Lease>, ReadError>> {
        self.inner.leases(ids)
    }
    fn requests<'a>(&'a self, filter: &'a RequestFilter, page: Page) -> BoxFuture<'a, Result<Vec<Request>, ReadError>> {
        self.inner.requests(filter, page)
    }
    fn grants<'a>(&'a self, filter: &'a GrantFilter, page: Page) -> BoxFuture<'a, Result<Vec<Grant>, ReadError>> {
        self.inner.grants(filter, page)
    }
    fn open(&self) -> BoxFuture<'_, Result<Open, ReadError>> {
        self.inner.open()
    }
    fn open_grants(&self) -> BoxFuture<'_, Result<Vec<Grant>, ReadError>> {
        self.inner.open_grants()
    }
    fn open_leases(&self) -> BoxFuture<'_, Result<Vec<Lease>, ReadError>> {
        self.inner.open_leases()
    }
    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, ReadError>> {
        self.inner.due(now, limit)
    }
    fn run(&self, id: Id<Run>) -> BoxFuture<'_, Result<Option<Run>, ReadError>> {
        self.inner.run(id)
    }
    fn newest_run<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Option<Run>, ReadError>> {
        self.inner.newest_run(key)
    }
    fn runs<'a>(&'a self, filter: &'a RunFilter, page: Page) -> BoxFuture<'a, Result<Vec<Run>, ReadError>> {
        self.inner.runs(filter, page)
    }
    fn ended_by_provider<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Option<Timestamp>, ReadError>> {
        self.inner.ended_by_provider(key)
    }
    fn beat<'a>(&'a self, run: Id<Run>, beat: &'a BeatId) -> BoxFuture<'a, Result<Option<Beat>, ReadError>> {
        self.inner.beat(run, beat)
    }
    fn beats(&self, run: Id<Run>) -> BoxFuture<'_, Result<Vec<Beat>, ReadError>> {
        self.inner.beats(run)
    }
    fn sign_ins_of<'a>(&'a self, email: &'a Email, limit: usize) -> BoxFuture<'a, Result<Vec<Session>, ReadError>> {
        self.inner.sign_ins_of(email, limit)
    }
    fn sign_ins(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Session>, ReadError>> {
        self.inner.sign_ins(now, limit)
    }
    fn notices(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Notice>, ReadError>> {
        self.inner.notices(now, limit)
    }
    fn session<'a>(&'a self, token_hash: &'a str) -> BoxFuture<'a, Result<Option<Session>, ReadError>> {
        self.inner.session(token_hash)
    }
    fn keys<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<SealedKey>, ReadError>> {
        self.inner.keys(name)
    }
    fn fact<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, ReadError>> {
        self.inner.fact(name)
    }
    fn facts<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<BTreeMap<String, String>, ReadError>> {
        self.inner.facts(prefix)
    }
    fn events(&self, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<SealedEvent>, ReadError>> {
        self.inner.events(from, limit)
    }
    fn events_about<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<SealedEvent>, ReadError>> {
        self.inner.events_about(id)
    }
    fn tree_head(&self) -> BoxFuture<'_, Result<TreeHead, ReadError>> {
        self.inner.tree_head()
    }
    fn inclusion_proof(&self, seq: u64, size: u64) -> BoxFuture<'_, Result<Option<Vec<[u8; 32]>>, ReadError>> {
        self.inner.inclusion_proof(seq, size)
    }
    fn consistency_proof(&self, old: u64, new: u64) -> BoxFuture<'_, Result<Option<Vec<[u8; 32]>>, ReadError>> {
        self.inner.consistency_proof(old, new)
    }
}

/// A connector whose effects are boundaries.
struct CrashingConnector {
    inner: Arc<dyn Connector>,
    boundaries: Arc<Boundaries>,
}

impl Connector for CrashingConnector {
    fn kind(&self) -> &'static ConnectorKind {
        self.inner.kind()
    }
    fn preflight<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Vec<Finding>> {
        self.inner.preflight(target)
    }
    fn prepare<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.boundaries.around("prepare", self.inner.prepare(target)))
    }
    fn probe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        self.inner.probe(target)
    }
    fn issue<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [IssueOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(self.boundaries.around("issue", self.inner.issue(target, orders)))
    }
    fn extend<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [ExtendOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(self.boundaries.around("extend", self.inner.extend(target, orders)))
    }
    fn revoke<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [RevokeOrder],
    ) -> BoxFuture<'a, Vec<Result<Revocation, CallError>>> {
        Box::pin(self.boundaries.around("revoke", self.inner.revoke(target, orders)))
    }
    fn observe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Observation, CallError>> {
        self.inner.observe(target)
    }
    fn told<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Told, CallError>> {
        self.inner.told(target)
    }
    fn tell<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        self.inner.tell(target)
    }
    fn begin_again<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.boundaries.around("begin_again", self.inner.begin_again(target)))
    }
    fn lock<'a>(&'a self, target: &'a Target, found: &'a Found) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.boundaries.around("lock", self.inner.lock(target, found)))
    }
}
