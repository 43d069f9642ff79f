//! Reading the evidence.

use super::session::empty;
use super::streams::{Download, EventStream};
use super::{Client, ClientError, IdempotencyKey};
use crate::queries::{AuditFrom, AuditSearch, ConsistencyOf, ProofOf};
use crate::views::{AuditEventView, AuditKeyView, CheckpointView, ConsistencyView, Listing, ProofView};
use reqwest::Method;
use std::time::Duration;

/// How long an export or a stream of events may take: as good as for ever.
const STREAM_TIMEOUT: Duration = Duration::from_secs(24 * 3_600);

impl Client {
    /// Events in order from a place on. `next` is the place to go on from.
    ///
    /// # Errors
    /// See [`ClientError`], as for every method here.
    pub async fn audit_events(&self, query: &AuditFrom) -> Result<Listing<AuditEventView>, ClientError> {
        self.get(&["audit", "events"], query).await
    }

    /// Events with all of these words, newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn audit_search(&self, query: &AuditSearch) -> Result<Listing<AuditEventView>, ClientError> {
        self.get(&["audit", "search"], query).await
    }

    /// Events about a request, grant or lease, in order.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn audit_about(&self, id: &str) -> Result<Listing<AuditEventView>, ClientError> {
        self.get(&["audit", "about", id], &()).await
    }

    /// The whole log, byte for byte, with the signed checkpoint as its last line.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn audit_export(&self) -> Result<Download, ClientError> {
        let call = self.post_call(&["audit", "export"], &IdempotencyKey::fresh());
        let answer = self.send(call.timeout(STREAM_TIMEOUT).json(&empty())).await?;
        Ok(Download::new(answer, self.server()))
    }

    /// The key that checkpoints are signed with. Open to anybody.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn audit_key(&self) -> Result<AuditKeyView, ClientError> {
        self.get(&["audit", "key"], &()).await
    }

    /// That an event is in the log.
    ///
    /// # Errors
    /// `not_found` when there is no such event.
    pub async fn audit_proof(&self, query: &ProofOf) -> Result<ProofView, ClientError> {
        self.get(&["audit", "proof"], query).await
    }

    /// That one size of the log grew from another.
    ///
    /// # Errors
    /// `not_found` when there are no such sizes.
    pub async fn audit_consistency(&self, query: &ConsistencyOf) -> Result<ConsistencyView, ClientError> {
        self.get(&["audit", "consistency"], query).await
    }

    /// How the log stands now, signed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn audit_checkpoint(&self) -> Result<CheckpointView, ClientError> {
        self.get(&["audit", "checkpoint"], &()).await
    }

    /// Audit events that the caller may see, as they happen.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn events(&self) -> Result<EventStream, ClientError> {
        let call = self.call(Method::GET, self.api(&["events"])).timeout(STREAM_TIMEOUT);
        Ok(EventStream::new(self.send(call).await?, self.server()))
    }
}
