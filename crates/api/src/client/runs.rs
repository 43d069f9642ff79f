//! Runs of pipelines.

use super::{Client, ClientError};
use crate::bodies::BeatBody;
use crate::views::{AttestationView, RunStateView};

impl Client {
    /// Begins a run, or joins it with another client. The same beat again changes nothing.
    ///
    /// # Errors
    /// `run_over` when its provider has said that it ended; as for every method here, see [`ClientError`].
    pub async fn begin_run(&self, body: &BeatBody) -> Result<RunStateView, ClientError> {
        self.post(&["runs"], body).await
    }

    /// Says that a client is still there. `run` is a `run_` id.
    ///
    /// # Errors
    /// `run_over` when it was silent for too long: what it had is gone.
    pub async fn beat(&self, run: &str, body: &BeatBody) -> Result<RunStateView, ClientError> {
        self.post(&["runs", run, "beats"], body).await
    }

    /// Says that a client is done. What lived with it ends, and the run with its last client.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn end_run(&self, run: &str, body: &BeatBody) -> Result<RunStateView, ClientError> {
        self.post(&["runs", run, "end"], body).await
    }

    /// One run with everything that came of it, by its `run_` id or by its provider's.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn run(&self, run: &str) -> Result<RunStateView, ClientError> {
        self.get(&["runs", run], &()).await
    }

    /// The signed word that what a run was given is gone.
    ///
    /// # Errors
    /// `wrong_state` while the run lives or something of it has not ended.
    pub async fn attestation(&self, run: &str) -> Result<AttestationView, ClientError> {
        self.get(&["runs", run, "attestation"], &()).await
    }
}
