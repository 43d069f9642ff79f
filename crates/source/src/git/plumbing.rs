//! Running `git` so that neither a repository nor a person's configuration can make it do more.

use super::GitError;
use curfew_domain::text::visible;
use rustix::process::{Pid, Resource, Rlimit, Signal};
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a command that only reads may take.
const LONGEST: Duration = Duration::from_secs(60);
/// How soon after its output a command is looked for its end.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// Bytes of an answer that is one line, and of what is kept of a complaint.
const LINE_BYTES: u64 = 16 * 1024;
/// Bytes that one file may grow to which a fetch writes.
const FETCHED_FILE_BYTES: u64 = 512 << 20;
/// Bytes of memory that a fetch may address.
const FETCH_MEMORY_BYTES: u64 = 4 << 30;

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
    "credential.helper=",
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

/// What a fetch takes over from the environment: the way to the network, and the agent that holds a key.
const FOR_FETCHING: [&str; 8] = [
    "SSH_AUTH_SOCK",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
];

/// What is taken over from the environment, and nothing else is.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Where programs are looked for.
    pub(crate) path: Option<OsString>,
    for_fetching: Vec<(&'static str, OsString)>,
}

impl Surroundings {
    /// Of an environment in which variables are looked up.
    pub fn of(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let for_fetching = FOR_FETCHING.into_iter().filter_map(|name| Some((name, lookup(name)?))).collect();
        Self { path: lookup("PATH"), for_fetching }
    }
}

/// Where `git` finds its repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    /// In the folder or one above it.
    Around,
    /// The folder is one.
    Here,
}

/// `git` in one folder.
pub(crate) struct Plumbing {
    folder: PathBuf,
    store: Store,
    surroundings: Surroundings,
}

/// What `git` is told to do when that goes beyond reading.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) args: Vec<OsString>,
    pub(crate) settings: Vec<String>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

impl Plumbing {
    /// In somebody's checkout.
    pub(crate) fn around(surroundings: &Surroundings, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), store: Store::Around, surroundings: surroundings.clone() }
    }

    /// In a bare repository.
    pub(crate) fn bare(surroundings: &Surroundings, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), store: Store::Here, surroundings: surroundings.clone() }
    }

    /// What a command prints, when that is short.
    pub(crate) fn said(&self, verb: &'static str, args: &[&str]) -> Result<String, GitError> {
        let bytes = self.printed(verb, args, LINE_BYTES)?;
        String::from_utf8(bytes).map_err(|_| GitError::Broken { verb, what: "printed something that is not text" })
    }

    /// What a command prints; more than `most` bytes are a failure.
    pub(crate) fn printed(&self, verb: &'static str, args: &[&str], most: u64) -> Result<Vec<u8>, GitError> {
        let mut running = self.start(verb, args)?;
        let mut bytes = Vec::new();
        let read = running.take_out().take(most + 1).read_to_end(&mut bytes);
        read.map_err(|_| GitError::Broken { verb, what: "could not be read" })?;
        if bytes.len() as u64 > most {
            return Err(GitError::Broken { verb, what: "printed too much" });
        }
        running.ended_well()?;
        Ok(bytes)
    }

    /// Starts a command that only reads.
    pub(crate) fn start(&self, verb: &'static str, args: &[&str]) -> Result<Running, GitError> {
        let order = Order { args: args.iter().map(OsString::from).collect(), ..Order::default() };
        Ok(Running::new(verb, self.spawn(verb, &order)?, LONGEST))
    }

    /// Carries an order out that writes into the store or reaches the network: bounded in the size of what it writes,
    /// in memory and in time.
    pub(crate) fn carry_out(&self, verb: &'static str, order: &Order, longest: Duration) -> Result<(), GitError> {
        let child = self.spawn(verb, order)?;
        if let Some(pid) = pid(&child) {
            for (resource, most) in [(Resource::Fsize, FETCHED_FILE_BYTES), (Resource::As, FETCH_MEMORY_BYTES)] {
                let limit = Rlimit { current: Some(most), maximum: Some(most) };
                // It may have ended already, and then needs no bounds.
                let _ = rustix::process::prlimit(Some(pid), resource, limit);
            }
        }
        let mut running = Running::new(verb, child, longest);
        // Nothing is expected on its output; what comes is not kept.
        let drained = std::io::copy(&mut running.take_out(), &mut std::io::sink());
        drained.map_err(|_| running.broken("could not be read"))?;
        running.ended_well()
    }

    fn spawn(&self, verb: &str, order: &Order) -> Result<Child, GitError> {
        let mut command = Command::new("git");
        command.current_dir(&self.folder).env_clear().envs(ENVIRONMENT.iter().copied());
        if let Some(path) = &self.surroundings.path {
            command.env("PATH", path);
        }
        command.arg("--no-pager").arg("--literal-pathspecs");
        match self.store {
            Store::Around => {}
            Store::Here => {
                command.arg("--git-dir=.");
            }
        }
        for setting in SETTINGS.iter().copied().chain(order.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command.envs(order.environment.iter().map(|(name, value)| (name, value)));
        command.arg(verb).args(&order.args);
        // A group of its own, so that whatever it starts ends with it.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(GitError::NoGit)
    }

    /// What a fetch takes over from the environment.
    pub(crate) fn for_fetching(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        self.surroundings.for_fetching.iter().cloned()
    }
}

/// A `git` at work. It is ended when it takes too long and when nobody holds this any more.
pub(crate) struct Running {
    verb: &'static str,
    child: Arc<Mutex<Child>>,
    pub(crate) input: Option<ChildStdin>,
    out: Option<ChildStdout>,
    complaint: Receiver<Vec<u8>>,
    /// Dropped with this, which sends the watcher home.
    _watched: Sender<()>,
}

impl Running {
    fn new(verb: &'static str, mut child: Child, longest: Duration) -> Self {
        let (input, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (said, complaint) = channel();
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            if let Some(mut err) = err {
                // Read to its end, so that nobody can hold it up by talking; what cannot be read of it is only missing
                // from the message.
                let _ = err.by_ref().take(LINE_BYTES).read_to_end(&mut kept);
                let _ = std::io::copy(&mut err, &mut std::io::sink());
            }
            let _ = said.send(kept);
        });
        let child = Arc::new(Mutex::new(child));
        let (watched, watcher) = channel::<()>();
        let late = child.clone();
        std::thread::spawn(move || {
            if watcher.recv_timeout(longest) == Err(RecvTimeoutError::Timeout) {
                end(&late);
            }
        });
        Self { verb, child, input, out, complaint, _watched: watched }
    }

    /// What it prints; asked for once.
    pub(crate) fn take_out(&mut self) -> ChildStdout {
        self.out.take().expect("INVARIANT: its stdout is a pipe, and is taken once")
    }

    /// A failure of this command.
    pub(crate) fn broken(&self, what: &'static str) -> GitError {
        GitError::Broken { verb: self.verb, what }
    }

    /// Waits for the end, after everything it printed was read.
    pub(crate) fn ended_well(mut self) -> Result<(), GitError> {
        drop(self.input.take());
        let status = loop {
            // Not held while waiting, so that the watcher can end one that does not stop by itself.
            let seen = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
            match seen.map_err(GitError::NoGit)? {
                Some(status) => break status,
                None => std::thread::sleep(LOOK_AGAIN),
            }
        };
        if status.success() {
            return Ok(());
        }
        if status.code().is_none() {
            return Err(self.broken("took too long, or too much room, and was ended"));
        }
        let said = self.complaint.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        Err(GitError::Refused { verb: self.verb, said: reason(&String::from_utf8_lossy(&said)) })
    }
}

/// What git says last when it could not even begin to read; why is in the line before.
const NOT_READ: &str = "fatal: Could not read from remote repository.";

/// The line that says why: the last complaint, for what a remote repository says comes before it.
fn reason(said: &str) -> String {
    let complaint = |line: &&str| line.starts_with("fatal: ") || line.starts_with("error: ");
    let line = said.lines().rfind(complaint).or_else(|| said.lines().next()).unwrap_or("failed");
    let before = || said.lines().take_while(|line| *line != NOT_READ).filter(|line| !line.trim().is_empty()).last();
    let line = if line == NOT_READ { before().unwrap_or(line) } else { line };
    let plain = line.trim_start_matches("fatal: ").trim_start_matches("error: ");
    visible(&plain.chars().take(500).collect::<String>()).into_owned()
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&self.child);
    }
}

/// Ends it and what it started; one that has ended already is only taken notice of.
fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    if let (Ok(None), Some(pid)) = (child.try_wait(), pid(&child)) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}
