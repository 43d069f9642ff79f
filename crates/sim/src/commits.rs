//! What goes wrong with commits.

use crate::chance::Chance;
use crate::edge::Edge;
use curfew_domain::{GrantState, LeaseState};
use curfew_engine::seams::Change;
use curfew_store::memory::{CommitPoint, Fault, Faults};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often commits go wrong.
pub(crate) struct CommitTrouble {
    once_in: AtomicUsize,
    began_calm: Calm,
    /// So many orders to end a grant or a lease fail before one is taken.
    pub(crate) ends_that_fail: AtomicUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calm {
    Yes,
    No,
}

impl CommitTrouble {
    pub(crate) fn new(once_in: usize) -> Self {
        let began_calm = if once_in == 0 { Calm::Yes } else { Calm::No };
        Self { once_in: AtomicUsize::new(once_in), began_calm, ends_that_fail: AtomicUsize::new(0) }
    }

    /// Whether no commit of this world ever failed.
    pub(crate) fn never_failed(&self) -> bool {
        self.began_calm == Calm::Yes
    }

    pub(crate) fn calm(&self) {
        self.once_in.store(0, Ordering::SeqCst);
        self.ends_that_fail.store(0, Ordering::SeqCst);
    }

    /// Whether commits fail now and then.
    pub(crate) fn is_calm(&self) -> bool {
        self.once_in.load(Ordering::SeqCst) == 0
    }

    /// What the ledger asks at each commit: the server may die on either side of it, or it may fail.
    pub(crate) fn faults(self: &Arc<Self>, chance: &Arc<Chance>, edge: &Arc<Edge>) -> Faults {
        let (trouble, chance, edge) = (self.clone(), chance.clone(), edge.clone());
        Arc::new(move |point: CommitPoint<'_>| {
            if edge.dies(&chance) {
                return Fault::CrashBefore;
            }
            if edge.dies(&chance) {
                return Fault::CrashAfter;
            }
            if orders_an_end(point.changes) && trouble.fails_an_end() {
                return Fault::FailBefore;
            }
            match trouble.once_in.load(Ordering::SeqCst) {
                0 => Fault::None,
                n if chance.one_in(n) => *chance.pick(&[Fault::FailBefore, Fault::LoseReply]),
                _ => Fault::None,
            }
        })
    }

    fn fails_an_end(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.ends_that_fail.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
    }
}

fn orders_an_end(changes: &[Change]) -> bool {
    changes.iter().any(|change| match change {
        Change::Grant(step) => matches!(step.next.state, GrantState::Ending { .. }),
        Change::Lease(step) => matches!(step.next.state, LeaseState::Revoking { .. }),
        Change::Request(_)
        | Change::Run(_)
        | Change::Beat(_)
        | Change::BeatHeard { .. }
        | Change::BeatOver { .. }
        | Change::RunEndedByProvider { .. }
        | Change::Event(_)
        | Change::Notice(_)
        | Change::NoticeSent(_)
        | Change::NoticeLater { .. }
        | Change::RequestKey { .. }
        | Change::Session(_)
        | Change::TokenUsed(_)
        | Change::SessionEnded { .. }
        | Change::Prune { .. }
        | Change::Key(_)
        | Change::Fact { .. } => false,
    })
}
