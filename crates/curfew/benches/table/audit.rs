//! Appending to the audit log and verifying it, against hashing as many bytes.

use crate::table::{Table, Unit, rate};
use crate::world::runtime;
use curfew_domain::audit::export::checkpoint_line;
use curfew_domain::audit::{AuditAction, AuditEvent, Checkpoint, CheckpointKey, ExportVerifier, Frontier};
use curfew_domain::{Subject, Timestamp};
use curfew_engine::seams::{Change, Store};
use curfew_store::SqliteStore;
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::time::{Duration, Instant};

const EVENTS: usize = 100_000;
const A_COMMIT: usize = 1_000;

pub(crate) fn measure(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("ledger.db")).unwrap();
    let event = AuditEvent::new(Timestamp::from_millis(0), Subject::system(), AuditAction::SignInAccepted);
    let bytes = serde_json::to_vec(&event).unwrap();
    let hash = rate(Duration::from_secs(1), || {
        black_box(Sha256::digest(black_box(&bytes)));
    });
    let append = runtime().block_on(async {
        let begun = Instant::now();
        for _ in 0..EVENTS / A_COMMIT {
            let changes = (0..A_COMMIT).map(|_| Change::Event(Box::new(event.clone()))).collect();
            store.commit(changes).await.unwrap();
        }
        EVENTS as f64 / begun.elapsed().as_secs_f64()
    });
    table.against("audit events appended", Unit::PerSecond, append, ("SHA-256 of as many events", hash));
    table.against("audit events verified", Unit::PerSecond, verified(&event), ("SHA-256 of as many events", hash));
}

/// Events of an export that are verified in a second, as `curfew audit verify` does.
fn verified(event: &AuditEvent) -> f64 {
    let key = CheckpointKey::from_seed("bench", [7; 32]).unwrap();
    let mut tree = Frontier::new();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for seq in 0..EVENTS as u64 {
        let (_, leaf, mut line) = event.clone().seal_for_ledger(seq);
        tree.append(leaf);
        line.push(b'\n');
        lines.push(line);
    }
    let mut last = checkpoint_line(&key.sign(&Checkpoint::of(&tree, Timestamp::from_millis(0))));
    last.push(b'\n');
    lines.push(last);
    let begun = Instant::now();
    let mut verifier = ExportVerifier::new(key.verifier().clone(), Vec::new(), None);
    lines.iter().for_each(|line| verifier.line(line).unwrap());
    assert_eq!(verifier.finish().unwrap().size, EVENTS as u64);
    EVENTS as f64 / begun.elapsed().as_secs_f64()
}
