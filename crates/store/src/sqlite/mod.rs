//! The embedded ledger: one SQLite file in WAL mode that one server owns.
//!
//! One thread writes, and lets everybody who waits at the same moment share one sync ([`writer`]); a few
//! threads read, and never hold a write up ([`readers`]). Space for ending access is kept in reserve
//! ([`reserve`]). See `docs/decisions/0003-ledger.md`.
//!
//! **Invariant:** nothing is answered before it is durable, and no other process writes the file.

mod apply;
mod apply_runs;
mod error;
mod file;
mod prepare;
mod progress;
mod proofs;
mod query;
mod query_runs;
mod queue;
mod readers;
mod reserve;
mod schema;
mod store;
mod writer;

pub use error::{Damaged, FileFailed, InUse, NewerLedger, NotALedger, OpenError, SqliteFailed};
pub use progress::Counts;
pub use reserve::{Options, Space};

use curfew_engine::seams::store::TreeHead;
use queue::Queue;
use readers::Readers;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use writer::{Job, Writer};

/// A ledger in a file. Dropping it closes it.
pub struct SqliteStore {
    queue: Arc<Queue<Job>>,
    readers: Readers,
    progress: Arc<progress::Progress>,
    writer: Mutex<Option<JoinHandle<()>>>,
    lock: Mutex<Option<file::LedgerLock>>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the ledger, or makes one (mode 0600, its folder 0700 when that is new too).
    ///
    /// # Errors
    /// When another process has it, when it is no ledger or a newer Curfew's, or when the disk says no.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_with(path, Options::default())
    }

    /// Opens the ledger with other bounds than the usual ones.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_with(path: &Path, options: Options) -> Result<Self, OpenError> {
        let place = file::Place::prepare(path)?;
        let lock = place.lock()?;
        let writer = Writer::open(&place, options)?;
        let progress = writer.progress();
        let readers = Readers::open(&place)?;
        let queue = Arc::new(Queue::new(writer::WAITING));
        let handle = writer.start(Arc::clone(&queue)).map_err(|e| place.failed("start a thread for", e))?;
        Ok(Self { queue, readers, progress, writer: Mutex::new(Some(handle)), lock: Mutex::new(Some(lock)) })
    }

    /// How much has been written since it was opened.
    pub fn counts(&self) -> Counts {
        self.progress.counts()
    }

    /// Commits what waits, refuses what comes after, and lets go of the file. Blocks until that is done;
    /// again, it does nothing.
    pub fn close(&self) {
        self.queue.close();
        // The writer last: the last connection copies the write-ahead log into the file, and readers may not.
        self.readers.close();
        join(&self.writer);
        drop(take(&self.lock));
    }

    fn head(&self) -> TreeHead {
        self.progress.head()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn join(slot: &Mutex<Option<JoinHandle<()>>>) {
    if take(slot).is_some_and(|handle| handle.join().is_err()) {
        tracing::error!("the ledger's writer had panicked");
    }
}
