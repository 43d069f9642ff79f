//! Evidence: what happened, sealed so that nobody can quietly rewrite it.
//!
//! An [`AuditEvent`] becomes a [`SealedEvent`] by getting its place and its hash ([`seal`]); the hashes are
//! leaves of one RFC 6962 Merkle tree ([`merkle`]); the tree's root is signed now and then ([`checkpoint`]);
//! and whoever holds an export and the public key can tell whether it is whole ([`export`]). The same key signs
//! statements that are kept by others ([`dsse`]).
//!
//! **Invariant:** nothing here reads a clock, a file or a key store. Bytes go in, bytes and verdicts come out.

mod bound;
pub mod canonical;
pub mod checkpoint;
pub mod draft;
pub mod dsse;
pub mod event;
pub mod export;
pub mod merkle;
pub mod seal;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointKey, VerifierKey};
pub use draft::Draft;
pub use dsse::{Envelope, EnvelopeError, EnvelopeSignature};
pub use event::{AuditAction, AuditEvent, Detail, SealedEvent};
pub use export::{ExportError, ExportVerifier, Truncation, Verdict};
pub use merkle::{Frontier, Growth, NodeId, Place, TreeHash};
