//! A process that dies at any moment loses nothing that it had acknowledged.

use crate::build::*;
use crate::{check, commit, wait};
use curfew_engine::seams::store::Store;
use curfew_store::SqliteStore;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Says to the test below that it is the child, and where its ledger is.
const LEDGER: &str = "CURFEW_STORE_TEST_CRASH";

struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// The child: commits from several threads until it is killed, and says what was acknowledged.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Some(path) = std::env::var_os(LEDGER).map(PathBuf::from) else { return };
    let store = SqliteStore::open(&path).expect("a ledger");
    let first = wait(store.tree_head()).expect("a head").size;
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let store = &store;
            scope.spawn(move || {
                // Bounded, so that it ends by itself if nobody kills it.
                for n in 0..20_000u64 {
                    let number = 1_000_000 + first * 100 + thread * 1_000_000 + n;
                    let committed = commit(store, vec![request_step(asked(number, ASK)), happened(n)]).expect("ok");
                    for sealed in committed.events {
                        println!("\nack {} {}", sealed.seq, sealed.leaf_hash);
                    }
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    for acknowledged_before_the_kill in [1, 40, 333, 1_500] {
        let child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "crash::child_that_commits_until_it_is_killed", "--nocapture"])
            .env(LEDGER, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let mut child = KilledOnDrop(child);
        let lines = BufReader::new(child.0.stdout.take().expect("piped")).lines();
        let mut acknowledged = Vec::new();
        for line in lines.map_while(Result::ok) {
            // The last line may be cut.
            let mut words = line.split(' ');
            if let (Some("ack"), Some(seq), Some(hash)) = (words.next(), words.next(), words.next())
                && hash.len() == 64
            {
                acknowledged.push((seq.parse::<usize>().expect("a number"), hash.to_owned()));
            }
            if acknowledged.len() == acknowledged_before_the_kill {
                child.0.kill().expect("SIGKILL");
            }
        }
        drop(child);
        assert!(acknowledged.len() >= acknowledged_before_the_kill, "the child ended by itself");
        let store = SqliteStore::open(&path).expect("the lock went with its process");
        let events = check::all_events(&store);
        for (seq, hash) in acknowledged {
            assert_eq!(events.get(seq).map(|e| &e.leaf_hash), Some(&hash), "event {seq} of {}", events.len());
        }
        check::the_log_is_whole(&store);
        check::the_state_is_what_the_events_say(&store);
        let size = events.len() as u64;
        check::proofs_verify(&store, &[1, size / 2, size]);
    }
}
