//! The seam: each call is handed to the writer, or to a reader.

use super::prepare::{committed, prepare};
use super::writer::Job;
use super::{SqliteStore, proofs, query, query_runs};
use crate::nature::{Need, Urgency};
use curfew_domain::audit::merkle::Place;
use curfew_domain::audit::{Growth, SealedEvent};
use curfew_domain::{BeatId, Email, Grant, Id, Identity, Lease, Request, Run, RunKey, Timestamp};
use curfew_engine::seams::BoxFuture;
use curfew_engine::seams::store::{
    Beat, Change, CommitError, Committed, Due, GrantFilter, Notice, Open, Page, ReadError, RequestFilter, RunFilter,
    SealedKey, Session, Store, TreeHead,
};
use futures::channel::oneshot;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Store for SqliteStore {
    fn commit(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            let unavailable = |why: String| CommitError::Unavailable(why);
            let (urgency, need) = (Urgency::of(&changes), Need::of(&changes));
            let writes = Arc::new(prepare(changes));
            let (reply, answer) = oneshot::channel();
            let job = Job { writes: Arc::clone(&writes), need, reply };
            self.queue.push(urgency, job).map_err(|e| unavailable(e.to_string()))?;
            let places = answer.await.unwrap_or_else(|_| Err(unavailable("its writer is gone".to_owned())))?;
            let writes = Arc::into_inner(writes).expect("INVARIANT: the writer lets go before it answers");
            Ok(committed(writes, places))
        })
    }

    fn request(&self, id: Id<Request>) -> BoxFuture<'_, Result<Option<Request>, ReadError>> {
        self.readers.ask(move |conn| query::request(conn, id))
    }

    fn askers<'a>(
        &'a self,
        of: &'a [Id<Request>],
    ) -> BoxFuture<'a, Result<BTreeMap<Id<Request>, Identity>, ReadError>> {
        let of = of.to_vec();
        self.readers.ask(move |conn| query::askers(conn, &of))
    }

    fn grant(&self, id: Id<Grant>) -> BoxFuture<'_, Result<Option<Grant>, ReadError>> {
        self.readers.ask(move |conn| query::grant(conn, id))
    }

    fn lease(&self, id: Id<Lease>) -> BoxFuture<'_, Result<Option<Lease>, ReadError>> {
        self.readers.ask(move |conn| query::lease(conn, id))
    }

    fn leases<'a>(&'a self, ids: &'a [Id<Lease>]) -> BoxFuture<'a, Result<Vec<Lease>, ReadError>> {
        let ids = ids.to_vec();
        self.readers.ask(move |conn| query::leases(conn, &ids))
    }

    fn requests<'a>(&'a self, filter: &'a RequestFilter, page: Page) -> BoxFuture<'a, Result<Vec<Request>, ReadError>> {
        let filter = filter.clone();
        self.readers.ask(move |conn| query::requests(conn, &filter, &page))
    }

    fn grants<'a>(&'a self, filter: &'a GrantFilter, page: Page) -> BoxFuture<'a, Result<Vec<Grant>, ReadError>> {
        let filter = filter.clone();
        self.readers.ask(move |conn| query::grants(conn, &filter, &page))
    }

    fn open(&self) -> BoxFuture<'_, Result<Open, ReadError>> {
        self.readers.ask(query::open)
    }

    fn open_grants(&self) -> BoxFuture<'_, Result<Vec<Grant>, ReadError>> {
        self.readers.ask(query::open_grants)
    }

    fn open_leases(&self) -> BoxFuture<'_, Result<Vec<Lease>, ReadError>> {
        self.readers.ask(query::open_leases)
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, ReadError>> {
        self.readers.ask(move |conn| query::due(conn, now, limit))
    }

    fn run(&self, id: Id<Run>) -> BoxFuture<'_, Result<Option<Run>, ReadError>> {
        self.readers.ask(move |conn| query_runs::run(conn, id))
    }

    fn newest_run<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Option<Run>, ReadError>> {
        let key = key.clone();
        self.readers.ask(move |conn| query_runs::newest_run(conn, &key))
    }

    fn runs<'a>(&'a self, filter: &'a RunFilter, page: Page) -> BoxFuture<'a, Result<Vec<Run>, ReadError>> {
        let filter = filter.clone();
        self.readers.ask(move |conn| query_runs::runs(conn, &filter, &page))
    }

    fn ended_by_provider<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Option<Timestamp>, ReadError>> {
        let key = key.clone();
        self.readers.ask(move |conn| query_runs::ended_by_provider(conn, &key))
    }

    fn beat<'a>(&'a self, run: Id<Run>, beat: &'a BeatId) -> BoxFuture<'a, Result<Option<Beat>, ReadError>> {
        let beat = beat.clone();
        self.readers.ask(move |conn| query_runs::beat(conn, run, &beat))
    }

    fn beats(&self, run: Id<Run>) -> BoxFuture<'_, Result<Vec<Beat>, ReadError>> {
        self.readers.ask(move |conn| query_runs::beats(conn, run))
    }

    fn notices(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Notice>, ReadError>> {
        self.readers.ask(move |conn| query::notices(conn, now, limit))
    }

    fn session<'a>(&'a self, token_hash: &'a str) -> BoxFuture<'a, Result<Option<Session>, ReadError>> {
        let token_hash = token_hash.to_owned();
        self.readers.ask(move |conn| query::session(conn, &token_hash))
    }

    fn sign_ins_of<'a>(&'a self, email: &'a Email, limit: usize) -> BoxFuture<'a, Result<Vec<Session>, ReadError>> {
        let email = email.clone();
        self.readers.ask(move |conn| query_runs::sign_ins_of(conn, &email, limit))
    }

    fn sign_ins(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Session>, ReadError>> {
        self.readers.ask(move |conn| query_runs::sign_ins(conn, now, limit))
    }

    fn keys<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<SealedKey>, ReadError>> {
        let name = name.to_owned();
        self.readers.ask(move |conn| query::keys(conn, &name))
    }

    fn fact<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, ReadError>> {
        let name = name.to_owned();
        self.readers.ask(move |conn| query::fact(conn, &name))
    }

    fn facts<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<BTreeMap<String, String>, ReadError>> {
        let prefix = prefix.to_owned();
        self.readers.ask(move |conn| query::facts(conn, &prefix))
    }

    fn events(&self, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<SealedEvent>, ReadError>> {
        self.readers.ask(move |conn| query::events(conn, from, limit))
    }

    fn events_about<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<SealedEvent>, ReadError>> {
        let id = id.to_owned();
        self.readers.ask(move |conn| query::events_about(conn, &id))
    }

    fn tree_head(&self) -> BoxFuture<'_, Result<TreeHead, ReadError>> {
        Box::pin(std::future::ready(Ok(self.head())))
    }

    fn inclusion_proof(&self, seq: u64, size: u64) -> BoxFuture<'_, Result<Option<Vec<[u8; 32]>>, ReadError>> {
        self.readers.ask(move |conn| proofs::inclusion(conn, Place { seq, size }))
    }

    fn consistency_proof(&self, old: u64, new: u64) -> BoxFuture<'_, Result<Option<Vec<[u8; 32]>>, ReadError>> {
        self.readers.ask(move |conn| proofs::consistency(conn, Growth { from: old, to: new }))
    }
}
