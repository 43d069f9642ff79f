//! The ledger as one of many callers sees it: before each answer, others may have had their turn. The ledger in
//! memory answers at once, and without this no two verbs would ever meet.

use crate::chance::Chance;
use curfew_domain::audit::SealedEvent;
use curfew_domain::{BeatId, Email, Grant, Id, Identity, Lease, Request, Run, RunKey, Timestamp};
use curfew_engine::seams::BoxFuture;
use curfew_engine::seams::store::{
    Beat, Change, CommitError, Committed, Due, GrantFilter, Notice, Open, Page, ReadError, RequestFilter, RunFilter,
    SealedKey, Session, Store, TreeHead,
};
use curfew_store::memory::MemoryStore;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// A ledger whose callers take turns.
pub(crate) struct InTurns {
    pub(crate) inner: MemoryStore,
    pub(crate) chance: Arc<Chance>,
}

impl InTurns {
    /// Lets others go first, as often as chance has it.
    async fn turn(&self) {
        while self.chance.one_in(3) {
            let mut waited = false;
            poll_fn(|context| {
                if std::mem::replace(&mut waited, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }

    fn after<'a, T: Send + 'a>(&'a self, call: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        Box::pin(async move {
            self.turn().await;
            let answer = call.await;
            self.turn().await;
            answer
        })
    }
}

impl Store for InTurns {
    fn commit(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<Committed, CommitError>> {
        self.after(self.inner.commit(changes))
    }
    fn request(&self, id: Id<Request>) -> BoxFuture<'_, Result<Option<Request>, ReadError>> {
        self.after(self.inner.request(id))
    }
    fn askers<'a>(
        &'a self,
        of: &'a [Id<Request>],
    ) -> BoxFuture<'a, Result<BTreeMap<Id<Request>, Identity>, ReadError>> {
        self.after(self.inner.askers(of))
    }
    fn grant(&self, id: Id<Grant>) -> BoxFuture<'_, Result<Option<Grant>, ReadError>> {
        self.after(self.inner.grant(id))
    }
    fn lease(&self, id: Id<Lease>) -> BoxFuture<'_, Result<Option<Lease>, ReadError>> {
        self.after(self.inner.lease(id))
    }
    fn leases<'a>(&'a self, ids: &'a [Id<Lease>]) -> BoxFuture<'a, Result<Vec<Lease>, ReadError>> {
        self.after(self.inner.leases(ids))
    }
    fn requests<'a>(&'a self, filter: &'a RequestFilter, page: Page) -> BoxFuture<'a, Result<Vec<Request>, ReadError>> {
        self.after(self.inner.requests(filter, page))
    }
    fn grants<'a>(&'a self, filter: &'a GrantFilter, page: Page) -> BoxFuture<'a, Result<Vec<Grant>, ReadError>> {
        self.after(self.inner.grants(filter, page))
    }
    fn open(&self) -> BoxFuture<'_, Result<Open, ReadError>> {
        self.after(self.inner.open())
    }
    fn open_grants(&self) -> BoxFuture<'_, Result<Vec<Grant>, ReadError>> {
        self.after(self.inner.open_grants())
    }
    fn open_leases(&self) -> BoxFuture<'_, Result<Vec<Lease>, ReadError>> {
        self.after(self.inner.open_leases())
    }
    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, ReadError>> {
        self.after(self.inner.due(now, limit))
    }
    fn run(&self, id: Id<Run>) -> BoxFuture<'_, Result<Option<Run>, ReadError>> {
        self.after(self.inner.run(id))
    }
    fn newest_run<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Option<Run>, ReadError>> {
        self.after(self.inner.newest_run(key))
    }
    fn runs<'a>(&'a self, filter: &'a RunFilter, page: Page) -> BoxFuture<'a, Result<Vec<Run>, ReadError>> {
        self.after(self.inner.runs(filter, page))
    }
    fn ended_by_provider<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Option<Timestamp>, ReadError>> {
        self.after(self.inner.ended_by_provider(key))
    }
    fn beat<'a>(&'a self, run: Id<Run>, beat: &'a BeatId) -> BoxFuture<'a, Result<Option<Beat>, ReadError>> {
        self.after(self.inner.beat(run, beat))
    }
    fn beats(&self, run: Id<Run>) -> BoxFuture<'_, Result<Vec<Beat>, ReadError>> {
        self.after(self.inner.beats(run))
    }
    fn sign_ins_of<'a>(&'a self, email: &'a Email, limit: usize) -> BoxFuture<'a, Result<Vec<Session>, ReadError>> {
        self.after(self.inner.sign_ins_of(email, limit))
    }
    fn sign_ins(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Session>, ReadError>> {
        self.after(self.inner.sign_ins(now, limit))
    }
    fn notices(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Notice>, ReadError>> {
        self.after(self.inner.notices(now, limit))
    }
    fn session<'a>(&'a self, token_hash: &'a str) -> BoxFuture<'a, Result<Option<Session>, ReadError>> {
        self.after(self.inner.session(token_hash))
    }
    fn keys<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<SealedKey>, ReadError>> {
        self.after(self.inner.keys(name))
    }
    fn fact<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, ReadError>> {
        self.after(self.inner.fact(name))
    }
    fn facts<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<BTreeMap<String, String>, ReadError>> {
        self.after(self.inner.facts(prefix))
    }
    fn events(&self, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<SealedEvent>, ReadError>> {
        self.after(self.inner.events(from, limit))
    }
    fn events_about<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<SealedEvent>, ReadError>> {
        self.after(self.inner.events_about(id))
    }
    fn tree_head(&self) -> BoxFuture<'_, Result<TreeHead, ReadError>> {
        self.after(self.inner.tree_head())
    }
    fn inclusion_proof(&self, seq: u64, size: u64) -> BoxFuture<'_, Result<Option<Vec<[u8; 32]>>, ReadError>> {
        self.after(self.inner.inclusion_proof(seq, size))
    }
    fn consistency_proof(&self, old: u64, new: u64) -> BoxFuture<'_, Result<Option<Vec<[u8; 32]>>, ReadError>> {
        self.after(self.inner.consistency_proof(old, new))
    }
}
