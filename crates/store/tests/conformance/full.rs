//! A disk that is full, or says no.

use crate::build::*;
use crate::{check, commit, wait};
use curfew_domain::Request;
use curfew_engine::seams::store::{Change, CommitError, RequestFilter, Store};
use curfew_store::sqlite::Space;
use curfew_store::{Options, SqliteStore};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: u64 = 1 << 20;
const ONLY_REVOCATION: &str = "disk full: only revocation proceeds";

fn only_revocation<T>() -> Result<T, CommitError> {
    Err(CommitError::Unavailable(ONLY_REVOCATION.to_owned()))
}

/// Asks until the ledger refuses twice in a row; what is pending then. Numbers begin at `from`.
fn fill(store: &SqliteStore, from: u64) -> Vec<Request> {
    let mut refused = 0;
    for n in from..from + 20_000 {
        match commit(store, vec![request_step(asked(n, ASK))]) {
            Ok(_) => refused = 0,
            Err(why) => {
                assert_eq!(why, CommitError::Unavailable(ONLY_REVOCATION.to_owned()));
                refused += 1;
            }
        }
        if refused == 2 {
            return wait(store.requests(&RequestFilter::default(), check::ALL)).expect("reading goes on");
        }
    }
    panic!("the ledger was never full");
}

fn server_started() -> Vec<Change> {
    use curfew_domain::audit::{AuditAction, AuditEvent};
    let event = AuditEvent::new(at(1), curfew_domain::Subject::system(), AuditAction::ServerStarted);
    vec![fact("installation", Some("0123456789abcdef")), fact("epoch", Some("2")), Change::Event(Box::new(event))]
}

/// On a full ledger, what ends access is written and everything else refused.
fn only_ends_are_written(store: &SqliteStore, pending: &[Request]) {
    assert_eq!(store.counts().space, Space::RevocationOnly);
    for request in pending {
        let changes =
            vec![request_step(denied(request)), happened(1), Change::Notice(notice(&request.id.to_string(), 1))];
        commit(store, changes).expect("a denial is written on the reserve");
    }
    let tidy = vec![Change::NoticeSent(pending[0].id.to_string()), fact("f", None)];
    assert!(commit(store, tidy).is_ok());
    assert!(commit(store, vec![Change::SessionEnded { token_hash: "s".to_owned() }]).is_ok());
    assert!(commit(store, server_started()).is_ok(), "a restart on a full disk still ends access");
    let beside_a_denial = vec![request_step(denied(&pending[0])), request_step(asked(90_000, ASK))];
    for giving in [
        vec![request_step(asked(90_000, ASK))],
        vec![happened(1)],
        vec![Change::Notice(notice("more", 1))],
        vec![Change::Session(Box::new(session("s", 1)))],
        vec![Change::Key(key("k", 1))],
        vec![fact("f", Some("v"))],
        beside_a_denial,
    ] {
        assert_eq!(commit(store, giving).map(drop), only_revocation());
    }
}

#[test]
fn at_its_bound_a_ledger_only_takes_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let store = SqliteStore::open_with(&path, Options { reserve_bytes: MIB, max_bytes: Some(MIB) }).expect("a ledger");
    assert_eq!(store.counts().space, Space::Roomy);
    let pending = fill(&store, 0);
    only_ends_are_written(&store, &pending[..60]);
    check::the_log_is_whole(&store);
    check::the_state_is_what_the_events_say(&store);
    drop(store);
    let roomy = SqliteStore::open_with(&path, Options { reserve_bytes: MIB, max_bytes: None }).expect("the ledger");
    assert_eq!(roomy.counts().space, Space::Roomy);
    assert!(commit(&roomy, vec![request_step(asked(90_000, ASK))]).is_ok());
    check::the_log_is_whole(&roomy);
}

#[test]
fn a_used_up_reserve_is_said_and_survived() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let tight = Options { reserve_bytes: 64 * 1024, max_bytes: Some(MIB) };
    let store = SqliteStore::open_with(&path, tight).expect("a ledger");
    let pending = fill(&store, 0);
    let refused = pending.iter().find_map(|request| commit(&store, vec![request_step(denied(request))]).err());
    let CommitError::Unavailable(why) = refused.expect("64 KiB do not hold them all") else { panic!("no conflict") };
    assert!(why.contains("the space kept for revocation is used up"), "{why}");
    check::the_log_is_whole(&store);
    check::the_state_is_what_the_events_say(&store);
}

#[test]
fn without_a_reserve_nothing_is_given_until_there_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let in_the_way = folder.path().join("ledger.db.reserve");
    let bounds = Options { reserve_bytes: MIB, max_bytes: None };
    let store = SqliteStore::open_with(&path, bounds).expect("a ledger");
    let requests: Vec<_> = (0..3).map(|n| asked(n, ASK)).collect();
    let pending: Vec<_> = requests.iter().map(|step| step.next.clone()).collect();
    commit(&store, requests.into_iter().map(request_step).collect()).expect("committed");
    drop(store);
    std::fs::remove_file(&in_the_way).expect("it was there");
    std::fs::create_dir(&in_the_way).expect("made");
    let store = SqliteStore::open_with(&path, bounds).expect("a ledger that can still end access");
    only_ends_are_written(&store, &pending);
    std::fs::remove_dir(&in_the_way).expect("removed");
    assert!(commit(&store, vec![request_step(asked(10, ASK))]).is_ok(), "there is room again");
    assert_eq!(store.counts().space, Space::Roomy);
    assert_eq!(std::fs::metadata(&in_the_way).expect("a file again").len(), MIB);
    check::the_log_is_whole(&store);
}

#[test]
fn a_failed_activation_is_cleaned_up_on_the_reserve() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let store = SqliteStore::open(&path).expect("a ledger");
    let (request, grant) = (asked(1, ASK), granted(1, &asked(1, ASK).next, at(1)));
    let lease = wanted(1, &grant.next, at(1));
    let issuing = lease.next.clone().issuing(1, &subject("ann"), at(1)).expect("wanted");
    let claim = grant.next.clone().activating(vec![lease.next.id], at(9), at(1)).expect("claimed");
    let (grant_after, lease_after) = (claim.next.clone(), issuing.next.clone());
    let all = vec![request_step(request), grant_step(grant), lease_step(lease), grant_step(claim), lease_step(issuing)];
    commit(&store, all).expect("committed");
    drop(store);
    std::fs::remove_file(folder.path().join("ledger.db.reserve")).expect("it was there");
    std::fs::create_dir(folder.path().join("ledger.db.reserve")).expect("made");
    let store = SqliteStore::open(&path).expect("the ledger");
    assert_eq!(store.counts().space, Space::RevocationOnly);
    let live = lease_after.clone().issued("7".to_owned(), connection(), at(2)).expect("issuing");
    assert_eq!(commit(&store, vec![lease_step(live)]).map(drop), only_revocation());
    let back = grant_after.activation_failed("the ledger is full", at(2)).expect("activating");
    assert_eq!(commit(&store, vec![grant_step(back.clone())]).map(drop), only_revocation(), "alone it ends nothing");
    let revoking = lease_after.revoking(&subject("ann"), "failed", at(2)).expect("issuing");
    commit(&store, vec![grant_step(back), lease_step(revoking)]).expect("together they do");
}

/// Says to the children below what they are to do, and where.
const FOLDER: &str = "CURFEW_STORE_TEST_FULL";

fn told(child: &str) -> Option<PathBuf> {
    let (name, folder) = std::env::var(FOLDER).ok()?.split_once(':').map(|(n, f)| (n.to_owned(), f.to_owned()))?;
    (name == child).then(|| PathBuf::from(folder))
}

/// Runs one of the children by a shell line in which `"$0" "$@"` is the child.
fn child(name: &str, shell: &[&str], folder: &Path) -> std::process::Output {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(std::env::current_exe().expect("this binary"));
    command.args(["--exact", &format!("full::child_{name}"), "--nocapture"]);
    command.env(FOLDER, format!("{name}:{}", folder.display())).env("DIR", folder);
    command.output().expect("a child")
}

#[test]
fn child_disk() {
    let Some(folder) = told("disk") else { return };
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1; 2 * MIB as usize]).expect("room for ballast");
    let store = SqliteStore::open_with(&folder.join("ledger.db"), Options { reserve_bytes: MIB, max_bytes: None });
    let store = store.expect("a ledger");
    assert_eq!(store.counts().space, Space::Roomy);
    let pending = fill(&store, 0);
    only_ends_are_written(&store, &pending[..60]);
    drop(store);
    let again = SqliteStore::open_with(&folder.join("ledger.db"), Options { reserve_bytes: MIB, max_bytes: None });
    let again = again.expect("a full disk does not keep it from opening");
    only_ends_are_written(&again, &pending[60..90]);
    std::fs::remove_file(&ballast).expect("removed");
    assert!(commit(&again, vec![request_step(asked(90_000, ASK))]).is_ok(), "there is room again");
    assert_eq!(again.counts().space, Space::Roomy);
    check::the_log_is_whole(&again);
    check::the_state_is_what_the_events_say(&again);
    println!("\nchild done");
}

#[test]
fn a_full_disk_only_takes_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = "mount -t tmpfs -o size=6m,mode=700 tmpfs \"$DIR\" || exit 77; exec \"$0\" \"$@\"";
    // A mount namespace of its own goes with the child, however that ends.
    let output = child("disk", &["unshare", "--mount", "--map-root-user", "sh", "-c", mount], folder.path());
    let (says, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(77) || why.contains("unshare:") {
        eprintln!("SKIPPED: this system does not let a test mount a small file system: {why}");
        assert!(std::env::var_os("CI").is_none(), "must not be skipped in CI");
        return;
    }
    assert!(output.status.success() && says.contains("child done"), "{says}{why}");
}

#[test]
fn child_error() {
    let Some(folder) = told("error") else { return };
    let path = folder.join("ledger.db");
    let store = SqliteStore::open_with(&path, Options { reserve_bytes: 4096, max_bytes: None }).expect("a ledger");
    commit(&store, vec![request_step(asked(1, ASK))]).expect("committed");
    let log = std::fs::metadata(folder.join("ledger.db-wal")).expect("a log").len();
    let limit = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(log + 20_000), maximum: limit.maximum }).expect("set");
    let failed = (2..99).find_map(|n| commit(&store, vec![request_step(asked(n, ASK))]).err().map(|why| (n, why)));
    let (first_refused, why) = failed.expect("the file could not grow");
    assert!(matches!(&why, CommitError::Unavailable(text) if text.contains("I/O")), "{why}");
    assert_eq!(commit(&store, vec![request_step(asked(first_refused, ASK))]), Err(why), "it says so each time");
    assert!(wait(store.request(id(1))).expect("reading goes on").is_some());
    setrlimit(Resource::Fsize, limit).expect("set");
    assert_eq!(wait(store.request(id(first_refused))), Ok(None));
    assert!(commit(&store, vec![request_step(asked(first_refused, ASK))]).is_ok(), "the writer survived");
    check::the_log_is_whole(&store);
    check::the_state_is_what_the_events_say(&store);
    println!("\nchild done");
}

#[test]
fn an_error_of_the_disk_is_survived() {
    let folder = tempfile::tempdir().expect("a folder");
    // The signal would end the child; ignored, writing beyond the limit is an error.
    let output = child("error", &["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""], folder.path());
    let (says, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && says.contains("child done"), "{says}{why}");
}
