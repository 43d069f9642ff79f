//! The tables, and how an older ledger becomes a newer one.

use super::error::{NewerLedger, NotALedger, OpenError};
use super::file::Place;
use rusqlite::{Connection, Transaction, TransactionBehavior};

/// `CFLD`: what tells a ledger from any other SQLite file.
const APPLICATION_ID: i64 = 0x4346_4C44;

/// Step n makes schema n + 1 of schema n. Steps are only ever added: what a ledger went through stays.
const STEPS: &[&str] = &[FIRST, SECOND, USED_TOKENS, RUNS];

/// Each noun's row holds its text and, beside it, only what a query looks for. Ids are 16 bytes, big-endian,
/// and begin with a time, so their order is the order of time; times are milliseconds since 1970.
const FIRST: &str = "
CREATE TABLE requests (
    id BLOB NOT NULL PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL, subject TEXT NOT NULL,
    due_at INTEGER, body TEXT NOT NULL
) STRICT;
CREATE INDEX requests_due ON requests (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX requests_of_subject ON requests (subject, id);
CREATE INDEX requests_in_state ON requests (state, id);

CREATE TABLE grants (
    id BLOB NOT NULL PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL, subject TEXT NOT NULL,
    role TEXT NOT NULL, open INTEGER NOT NULL, due_at INTEGER, body TEXT NOT NULL
) STRICT;
CREATE INDEX grants_due ON grants (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX grants_open ON grants (id, subject, role) WHERE open = 1;
CREATE INDEX grants_of_subject ON grants (subject, id);
CREATE INDEX grants_of_role ON grants (role, id);
CREATE TABLE grant_resources (
    resource TEXT NOT NULL, grant_id BLOB NOT NULL, PRIMARY KEY (resource, grant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    id BLOB NOT NULL PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL, open INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX leases_open ON leases (id) WHERE open = 1;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL, request_id BLOB, grant_id BLOB, lease_id BLOB,
    line TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_request ON events (request_id, seq) WHERE request_id IS NOT NULL;
CREATE INDEX events_of_grant ON events (grant_id, seq) WHERE grant_id IS NOT NULL;
CREATE INDEX events_of_lease ON events (lease_id, seq) WHERE lease_id IS NOT NULL;
-- Complete nodes above the leaves, each written once, when its last leaf is.
CREATE TABLE tree_nodes (
    level INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL, next_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_ready ON outbox (next_at, created_at, id);
CREATE TABLE request_keys (key TEXT NOT NULL PRIMARY KEY, request_id BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (token_hash TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE keys (
    name TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (name, number)
) STRICT;
CREATE TABLE facts (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// What is of no use any more can be found, and so can the undecided requests of one person.
const SECOND: &str = "
ALTER TABLE sessions ADD COLUMN expires_at INTEGER;
CREATE INDEX sessions_over ON sessions (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX request_keys_by_age ON request_keys (request_id);
CREATE INDEX requests_of_subject_in_state ON requests (subject, state, id);
";

/// Which tokens of workloads were exchanged, and for which key.
const USED_TOKENS: &str = "
CREATE TABLE used_tokens (
    token_id TEXT NOT NULL PRIMARY KEY, key_thumbprint TEXT NOT NULL, until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_tokens_over ON used_tokens (until);
";

/// Runs of pipelines, what lives with them, and whose sign-ins stand. At most one run of a key is live.
const RUNS: &str = "
CREATE TABLE runs (
    id BLOB NOT NULL PRIMARY KEY, version INTEGER NOT NULL, live INTEGER NOT NULL, key TEXT NOT NULL,
    number TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX runs_live_of_key ON runs (key) WHERE live = 1;
CREATE INDEX runs_of_key ON runs (key, id);
CREATE INDEX runs_of_number ON runs (number, id);
CREATE INDEX runs_live ON runs (id, number) WHERE live = 1;
CREATE TABLE ended_runs (key TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX ended_runs_by_age ON ended_runs (at, key);
CREATE TABLE beats (
    run BLOB NOT NULL, beat TEXT NOT NULL, owner TEXT NOT NULL, until INTEGER NOT NULL, token TEXT NOT NULL,
    PRIMARY KEY (run, beat)
) STRICT, WITHOUT ROWID;
CREATE INDEX beats_due ON beats (until, run, beat);
ALTER TABLE requests ADD COLUMN run BLOB;
CREATE INDEX requests_of_run ON requests (run, id) WHERE run IS NOT NULL;
ALTER TABLE grants ADD COLUMN run BLOB;
CREATE INDEX grants_of_run ON grants (run, id) WHERE run IS NOT NULL;
ALTER TABLE sessions ADD COLUMN person TEXT;
UPDATE sessions SET person = json_extract(body, '$.subject.email')
    WHERE json_extract(body, '$.subject.kind') = 'person';
CREATE INDEX sessions_of_person ON sessions (person, expires_at, token_hash) WHERE person IS NOT NULL;
CREATE INDEX sessions_of_persons ON sessions (expires_at, token_hash) WHERE person IS NOT NULL;
";

/// Brings the ledger to the newest schema, in one transaction.
pub(super) fn migrate(conn: &mut Connection, place: &Place) -> Result<(), OpenError> {
    let found = check(conn, place)?.0;
    let missing = STEPS.get(usize::try_from(found).unwrap_or(usize::MAX)..).unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    run(conn, missing).map_err(|e| place.refused(e))
}

/// Which schema a ledger has; 0 when it is new.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema(i64);

/// Whether the file is a ledger that this program knows. Changes nothing.
pub(super) fn check(conn: &Connection, place: &Place) -> Result<Schema, OpenError> {
    let read = |sql| conn.query_row(sql, (), |row| row.get::<_, i64>(0)).map_err(|e| place.refused(e));
    let (application, found) = (read("PRAGMA application_id")?, read("PRAGMA user_version")?);
    let tables = read("SELECT count(*) FROM sqlite_schema")?;
    let is_new = application == 0 && found == 0 && tables == 0;
    if application != APPLICATION_ID && !is_new || found < 0 {
        return Err(NotALedger { ledger: place.ledger().to_owned() }.into());
    }
    let known = STEPS.len() as i64;
    if found > known {
        return Err(NewerLedger { ledger: place.ledger().to_owned(), found, known }.into());
    }
    Ok(Schema(found))
}

fn run(conn: &mut Connection, missing: &[&str]) -> rusqlite::Result<()> {
    let tx = Transaction::new(conn, TransactionBehavior::Immediate)?;
    for step in missing {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", STEPS.len() as i64)?;
    tx.commit()
}
