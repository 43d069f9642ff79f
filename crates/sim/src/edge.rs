//! The edge of the process: before and after every call to a target the server may die, and a call that it made
//! before it died may arrive after the next server has begun.

use crate::chance::Chance;
use curfew_domain::connector::ConnectorKind;
use curfew_engine::seams::connector::{
    CallError, ExtendOrder, Finding, Found, IssueOrder, Issued, Observation, Revocation, RevokeOrder, Target, Told,
};
use curfew_engine::seams::{BoxFuture, Connector};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where and how often the server dies.
#[derive(Default)]
pub(crate) struct Edge {
    /// Boundaries passed so far, of targets and of the ledger alike.
    pub(crate) passed: AtomicU64,
    /// Dies at just this boundary.
    pub(crate) dies_at: AtomicU64,
    /// Dies once in so many boundaries; never when 0.
    pub(crate) dies_once_in: AtomicUsize,
    /// It has died.
    pub(crate) dead: AtomicBool,
    calls: AtomicU64,
    in_flight: Mutex<BTreeMap<u64, LateCall>>,
}

/// A call to make something, on its way to a target when its server died.
#[derive(Clone)]
pub(crate) struct LateCall {
    connector: Arc<dyn Connector>,
    target: Target,
    orders: Orders,
}

/// What the call was to do.
#[derive(Clone)]
enum Orders {
    Issue(Vec<IssueOrder>),
    Extend(Vec<ExtendOrder>),
}

impl LateCall {
    /// It arrives. Says what the target answered, to nobody.
    pub(crate) async fn arrive(self) -> String {
        let answers = match &self.orders {
            Orders::Issue(orders) => self.connector.issue(&self.target, orders).await,
            Orders::Extend(orders) => self.connector.extend(&self.target, orders).await,
        };
        let made = answers.iter().filter(|answer| answer.is_ok()).count();
        format!("{made} of {} made in {}", answers.len(), self.target.resource)
    }
}

impl Edge {
    /// Whether the server dies here.
    pub(crate) fn dies(&self, chance: &Chance) -> bool {
        let passed = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        let odds = self.dies_once_in.load(Ordering::SeqCst);
        let dies = self.dies_at.load(Ordering::SeqCst) == passed || (odds > 0 && chance.one_in(odds));
        if dies {
            self.dead.store(true, Ordering::SeqCst);
        }
        dies
    }

    /// The calls that were on their way when the server died.
    pub(crate) fn drain(&self) -> Vec<LateCall> {
        std::mem::take(&mut *self.in_flight()).into_values().collect()
    }

    fn in_flight(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, LateCall>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connector whose calls may be the last thing a server does.
pub(crate) struct Edged {
    pub(crate) inner: Arc<dyn Connector>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) chance: Arc<Chance>,
}

impl Edged {
    async fn around<T>(&self, call: BoxFuture<'_, T>) -> T {
        self.boundary().await;
        let answer = call.await;
        self.boundary().await;
        answer
    }

    async fn boundary(&self) {
        if self.edge.dies(&self.chance) {
            std::future::pending::<()>().await;
        }
    }

    async fn give(
        &self,
        target: &Target,
        orders: Orders,
        answers: BoxFuture<'_, Vec<Result<Issued, CallError>>>,
    ) -> Vec<Result<Issued, CallError>> {
        let call = LateCall { connector: self.inner.clone(), target: target.clone(), orders };
        // Two calls may begin before either passes a boundary, so boundaries do not number them.
        let number = self.edge.calls.fetch_add(1, Ordering::SeqCst);
        self.edge.in_flight().insert(number, call);
        self.boundary().await;
        let answers = answers.await;
        self.edge.in_flight().remove(&number);
        self.boundary().await;
        answers
    }
}

impl Connector for Edged {
    fn kind(&self) -> &'static ConnectorKind {
        self.inner.kind()
    }
    fn preflight<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(self.around(self.inner.preflight(target)))
    }
    fn prepare<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.around(self.inner.prepare(target)))
    }
    fn probe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.around(self.inner.probe(target)))
    }
    fn issue<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [IssueOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(self.give(target, Orders::Issue(orders.to_vec()), self.inner.issue(target, orders)))
    }
    fn extend<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [ExtendOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(self.give(target, Orders::Extend(orders.to_vec()), self.inner.extend(target, orders)))
    }
    fn revoke<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [RevokeOrder],
    ) -> BoxFuture<'a, Vec<Result<Revocation, CallError>>> {
        Box::pin(self.around(self.inner.revoke(target, orders)))
    }
    fn observe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Observation, CallError>> {
        Box::pin(self.around(self.inner.observe(target)))
    }
    fn told<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Told, CallError>> {
        Box::pin(self.around(self.inner.told(target)))
    }
    fn tell<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.around(self.inner.tell(target)))
    }
    fn begin_again<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.around(self.inner.begin_again(target)))
    }
    fn lock<'a>(&'a self, target: &'a Target, found: &'a Found) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.around(self.inner.lock(target, found)))
    }
}
