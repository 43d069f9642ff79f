//! A ledger in memory, for the simulator: no thread, no clock, no file, so that the same calls give the
//! same answers. What it holds outlives the server that writes it ([`MemoryStore::crash`],
//! [`MemoryStore::reopen`]), and each commit can be made to fail before it, after it, or not to return.
//!
//! **Invariant:** a call is answered when it is first polled, or never. Nothing here waits.

mod checks;
mod ledger;

use curfew_domain::audit::SealedEvent;
use curfew_domain::{BeatId, Email, Grant, Id, Identity, Lease, Request, Run, RunKey, Timestamp};
use curfew_engine::seams::BoxFuture;
use curfew_engine::seams::store::{
    Beat, Change, CommitError, Committed, Due, GrantFilter, Notice, Open, Page, ReadError, RequestFilter, RunFilter,
    SealedKey, Session, Store, TreeHead,
};
use ledger::Ledger;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One commit, as the simulator's faults see it.
#[derive(Debug, Clone, Copy)]
pub struct CommitPoint<'a> {
    /// Which commit of the ledger this is, from 0; failed ones count, and reopening does not begin anew.
    pub number: u64,
    /// What is to be written.
    pub changes: &'a [Change],
}

/// What happens to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fault {
    /// Nothing: it is carried out and answered.
    #[default]
    None,
    /// Nothing is written, and the caller is told so.
    FailBefore,
    /// It is written, and the caller is told that it was not.
    LoseReply,
    /// The server dies before it is written: the call never returns, and the handle is dead.
    CrashBefore,
    /// The server dies after it is written: the call never returns, and the handle is dead.
    CrashAfter,
}

/// Decides what happens to each commit.
pub type Faults = Arc<dyn Fn(CommitPoint<'_>) -> Fault + Send + Sync>;

/// One server's handle on a ledger in memory. Clones are the same server's.
#[derive(Clone)]
pub struct MemoryStore {
    ledger: Arc<Mutex<Ledger>>,
    crashed: Arc<AtomicBool>,
    faults: Option<Faults>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("crashed", &self.has_crashed()).finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty ledger.
    pub fn new() -> Self {
        Self { ledger: Arc::default(), crashed: Arc::default(), faults: None }
    }

    /// The same ledger with faults in its commits.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = Some(faults);
        self
    }

    /// The server dies: whatever still holds this handle or a clone of it reads and writes nothing more.
    pub fn crash(&self) {
        self.crashed.store(true, Ordering::SeqCst);
    }

    /// Whether the server has died.
    pub fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::SeqCst)
    }

    /// A handle of the next server on what is durable, with the same faults.
    #[must_use]
    pub fn reopen(&self) -> Self {
        Self { ledger: Arc::clone(&self.ledger), crashed: Arc::default(), faults: self.faults.clone() }
    }

    /// A ledger of its own that holds what this one holds now, with the same faults: a backup, and on another
    /// call of this the ledger that is restored from it.
    #[must_use]
    pub fn copy(&self) -> Self {
        let ledger = self.with_ledger(|ledger| ledger.clone());
        Self { ledger: Arc::new(Mutex::new(ledger)), crashed: Arc::default(), faults: self.faults.clone() }
    }

    fn with_ledger<T>(&self, run: impl FnOnce(&mut Ledger) -> T) -> T {
        run(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read<'a, T: Send + 'a>(
        &'a self,
        run: impl FnOnce(&Ledger) -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, ReadError>> {
        Box::pin(async move {
            if self.has_crashed() {
                return Err(ReadError("the server that asks has crashed".to_owned()));
            }
            Ok(self.with_ledger(|ledger| run(ledger)))
        })
    }

    fn fault(&self, changes: &[Change]) -> Fault {
        let number = self.with_ledger(Ledger::count_commit);
        // Not under the lock: the fault may look at the ledger, or crash this handle.
        self.faults.as_ref().map_or(Fault::None, |faults| faults(CommitPoint { number, changes }))
    }
}

fn dead<T>() -> Result<T, CommitError> {
    Err(CommitError::Unavailable("the server that asks has crashed".to_owned()))
}

impl Store for MemoryStore {
    fn commit(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            if self.has_crashed() {
                return dead();
            }
            match self.fault(&changes) {
                Fault::None if self.has_crashed() => dead(),
                Fault::None => self.with_ledger(|ledger| ledger.commit(changes)),
                Fault::FailBefore => Err(CommitError::Unavailable("a fault before the commit".to_owned())),
                Fault::LoseReply => {
                    self.with_ledger(|ledger| ledger.commit(changes))?;
                    Err(CommitError::Unavailable("the answer was lost".to_owned()))
                }
                Fault::CrashBefore => {
                    self.crash();
                    futures::future::pending().await
                }
                Fault::CrashAfter => {
                    let _unheard = self.with_ledger(|ledger| ledger.commit(changes));
                    self.crash();
                    futures::future::pending().await
                }
            }
        })
    }

    fn request(&self, id: Id<Request>) -> BoxFuture<'_, Result<Option<Request>, ReadError>> {
        self.read(move |ledger| ledger.request(id))
    }

    fn askers<'a>(
        &'a self,
        of: &'a [Id<Request>],
    ) -> BoxFuture<'a, Result<BTreeMap<Id<Request>, Identity>, ReadError>> {
        let asker = |request: Request| (request.id, request.asker());
        self.read(move |ledger| of.iter().filter_map(|id| ledger.request(*id)).map(asker).collect())
    }

    fn grant(&self, id: Id<Grant>) -> BoxFuture<'_, Result<Option<Grant>, ReadError>> {
        self.read(move |ledger| ledger.grant(id))
    }

    fn lease(&self, id: Id<Lease>) -> BoxFuture<'_, Result<Option<Lease>, ReadError>> {
        self.read(move |ledger| ledger.lease(id))
    }

    fn leases<'a>(&'a self, ids: &'a [Id<Lease>]) -> BoxFuture<'a, Result<Vec<Lease>, ReadError>> {
        self.read(move |ledger| ids.iter().filter_map(|id| ledger.lease(*id)).collect())
    }

    fn requests<'a>(&'a self, filter: &'a RequestFilter, page: Page) -> BoxFuture<'a, Result<Vec<Request>, ReadError>> {
        self.read(move |ledger| ledger.requests(filter, &page))
    }

    fn grants<'a>(&'a self, filter: &'a GrantFilter, page: Page) -> BoxFuture<'a, Result<Vec<Grant>, ReadError>> {
        self.read(move |ledger| ledger.grants(filter, &page))
    }

    fn open(&self) -> BoxFuture<'_, Result<Open, ReadError>> {
        self.read(|ledger| Open { leases: ledger.open_leases(), grants: ledger.open_grants() })
    }

    fn open_grants(&self) -> BoxFuture<'_, Result<Vec<Grant>, ReadError>> {
        self.read(Ledger::open_grants)
    }

    fn open_leases(&self) -> BoxFuture<'_, Result<Vec<Lease>, ReadError>> {
        self.read(Ledger::open_leases)
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, ReadError>> {
        self.read(move |ledger| ledger.due(now, limit))
    }

    fn run(&self, id: Id<Run>) -> BoxFuture<'_, Result<Option<Run>, ReadError>> {
        self.read(move |ledger| ledger.run(id).cloned())
    }

    fn newest_run<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Option<Run>, ReadError>> {
        self.read(move |ledger| ledger.newest_run(key).cloned())
    }

    fn runs<'a>(&'a self, filter: &'a RunFilter, page: Page) -> BoxFuture<'a, Result<Vec<Run>, ReadError>> {
        self.read(move |ledger| ledger.runs(filter, &page))
    }

    fn ended_by_provider<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Option<Timestamp>, ReadError>> {
        self.read(move |ledger| ledger.ended_by_provider(key))
    }

    fn beat<'a>(&'a self, run: Id<Run>, beat: &'a BeatId) -> BoxFuture<'a, Result<Option<Beat>, ReadError>> {
        self.read(move |ledger| ledger.beat(run, beat).cloned())
    }

    fn beats(&self, run: Id<Run>) -> BoxFuture<'_, Result<Vec<Beat>, ReadError>> {
        self.read(move |ledger| ledger.beats(run))
    }

    fn notices(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Notice>, ReadError>> {
        self.read(move |ledger| ledger.notices(now, limit))
    }

    fn session<'a>(&'a self, token_hash: &'a str) -> BoxFuture<'a, Result<Option<Session>, ReadError>> {
        self.read(move |ledger| ledger.session(token_hash))
    }

    fn sign_ins_of<'a>(&'a self, email: &'a Email, limit: usize) -> BoxFuture<'a, Result<Vec<Session>, ReadError>> {
        self.read(move |ledger| ledger.sign_ins_of(email, limit))
    }

    fn sign_ins(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Session>, ReadError>> {
        self.read(move |ledger| ledger.sign_ins(now, limit))
    }

    fn keys<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<SealedKey>, ReadError>> {
        self.read(move |ledger| ledger.keys(name))
    }

    fn fact<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, ReadError>> {
        self.read(move |ledger| ledger.fact(name))
    }

    fn facts<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<BTreeMap<String, String>, ReadError>> {
        self.read(move |ledger| ledger.facts(prefix))
    }

    fn events(&self, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<SealedEvent>, ReadError>> {
        self.read(move |ledger| ledger.events(from, limit))
    }

    fn events_about<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<SealedEvent>, ReadError>> {
        self.read(move |ledger| ledger.events_about(id))
    }

    fn tree_head(&self) -> BoxFuture<'_, Result<TreeHead, ReadError>> {
        self.read(Ledger::tree_head)
    }

    fn inclusion_proof(&self, seq: u64, size: u64) -> BoxFuture<'_, Result<Option<Vec<[u8; 32]>>, ReadError>> {
        self.read(move |ledger| ledger.inclusion_proof(seq, size))
    }

    fn consistency_proof(&self, old: u64, new: u64) -> BoxFuture<'_, Result<Option<Vec<[u8; 32]>>, ReadError>> {
        self.read(move |ledger| ledger.consistency_proof(old, new))
    }
}
