//! What one job of a pipeline keeps for its own programs: the key of its sign-in, and what `pipeline start` began.

use super::{StateFolder, private};
use crate::failure::Failure;
use crate::machine::Machine;
use curfew_domain::{BeatId, Grant, Id, Run, Seconds, Timestamp};
use rustix::fs::FlockOperation;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

const SIGN_IN: &str = "sign-in.json";
const STARTED: &str = "started.json";
const KEEPER: &str = "keeper.json";
const LOCK: &str = "lock";
/// How often, and how many times, a program waits for another one of its job.
const LOCK_EVERY: Duration = Duration::from_millis(100);
const LOCK_TRIES: u32 = 600;

/// The key of the job's sign-in, and the sign-in once there is one. It has no `Debug`: all of it is secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct JobSignIn {
    /// The seed of the key, in hex. Kept before it is used, so that an answer that is lost loses nothing.
    pub(crate) seed: String,
    /// What the provider's token hashes to, where the provider gave the job one token for good.
    pub(crate) of_token: Option<String>,
    /// For whom the job said its token is, if it said so.
    #[serde(default)]
    pub(crate) audience: Option<String>,
    /// What the server gave for it.
    pub(crate) token: Option<String>,
    /// Until when that counts.
    pub(crate) expires_at: Option<Timestamp>,
    /// How long a client of the run may be silent.
    pub(crate) window: Option<Seconds>,
}

/// What `pipeline start` began and `pipeline end` ends. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Started {
    /// The run.
    pub(crate) run: Id<Run>,
    /// The heartbeat that what was given lives with.
    pub(crate) beat: BeatId,
    /// How long it may be silent.
    pub(crate) window: Seconds,
    /// What this job claimed.
    pub(crate) grants: Vec<Id<Grant>>,
}

/// The word of whoever beats between the steps that it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keeper {
    /// Its process, as `PID:START`.
    pub(crate) process: String,
    /// What it beats for.
    pub(crate) beat: BeatId,
    /// Where it offers the SSH keys of the job, if it was told to.
    #[serde(default)]
    pub(crate) agent: Option<PathBuf>,
}

/// The folder of one job.
#[derive(Debug, Clone)]
pub(crate) struct JobFolder {
    path: PathBuf,
}

/// While it exists, no other program of the job signs in.
pub(crate) struct Alone {
    _file: File,
}

impl JobFolder {
    /// The folder of the job with this mark; it need not be there.
    pub(crate) fn of(state: &StateFolder, mark: &str) -> Self {
        Self { path: state.root().join("jobs").join(mark) }
    }

    /// Waits until no other program of the job is at it.
    pub(crate) async fn alone(&self) -> Result<Alone, Failure> {
        let path = self.path.join(LOCK);
        let failed = |error: std::io::Error| Failure::file("lock", &path, &error);
        private::make_folder(&self.path)?;
        let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        for _ in 0..LOCK_TRIES {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Alone { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK) => tokio::time::sleep(LOCK_EVERY).await,
                Err(error) => return Err(failed(error.into())),
            }
        }
        Err(Failure::unavailable("another curfew of this job has been signing in for a minute"))
    }

    /// The sign-in, if there is one.
    pub(crate) fn sign_in(&self) -> Result<Option<JobSignIn>, Failure> {
        self.read(SIGN_IN)
    }

    /// Keeps the sign-in.
    pub(crate) fn keep_sign_in(&self, machine: &Machine, sign_in: &JobSignIn) -> Result<(), Failure> {
        self.write(machine, SIGN_IN, sign_in)
    }

    /// What `pipeline start` began, while it is not ended.
    pub(crate) fn started(&self) -> Result<Option<Started>, Failure> {
        self.read(STARTED)
    }

    /// Keeps what `pipeline start` began.
    pub(crate) fn keep_started(&self, machine: &Machine, started: &Started) -> Result<(), Failure> {
        self.write(machine, STARTED, started)
    }

    /// Forgets it, which whoever beats for it takes for the end.
    pub(crate) fn forget_started(&self) -> Result<(), Failure> {
        self.remove(STARTED)?;
        self.remove(KEEPER)
    }

    /// Who beats, if anybody said so.
    pub(crate) fn keeper(&self) -> Result<Option<Keeper>, Failure> {
        self.read(KEEPER)
    }

    /// Says who beats.
    pub(crate) fn keep_keeper(&self, machine: &Machine, keeper: &Keeper) -> Result<(), Failure> {
        self.write(machine, KEEPER, keeper)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let path = self.path.join(name);
        let Some(text) = private::read(&path)? else { return Ok(None) };
        let wrong = |_| Failure::wrong_use(format!("{} cannot be understood", path.display()));
        serde_json::from_str(&text).map(Some).map_err(wrong)
    }

    fn write(&self, machine: &Machine, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        let text = zeroize::Zeroizing::new(serde_json::to_vec(value).expect("INVARIANT: what is kept serializes"));
        private::write(machine, &self.path.join(name), &text)
    }

    fn remove(&self, name: &str) -> Result<(), Failure> {
        let path = self.path.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::file("remove", &path, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Removes what is kept of jobs whose sign-in is over: it opens nothing any more.
pub(crate) fn sweep_jobs(state: &StateFolder, now: Timestamp) {
    let Ok(entries) = std::fs::read_dir(state.root().join("jobs")) else { return };
    for entry in entries.flatten() {
        let folder = JobFolder { path: entry.path() };
        let over = folder.sign_in().is_ok_and(|kept| kept.is_some_and(|k| k.expires_at.is_some_and(|end| end < now)));
        if over && folder.started().is_ok_and(|started| started.is_none()) {
            // Best effort: a folder that stays is in nobody's way.
            let _ = std::fs::remove_dir_all(&folder.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn world() -> (tempfile::TempDir, Machine, StateFolder) {
        let base = tempfile::tempdir().expect("a folder");
        let machine = Machine::with(base.path(), [("CURFEW_STATE".into(), base.path().join("s").into())]);
        let state = StateFolder::of(&machine).expect("a state folder");
        (base, machine, state)
    }

    fn sign_in(end: i64) -> JobSignIn {
        let expires_at = Some(Timestamp::from_millis(end));
        let (seed, token) = ("00".repeat(32), Some("cfw_x".into()));
        JobSignIn { seed, of_token: None, audience: None, token, expires_at, window: None }
    }

    #[test]
    fn a_job_keeps_its_key_to_itself() {
        let (_base, machine, state) = world();
        let folder = JobFolder::of(&state, "abc");
        assert!(folder.sign_in().expect("read").is_none());
        folder.keep_sign_in(&machine, &sign_in(9)).expect("kept");
        assert_eq!(folder.sign_in().expect("read").and_then(|s| s.token).as_deref(), Some("cfw_x"));
        let mode = std::fs::metadata(folder.path.join(SIGN_IN)).expect("there").mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_was_started_is_there_until_it_is_forgotten() {
        let (_base, machine, state) = world();
        let folder = JobFolder::of(&state, "abc");
        let beat = BeatId::try_from("0".repeat(32)).expect("a beat");
        let run = Id::new(Timestamp::from_millis(0), [1; 10]);
        let started = Started { run, beat: beat.clone(), window: Seconds::new(60), grants: Vec::new() };
        folder.keep_started(&machine, &started).expect("kept");
        folder.keep_keeper(&machine, &Keeper { process: "1:2".into(), beat, agent: None }).expect("kept");
        assert_eq!(folder.started().expect("read"), Some(started));
        folder.forget_started().expect("forgotten");
        folder.forget_started().expect("twice is once");
        assert_eq!((folder.started().expect("read"), folder.keeper().expect("read")), (None, None));
    }

    #[test]
    fn jobs_that_are_over_are_swept_and_others_stay() {
        let (_base, machine, state) = world();
        for (mark, end) in [("old", 5), ("new", 50)] {
            JobFolder::of(&state, mark).keep_sign_in(&machine, &sign_in(end)).expect("kept");
        }
        sweep_jobs(&state, Timestamp::from_millis(20));
        assert!(!JobFolder::of(&state, "old").path.exists() && JobFolder::of(&state, "new").path.exists());
    }

    #[tokio::test]
    async fn one_program_of_a_job_at_a_time() {
        let (_base, _machine, state) = world();
        let folder = JobFolder::of(&state, "abc");
        let first = folder.alone().await.expect("alone");
        let second = tokio::time::timeout(Duration::from_millis(250), folder.alone()).await;
        assert!(second.is_err(), "it waits");
        drop(first);
        folder.alone().await.expect("alone now");
    }
}
