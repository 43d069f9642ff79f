//! Running `git`'s plumbing so that neither a repository nor a person's configuration can make it do more.

use super::RevisionError;
use crate::machine::Machine;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long one command may take.
const LONGEST: Duration = Duration::from_secs(60);
/// How soon after its output a command is looked for its end.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// Bytes of an answer that is one line.
const LINE_BYTES: u64 = 16 * 1024;

/// Settings that a repository could use to run a program or to reach somebody; none of them is needed to read
/// objects. `safe.directory`: a checkout in a container belongs to somebody else, and nothing of its configuration
/// is obeyed here.
const SETTINGS: &[&str] = &[
    "safe.directory=*",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "core.alternateRefsCommand=false",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("LC_ALL", "C"),
    ("HOME", "/nonexistent"),
];

/// `git` in one folder.
pub(super) struct Plumbing {
    folder: PathBuf,
    /// Where the program is looked for: the one thing that is taken over from the environment.
    path: Option<OsString>,
}

impl Plumbing {
    pub(super) fn new(machine: &Machine, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), path: machine.var_os("PATH").cloned() }
    }

    /// What a command prints, when that is short.
    pub(super) fn said(&self, verb: &'static str, args: &[&str]) -> Result<String, RevisionError> {
        let mut running = self.start(verb, args)?;
        let mut text = String::new();
        let read = running.take_out().take(LINE_BYTES).read_to_string(&mut text);
        read.map_err(|_| RevisionError::Broken { verb, what: "printed something that is not text" })?;
        running.ended_well()?;
        Ok(text)
    }

    /// Starts a command.
    pub(super) fn start(&self, verb: &'static str, args: &[&str]) -> Result<Running, RevisionError> {
        let mut command = Command::new("git");
        command.current_dir(&self.folder).env_clear().envs(ENVIRONMENT.iter().copied());
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command.arg("--no-pager").arg("--literal-pathspecs");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.arg(verb).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Running::new(verb, command.spawn().map_err(RevisionError::NoGit)?))
    }
}

/// A `git` at work. It is ended when it takes too long and when nobody holds this any more.
pub(super) struct Running {
    verb: &'static str,
    child: Arc<Mutex<Child>>,
    pub(super) input: Option<ChildStdin>,
    out: Option<ChildStdout>,
    /// Dropped with this, which sends the watcher home.
    _watched: Sender<()>,
}

impl Running {
    fn new(verb: &'static str, mut child: Child) -> Self {
        let (input, out) = (child.stdin.take(), child.stdout.take());
        let child = Arc::new(Mutex::new(child));
        let (watched, watcher) = channel::<()>();
        let late = child.clone();
        std::thread::spawn(move || {
            if watcher.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                end(&late);
            }
        });
        Self { verb, child, input, out, _watched: watched }
    }

    /// What it prints; asked for once.
    pub(super) fn take_out(&mut self) -> ChildStdout {
        self.out.take().expect("INVARIANT: its stdout is a pipe, and is taken once")
    }

    /// A failure of this command.
    pub(super) fn broken(&self, what: &'static str) -> RevisionError {
        RevisionError::Broken { verb: self.verb, what }
    }

    /// Waits for the end, after everything it printed was read.
    pub(super) fn ended_well(mut self) -> Result<(), RevisionError> {
        drop(self.input.take());
        let status = loop {
            // Not held while waiting, so that the watcher can end one that does not stop by itself.
            let seen = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
            match seen.map_err(RevisionError::NoGit)? {
                Some(status) => break status,
                None => std::thread::sleep(LOOK_AGAIN),
            }
        };
        if status.success() {
            return Ok(());
        }
        let mut said = Vec::new();
        let err = self.child.lock().unwrap_or_else(PoisonError::into_inner).stderr.take();
        if let Some(err) = err {
            // What cannot be read of it is only missing from the message.
            let _ = err.take(LINE_BYTES).read_to_end(&mut said);
        }
        let said = String::from_utf8_lossy(&said).lines().next().unwrap_or("failed").to_owned();
        Err(RevisionError::Refused { verb: self.verb, said })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&self.child);
    }
}

/// Ends it; one that has ended already is only taken notice of.
fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = child.kill();
    let _ = child.wait();
}
