//! What others may see of the writer without waiting for it.

use super::reserve::Space;
use curfew_domain::audit::Frontier;
use curfew_engine::seams::store::TreeHead;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much has been written since the ledger was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Commits that were written.
    pub commits: u64,
    /// Transactions they were written in, each with one sync.
    pub transactions: u64,
    /// Whether there is room for anything but ends.
    pub space: Space,
}

/// What others may see of the writer.
pub(super) struct Progress {
    commits: AtomicU64,
    transactions: AtomicU64,
    seen: Mutex<(TreeHead, Space)>,
}

impl Progress {
    pub(super) fn of(tree: &Frontier) -> Self {
        let seen = Mutex::new((head_of(tree), Space::Roomy));
        Self { commits: AtomicU64::new(0), transactions: AtomicU64::new(0), seen }
    }

    pub(super) fn counts(&self) -> Counts {
        let commits = self.commits.load(Ordering::Relaxed);
        let transactions = self.transactions.load(Ordering::Relaxed);
        Counts { commits, transactions, space: self.seen().1 }
    }

    pub(super) fn head(&self) -> TreeHead {
        self.seen().0
    }

    pub(super) fn wrote(&self, commits: u64, tree: &Frontier) {
        self.commits.fetch_add(commits, Ordering::Relaxed);
        self.transactions.fetch_add(1, Ordering::Relaxed);
        self.seen().0 = head_of(tree);
    }

    pub(super) fn entered(&self, space: Space) {
        self.seen().1 = space;
    }

    fn seen(&self) -> MutexGuard<'_, (TreeHead, Space)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn head_of(tree: &Frontier) -> TreeHead {
    TreeHead { size: tree.size(), root: *tree.root().as_bytes() }
}
