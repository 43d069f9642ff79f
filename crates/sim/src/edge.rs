//! The edge of the process: before and after every call to a target the server may die.

use crate::chance::Chance;
use curfew_domain::connector::ConnectorKind;
use curfew_engine::seams::connector::{
    CallError, Finding, Found, IssueOrder, Issued, Observation, Revocation, RevokeOrder, Target,
};
use curfew_engine::seams::{BoxFuture, Connector};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

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
        Box::pin(self.around(self.inner.issue(target, orders)))
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
    fn lock<'a>(&'a self, target: &'a Target, found: &'a Found) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.around(self.inner.lock(target, found)))
    }
}
