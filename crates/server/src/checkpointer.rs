//! Signs how the audit log stands, every few seconds when it has grown and once more at the stop; and, with the same key,
//! what is said of runs that are over.

use curfew_domain::audit::export::checkpoint_line;
use curfew_domain::audit::{Checkpoint, CheckpointKey, Envelope, TreeHash};
use curfew_engine::keyring::{KeyError, Keyring};
use curfew_engine::seams::store::{CommitError, ReadError};
use curfew_engine::seams::{Change, Clock, Store};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The keyring's name of the key that signs checkpoints.
pub const CHECKPOINT_KEY: &str = "checkpoint";
/// The fact that keeps the log's name, so that it stays when the server's address changes.
const ORIGIN_FACT: &str = "audit_origin";

/// Why there is no signed checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log's name could not be kept.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// There is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The log's name cannot be that of a key.
    #[error(transparent)]
    Name(#[from] curfew_domain::audit::checkpoint::BadKeyName),
    /// The witness file did not take it.
    #[error("the witness {path} cannot be written: {why}")]
    Witness {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

/// A checkpoint with its signature.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    /// How the log stood.
    pub(crate) checkpoint: Checkpoint,
    /// The signed note.
    pub(crate) note: String,
}

/// Signs, and tells the witness.
pub(crate) struct Checkpointer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    keyring: Arc<Keyring>,
    /// The name of a log that has none yet.
    host: String,
    witness: Option<PathBuf>,
    last: Mutex<Option<Signed>>,
}

/// What a checkpointer is made of.
pub(crate) struct CheckpointerParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) host: String,
    pub(crate) witness: Option<PathBuf>,
}

impl Checkpointer {
    pub(crate) fn new(parts: CheckpointerParts) -> Self {
        let CheckpointerParts { store, clock, keyring, host, witness } = parts;
        Self { store, clock, keyring, host, witness, last: Mutex::default() }
    }

    /// The log as it stands, signed. The same log gives the same note. What grew is told to the witness first.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub(crate) async fn sign(&self) -> Result<Signed, CheckpointError> {
        let key = self.key().await?;
        let mut last = self.last.lock().await;
        let head = self.store.tree_head().await?;
        let root = TreeHash::from_bytes(head.root);
        if let Some(signed) = last.as_ref().filter(|s| s.checkpoint.size == head.size && s.checkpoint.root == root) {
            return Ok(signed.clone());
        }
        let checkpoint = Checkpoint { size: head.size, root, at: Some(self.clock.wall()) };
        let signed = Signed { checkpoint, note: key.sign(&checkpoint) };
        self.tell_witness(&signed)?;
        metrics::gauge!("curfew_checkpoint_size").set(signed.checkpoint.size as f64);
        *last = Some(signed.clone());
        Ok(signed)
    }

    /// A statement in an envelope, signed by the same key. It passes for no checkpoint, and no checkpoint for it: see
    /// [`curfew_domain::audit::dsse`].
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub(crate) async fn sign_statement(&self, statement: &[u8]) -> Result<Envelope, CheckpointError> {
        Ok(self.key().await?.sign_statement(statement))
    }

    /// The public key, as a C2SP vkey.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub(crate) async fn public_key(&self) -> Result<String, CheckpointError> {
        Ok(self.key().await?.vkey())
    }

    async fn key(&self) -> Result<CheckpointKey, CheckpointError> {
        let origin = self.origin().await?;
        let key = self.keyring.current(CHECKPOINT_KEY).await?;
        Ok(CheckpointKey::from_seed(&origin, key.key.to_bytes())?)
    }

    async fn origin(&self) -> Result<String, CheckpointError> {
        if let Some(origin) = self.store.fact(ORIGIN_FACT).await? {
            return Ok(origin);
        }
        let installation = self.store.fact("installation").await?.unwrap_or_default();
        let origin = format!("{}/audit/{installation}", self.host);
        let fact = Change::Fact { name: ORIGIN_FACT.to_owned(), value: Some(origin.clone()) };
        self.store.commit(vec![fact]).await?;
        Ok(origin)
    }

    /// Appends one line and waits until it is on disk.
    fn tell_witness(&self, signed: &Signed) -> Result<(), CheckpointError> {
        let Some(path) = &self.witness else { return Ok(()) };
        let failed = |e: std::io::Error| CheckpointError::Witness { path: path.clone(), why: e.to_string() };
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        let line = [checkpoint_line(&signed.note), b"\n".to_vec()].concat();
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(failed)
    }
}
