//! How far the audit log has grown, for those who watch it: one look for all of them.

use curfew_engine::seams::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the ledger is asked while somebody watches.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Tells everybody who watches the log's size.
#[derive(Clone)]
pub(crate) struct Tail(Arc<watch::Sender<u64>>);

impl Tail {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// Watches from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    /// Follows the ledger until it is dropped.
    pub(crate) async fn follow(&self, store: Arc<dyn Store>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.0.receiver_count() == 0 {
                continue;
            }
            match store.tree_head().await {
                Ok(head) => {
                    self.0.send_if_modified(|size| std::mem::replace(size, head.size) != head.size);
                }
                Err(error) => tracing::warn!(%error, "the audit log cannot be followed"),
            }
        }
    }
}
