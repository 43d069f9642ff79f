//! Whether an export is whole, told from its bytes and the log's public key alone.
//!
//! A file is one line for each event, in order from 0, and then one line `{"checkpoint":"..."}`; each line
//! is canonical JSON and ends with one newline, the last one too. There is one file for each log at each
//! checkpoint: whatever differs by a byte is refused. `docs/verify_audit.py` gives the same verdicts.

use super::canonical::{self, NotCanonicalBytes};
use super::checkpoint::{Checkpoint, CheckpointError, VerifierKey};
use super::merkle::{Frontier, TreeHash};
use super::seal::{self, BadEventLine};
use crate::time::Timestamp;
use serde_json::{Map, Value};
use std::fmt;

/// Bytes of one line of an export, its newline included. A reader need not hold more.
pub const EXPORT_LINE_BYTES: usize = 16 << 20;

const CHECKPOINT: &str = "checkpoint";
const LEAF_HASH: &str = "leaf_hash";

/// The last line of an export, and a line of a witness file, without its newline.
pub fn checkpoint_line(note: &str) -> Vec<u8> {
    let fields = Map::from_iter([(CHECKPOINT.to_owned(), Value::from(note))]);
    canonical::canonical(&Value::Object(fields)).expect("INVARIANT: a text is canonical")
}

/// Reads the checkpoints of a witness file: either one signed note, or lines as in an export, of which
/// those of events are passed over, so that an older export is a witness as well.
///
/// # Errors
/// When a checkpoint does not verify, a line is neither, or there is no checkpoint at all.
pub fn read_witness(bytes: &[u8], key: &VerifierKey) -> Result<Vec<Checkpoint>, BadWitness> {
    if !bytes.starts_with(b"{") {
        let note = std::str::from_utf8(bytes).map_err(|_| BadWitness::Checkpoint(CheckpointError::NotANote))?;
        return Ok(vec![key.verify(note)?]);
    }
    let mut found = Vec::new();
    for (number, line) in (1..).zip(bytes.split_inclusive(|b| *b == b'\n')) {
        let bad = BadWitness::Line { line: number };
        let line = line.strip_suffix(b"\n").ok_or(bad.clone())?;
        let fields = canonical::read_canonical(line).map_err(|_| bad.clone())?;
        match note_of(&fields) {
            Some(note) => found.push(key.verify(note)?),
            None if fields.contains_key(LEAF_HASH) => {}
            None => return Err(bad),
        }
    }
    if found.is_empty() { Err(BadWitness::Nothing) } else { Ok(found) }
}

/// Why a witness file is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWitness {
    /// A checkpoint in it does not verify.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A line is neither a checkpoint nor an event.
    #[error("line {line} is neither a checkpoint nor an event")]
    Line {
        /// Its number, from 1.
        line: u64,
    },
    /// It holds events only.
    #[error("there is no checkpoint in it")]
    Nothing,
}

/// Verifies an export line by line, keeping nothing but the right edge of the tree.
#[derive(Debug)]
pub struct ExportVerifier {
    key: VerifierKey,
    /// Largest first, so that the next one to be compared is the last.
    witnesses: Vec<Checkpoint>,
    at_least: Option<u64>,
    vouched: Truncation,
    tree: Frontier,
    lines: u64,
    last: Option<Checkpoint>,
}

/// An export that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// How many events it holds.
    pub size: u64,
    /// The root over them, which is signed.
    pub root: TreeHash,
    /// When it was signed.
    pub at: Option<Timestamp>,
    /// Whether the log might have been longer.
    pub truncation: Truncation,
}

/// Whether a longer log may have been cut back to an older checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// Neither a witness nor a size was given: the export may stop at any checkpoint ever signed.
    NotExcluded,
    /// The log is known to have had this many events, and they are all there.
    ExcludedUpTo(u64),
}

impl fmt::Display for Truncation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExcluded => f.write_str("truncation not excluded"),
            Self::ExcludedUpTo(size) => write!(f, "truncation excluded up to {size} events"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "whole: {} events, root hash {}", self.size, self.root)?;
        if let Some(at) = self.at {
            write!(f, ", signed {at}")?;
        }
        write!(f, "; {}", self.truncation)
    }
}

/// Why an export is not whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A line is not what has to stand there.
    #[error("line {line}: {reason}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: BadLine,
    },
    /// The file ends without a checkpoint, so nobody vouches for it.
    #[error("line {line}: the file ends without a checkpoint")]
    NoCheckpoint {
        /// The line that should be the checkpoint, from 1.
        line: u64,
    },
    /// A checkpoint of the same log vouches for more events than there are.
    #[error("truncated: a witness saw {witnessed} events, here are {size}")]
    Truncated {
        /// Events that the witness saw.
        witnessed: u64,
        /// Events that are here.
        size: u64,
    },
    /// Fewer events than the log is known to have.
    #[error("truncated: at least {at_least} events were expected, here are {size}")]
    TooSmall {
        /// Events that were expected.
        at_least: u64,
        /// Events that are here.
        size: u64,
    },
}

/// What is wrong with a line of an export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// No newline at its end, or more bytes than [`EXPORT_LINE_BYTES`].
    #[error("it does not end with a newline, or is longer than {EXPORT_LINE_BYTES} bytes")]
    Unended,
    /// Not canonical JSON.
    #[error(transparent)]
    Bytes(#[from] NotCanonicalBytes),
    /// Not a sealed event.
    #[error(transparent)]
    Event(#[from] BadEventLine),
    /// Events are missing, twice there, or in another order.
    #[error("event {expected} should stand here, not {found}")]
    Seq {
        /// The place that is due.
        expected: u64,
        /// The place the event claims.
        found: u64,
    },
    /// The events up to here are not those that a witness saw.
    #[error("rewritten: the first {0} events are not those that a witness saw")]
    Rewritten(u64),
    /// The checkpoint does not verify.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is of more or fewer events.
    #[error("the checkpoint is of {signed} events, here are {size}")]
    Size {
        /// Events that it vouches for.
        signed: u64,
        /// Events that are here.
        size: u64,
    },
    /// The checkpoint is of other events.
    #[error("the checkpoint is of other events: its root hash differs")]
    Root,
    /// Something follows the checkpoint.
    #[error("nothing may follow the checkpoint")]
    AfterCheckpoint,
}

impl ExportVerifier {
    /// A verifier at the first line. Witnesses are checkpoints of the same log, verified with the same key;
    /// `at_least` is the number of events that the log is known to have had.
    pub fn new(key: VerifierKey, mut witnesses: Vec<Checkpoint>, at_least: Option<u64>) -> Self {
        witnesses.sort_unstable_by_key(|witness| std::cmp::Reverse(witness.size));
        let known = witnesses.first().map(|witness| witness.size).max(at_least);
        let vouched = known.map_or(Truncation::NotExcluded, Truncation::ExcludedUpTo);
        Self { key, witnesses, at_least, vouched, tree: Frontier::new(), lines: 0, last: None }
    }

    /// Takes the next line, with the newline that ends it. A reader may stop a line after
    /// [`EXPORT_LINE_BYTES`]: without its newline it is refused.
    ///
    /// # Errors
    /// When the line is not what has to stand there. The export is not whole then, whatever follows.
    pub fn line(&mut self, line: &[u8]) -> Result<(), ExportError> {
        self.lines += 1;
        self.take(line).map_err(|reason| ExportError::Line { line: self.lines, reason })
    }

    /// The verdict, at the end of the file.
    ///
    /// # Errors
    /// When the last line was no checkpoint, or fewer events are there than a witness or `at_least` says.
    pub fn finish(self) -> Result<Verdict, ExportError> {
        let size = self.tree.size();
        let checkpoint = self.last.ok_or(ExportError::NoCheckpoint { line: self.lines + 1 })?;
        // Those that the tree reached are gone from the list.
        if let Some(Checkpoint { size: witnessed, .. }) = self.witnesses.first() {
            return Err(ExportError::Truncated { witnessed: *witnessed, size });
        }
        match self.at_least {
            Some(at_least) if size < at_least => Err(ExportError::TooSmall { at_least, size }),
            Some(_) | None => Ok(Verdict { size, root: checkpoint.root, at: checkpoint.at, truncation: self.vouched }),
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), BadLine> {
        if self.last.is_some() {
            return Err(BadLine::AfterCheckpoint);
        }
        let line = line.strip_suffix(b"\n").filter(|line| line.len() < EXPORT_LINE_BYTES).ok_or(BadLine::Unended)?;
        let fields = canonical::read_canonical(line)?;
        match note_of(&fields) {
            Some(note) => self.take_checkpoint(note),
            None => self.take_event(&fields),
        }
    }

    fn take_event(&mut self, fields: &Map<String, Value>) -> Result<(), BadLine> {
        let (found, leaf) = seal::check_event(fields)?;
        let expected = self.tree.size();
        if found != expected {
            return Err(BadLine::Seq { expected, found });
        }
        self.compare_witnesses()?;
        self.tree.append(leaf);
        Ok(())
    }

    fn take_checkpoint(&mut self, note: &str) -> Result<(), BadLine> {
        let checkpoint = self.key.verify(note)?;
        let size = self.tree.size();
        self.compare_witnesses()?;
        if checkpoint.size != size {
            return Err(BadLine::Size { signed: checkpoint.size, size });
        }
        if checkpoint.root != self.tree.root() {
            return Err(BadLine::Root);
        }
        self.last = Some(checkpoint);
        Ok(())
    }

    /// Compares and forgets the witnesses of just as many events as there are now.
    fn compare_witnesses(&mut self) -> Result<(), BadLine> {
        while let Some(witness) = self.witnesses.pop_if(|witness| witness.size == self.tree.size()) {
            if witness.root != self.tree.root() {
                return Err(BadLine::Rewritten(witness.size));
            }
        }
        Ok(())
    }
}

/// Verifies an export that is in memory.
///
/// # Errors
/// Those of [`ExportVerifier::line`] and [`ExportVerifier::finish`].
pub fn verify_export(bytes: &[u8], mut verifier: ExportVerifier) -> Result<Verdict, ExportError> {
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        verifier.line(line)?;
    }
    verifier.finish()
}

/// The note, when the line is the one of a checkpoint.
fn note_of(fields: &Map<String, Value>) -> Option<&str> {
    fields.get(CHECKPOINT).and_then(Value::as_str).filter(|_| fields.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditAction, AuditEvent, CheckpointKey};
    use crate::subject::Subject;

    fn key() -> CheckpointKey {
        CheckpointKey::from_seed("curfew.test/audit", [3; 32]).expect("a key")
    }

    /// Events 0 to `size`, their text being `word`, and the checkpoint over them.
    fn export(size: u64, word: &str) -> (Vec<u8>, Checkpoint) {
        let (mut bytes, mut tree) = (Vec::new(), Frontier::new());
        let at = Timestamp::from_millis(1_772_445_600_000);
        for seq in 0..size {
            let sealed = AuditEvent::new(at, Subject::system(), AuditAction::LeaseIssued).because(word).seal(seq);
            tree.append(sealed.leaf().expect("a hash"));
            bytes.extend([sealed.to_line(), b"\n".to_vec()].concat());
        }
        let checkpoint = Checkpoint::of(&tree, at);
        bytes.extend([checkpoint_line(&key().sign(&checkpoint)), b"\n".to_vec()].concat());
        (bytes, checkpoint)
    }

    fn verify(bytes: &[u8], witnesses: Vec<Checkpoint>, at_least: Option<u64>) -> Result<Verdict, ExportError> {
        verify_export(bytes, ExportVerifier::new(key().verifier().clone(), witnesses, at_least))
    }

    #[test]
    fn a_whole_export_is_whole() {
        for size in [0, 1, 2, 7, 40] {
            let (bytes, checkpoint) = export(size, "x");
            let verdict = verify(&bytes, vec![], None).expect("whole");
            assert_eq!((verdict.size, verdict.root, verdict.at), (size, checkpoint.root, checkpoint.at));
            assert_eq!(verdict.truncation, Truncation::NotExcluded);
            assert!(verdict.to_string().ends_with("; truncation not excluded"), "{verdict}");
        }
    }

    #[test]
    fn witnesses_find_truncation_and_rewriting() {
        let (bytes, ours) = export(7, "x");
        let [older, newer, other] = [export(4, "x").1, export(9, "x").1, export(4, "y").1];
        let whole = |witnesses, at_least| verify(&bytes, witnesses, at_least).map(|verdict| verdict.truncation);
        assert_eq!(whole(vec![older, export(0, "x").1], None), Ok(Truncation::ExcludedUpTo(4)));
        assert_eq!(whole(vec![older, ours, older], Some(5)), Ok(Truncation::ExcludedUpTo(7)));
        assert_eq!(whole(vec![], Some(7)), Ok(Truncation::ExcludedUpTo(7)));
        assert_eq!(whole(vec![older, newer], None), Err(ExportError::Truncated { witnessed: 9, size: 7 }));
        assert_eq!(whole(vec![older], Some(8)), Err(ExportError::TooSmall { at_least: 8, size: 7 }));
        let rewritten = ExportError::Line { line: 5, reason: BadLine::Rewritten(4) };
        assert_eq!(whole(vec![other], None), Err(rewritten));
        let rewritten = ExportError::Line { line: 8, reason: BadLine::Rewritten(7) };
        assert_eq!(whole(vec![export(7, "y").1], None), Err(rewritten));
    }

    #[test]
    fn witness_files_are_notes_lines_or_exports() {
        let (older, checkpoint) = export(3, "x");
        let read = |bytes: &[u8]| read_witness(bytes, key().verifier());
        assert_eq!(read(key().sign(&checkpoint).as_bytes()), Ok(vec![checkpoint]));
        assert_eq!(read(&older), Ok(vec![checkpoint]));
        let lines = [checkpoint_line(&key().sign(&checkpoint)), b"\n".to_vec()].concat();
        assert_eq!(read(&lines.repeat(2)), Ok(vec![checkpoint; 2]));
        assert_eq!(read(&lines[..lines.len() - 1]), Err(BadWitness::Line { line: 1 }));
        assert_eq!(read(b"{\"a\":1}\n"), Err(BadWitness::Line { line: 1 }));
        let first = older.split_inclusive(|b| *b == b'\n').next().expect("a line");
        assert_eq!(read(first), Err(BadWitness::Nothing));
        assert!(matches!(read(b""), Err(BadWitness::Checkpoint(_))));
    }
}
