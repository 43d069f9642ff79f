//! Ledger commits a second against plain SQLite with the same care for durability.

use crate::table::{Table, Unit, rate};
use crate::world::{RealEntropy, from_callers, runtime};
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_domain::{Subject, Timestamp};
use curfew_engine::seams::{Change, Entropy, Store};
use curfew_store::SqliteStore;
use rusqlite::{Connection, params};
use std::time::Duration;

const LENGTH: Duration = Duration::from_secs(3);

pub(crate) fn measure(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let event = AuditEvent::new(Timestamp::from_millis(0), Subject::system(), AuditAction::SignInAccepted);
    let size = serde_json::to_vec(&event).unwrap().len();
    let store = SqliteStore::open(&folder.path().join("ledger.db")).unwrap();
    for (callers, times) in [(1, 3_000), (16, 30_000), (256, 100_000)] {
        let raw = raw(folder.path(), callers, size);
        let ours = runtime().block_on(from_callers(callers, times, |_| async {
            store.commit(vec![Change::Event(Box::new(event.clone()))]).await.unwrap();
        }));
        let limit = if callers == 1 { "one row, one sync" } else { "as many rows as callers, one sync" };
        table.against(format!("ledger commits, {callers} at once"), Unit::PerSecond, ours, (limit, raw));
    }
}

/// Rows a second that one thread can make durable when each sync covers `rows` of them.
fn raw(folder: &std::path::Path, rows: usize, size: usize) -> f64 {
    let file = folder.join(format!("raw-{rows}.db"));
    let mut connection = Connection::open(file).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.execute_batch("CREATE TABLE events (seq INTEGER PRIMARY KEY, text TEXT, hash BLOB)").unwrap();
    let text = "x".repeat(size);
    let mut hash = [0u8; 32];
    RealEntropy.fill(&mut hash);
    let commits = rate(LENGTH, || {
        let transaction = connection.transaction().unwrap();
        for _ in 0..rows {
            let mut insert = transaction.prepare_cached("INSERT INTO events (text, hash) VALUES (?1, ?2)").unwrap();
            insert.execute(params![text, hash]).unwrap();
        }
        transaction.commit().unwrap();
    });
    commits * rows as f64
}
