//! The ledger as files: who owns them, who may read them, and which Curfew wrote them.

use crate::build::*;
use crate::{Bed, check, commit, wait};
use curfew_engine::seams::store::{Change, CommitError, Store};
use curfew_store::{OpenError, SqliteStore};
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[test]
fn only_the_owner_may_read() {
    let base = tempfile::tempdir().expect("a folder");
    let folder = base.path().join("var").join("curfew");
    let path = folder.join("ledger.db");
    let store = SqliteStore::open(&path).expect("a ledger");
    commit(&store, vec![happened(1)]).expect("committed");
    assert_eq!((mode(&folder), mode(folder.parent().expect("one"))), (0o700, 0o700));
    let files: Vec<_> = std::fs::read_dir(&folder).expect("a folder").map(|f| f.expect("a file").path()).collect();
    assert_eq!(files.len(), 5, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    drop(store);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("changed");
    drop(SqliteStore::open(&path).expect("the ledger"));
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_second_process_is_refused() {
    let bed = Bed::new();
    let refused = SqliteStore::open(&bed.path()).expect_err("in use");
    assert!(matches!(refused, OpenError::InUse(_)));
    let says = refused.to_string();
    let pid = std::process::id();
    assert_eq!(says, format!("the ledger {} is in use by another Curfew (pid {pid})", bed.path().display()));
    bed.store.close();
    drop(SqliteStore::open(&bed.path()).expect("free again"));
}

#[test]
fn a_closed_ledger_says_so() {
    let bed = Bed::new();
    commit(&bed.store, vec![happened(1)]).expect("committed");
    bed.store.close();
    bed.store.close();
    let refused = commit(&bed.store, vec![happened(2)]).expect_err("closed");
    assert_eq!(refused.to_string(), "the ledger cannot be written: it is closed");
    assert_eq!(
        wait(bed.store.events(0, 1)).expect_err("closed").to_string(),
        "the ledger cannot be read: it is closed"
    );
}

#[test]
fn closing_commits_what_waits() {
    let bed = Bed::new();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32)
            .map(|n| {
                scope.spawn({
                    let store = &bed.store;
                    move || commit(store, vec![happened(n)])
                })
            })
            .collect();
        bed.store.close();
        threads.into_iter().map(|t| t.join().expect("no panic")).collect()
    });
    let written = answers.iter().filter(|a| a.is_ok()).count();
    assert!(answers.iter().all(|a| matches!(a, Ok(_) | Err(CommitError::Unavailable(_)))));
    let again = SqliteStore::open(&bed.path()).expect("the ledger");
    assert_eq!(check::all_events(&again).len(), written);
}

#[test]
fn everything_is_there_after_reopening() {
    let bed = Bed::new();
    let request = asked(1, ASK);
    commit(&bed.store, vec![request_step(request.clone()), happened(1), happened(2)]).expect("committed");
    let head = wait(bed.store.tree_head());
    bed.store.close();
    let again = SqliteStore::open(&bed.path()).expect("the ledger");
    assert_eq!(wait(again.tree_head()), head);
    assert_eq!(wait(again.request(request.next.id)), Ok(Some(request.next)));
    let next = commit(&again, vec![happened(3)]).expect("committed");
    assert_eq!(next.events[0].seq, 3);
    check::the_log_is_whole(&again);
    check::proofs_verify(&again, &[1, 2, 3, 4]);
}

#[test]
fn a_ledger_of_the_first_schema_becomes_one_of_the_newest() {
    let bed = Bed::new();
    commit(&bed.store, vec![Change::Session(Box::new(session("old", 1)))]).expect("committed");
    bed.store.close();
    let raw = Connection::open(bed.path()).expect("sqlite");
    raw.execute_batch(
        "DROP INDEX sessions_over; DROP INDEX request_keys_by_age; DROP INDEX requests_of_subject_in_state;
         DROP INDEX sessions_of_person; DROP INDEX sessions_of_persons; DROP INDEX requests_of_run; DROP INDEX grants_of_run;
         ALTER TABLE sessions DROP COLUMN person; ALTER TABLE requests DROP COLUMN run; ALTER TABLE grants DROP COLUMN run;
         DROP TABLE runs; DROP TABLE ended_runs; DROP TABLE beats;
         ALTER TABLE sessions DROP COLUMN expires_at; DROP TABLE used_tokens; PRAGMA user_version = 1;",
    )
    .expect("as the first schema was");
    drop(raw);
    let again = SqliteStore::open(&bed.path()).expect("the ledger");
    assert!(wait(again.session("old")).expect("read").is_some());
    commit(&again, vec![Change::Session(Box::new(session("new", 2)))]).expect("committed");
    commit(&again, vec![Change::Prune { sessions_before: at(90_000), keys_before: at(90_000) }]).expect("committed");
    let there = |name| wait(again.session(name)).expect("read").is_some();
    assert_eq!((there("old"), there("new")), (true, false), "of an old row nobody knows when it is over");
}

#[test]
fn a_newer_ledger_is_refused_untouched() {
    let bed = Bed::new();
    bed.store.close();
    let raw = Connection::open(bed.path()).expect("sqlite");
    raw.pragma_update(None, "user_version", 7).expect("set");
    drop(raw);
    let before = std::fs::read(bed.path()).expect("read");
    let refused = SqliteStore::open(&bed.path()).expect_err("newer");
    assert!(matches!(refused, OpenError::Newer(_)));
    assert!(refused.to_string().contains("has schema 7, and this Curfew knows schemas up to 4"), "{refused}");
    assert_eq!(std::fs::read(bed.path()).expect("read"), before);
}

#[test]
fn what_is_no_ledger_is_refused_untouched() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, and long enough to have a header: ".repeat(100)).expect("written");
    let other = folder.path().join("other.db");
    Connection::open(&other).expect("sqlite").execute_batch("CREATE TABLE t (x)").expect("made");
    for path in [text, other] {
        let before = std::fs::read(&path).expect("read");
        let refused = SqliteStore::open(&path).expect_err("no ledger");
        assert!(matches!(refused, OpenError::NotALedger(_)), "{refused}");
        assert_eq!(std::fs::read(&path).expect("read"), before);
    }
}

#[test]
fn a_ledger_whose_tree_was_cut_is_refused() {
    let bed = Bed::new();
    (0..4).for_each(|n| drop(commit(&bed.store, vec![happened(n)]).expect("committed")));
    bed.store.close();
    let raw = Connection::open(bed.path()).expect("sqlite");
    raw.execute("DELETE FROM tree_nodes WHERE level = 2", ()).expect("cut");
    drop(raw);
    assert!(matches!(SqliteStore::open(&bed.path()), Err(OpenError::Damaged(_))));
}
