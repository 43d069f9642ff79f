//! What every ledger must do ([`suite`], [`runs`], [`model`]), what only one in a file can be asked ([`files`],
//! [`crowd`], [`crash`], [`full`]), and what only one in memory can ([`faults`]).

mod build;
mod check;
mod crash;
mod crowd;
mod faults;
mod files;
mod full;
mod model;
mod runs;
mod suite;

use curfew_engine::seams::store::{Change, CommitError, Committed, Store};
use curfew_store::SqliteStore;
use std::path::PathBuf;

/// A ledger in a folder of its own, which goes when this is dropped.
struct Bed {
    store: SqliteStore,
    folder: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("ledger.db")).expect("a ledger");
        Self { store, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

fn commit(store: &dyn Store, changes: Vec<Change>) -> Result<Committed, CommitError> {
    wait(store.commit(changes))
}

macro_rules! on_both_backends {
    ($($suite:ident: $($name:ident),* $(,)?);* $(;)?) => {
        mod in_memory {
            $($(#[test] fn $name() { crate::$suite::$name(&curfew_store::MemoryStore::new()); })*)*
        }
        mod in_sqlite {
            $($(#[test] fn $name() { crate::$suite::$name(&crate::Bed::new().store); })*)*
        }
    };
}

on_both_backends!(
    suite:
    a_new_ledger_is_empty,
    a_step_is_taken_from_the_version_it_was_made_from,
    several_steps_of_one_noun_in_one_commit,
    a_commit_is_written_whole_or_not_at_all,
    events_stand_without_gaps_and_proofs_verify,
    events_about_a_noun,
    requests_are_filtered_and_paged,
    grants_are_filtered_and_paged,
    what_is_open,
    what_is_due,
    the_outbox_keeps_what_was_not_sent,
    a_request_key_works_once,
    sign_ins,
    a_token_is_one_keys,
    what_is_of_no_use_any_more_goes,
    one_prune_is_bounded,
    keys_are_written_once,
    facts_are_replaced_whole,
    replaying_the_events_gives_the_state;
    runs:
    one_run_of_a_key_lives_at_a_time,
    beats_keep_a_run_alive,
    nothing_new_lives_with_what_is_gone,
    whose_sign_ins_stand,
);
