//! A private copy of somebody's repository, kept by a server that follows it.
//!
//! The copy is bare and belongs to one server. Whatever is fetched lies in it as objects and means nothing yet: the
//! server looks at each commit, and at the tree of the last, before any of it is in force.
//!
//! **Invariant:** nothing of the repository's own - configuration, hooks, filters, submodules, alternates, grafts - has
//! an effect here; a process that dies at any moment leaves a copy that the next start can use.

mod remote;

pub use remote::{BadRemote, Remote};

use crate::folder::PolicyFiles;
use crate::git::{self, GitError, Order, Plumbing, Source, Surroundings, object_id};
use crate::signature::{SignatureError, Signers, signer_of};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the tip of the branch is kept.
const SEEN: &str = "refs/curfew/seen";
/// How long a fetch may take.
const FETCH_WITHIN: Duration = Duration::from_secs(120);
/// What git says of a branch that is not there.
const NO_SUCH_REF: &str = "couldn't find remote ref";
/// Bytes that the whole copy may take.
const COPY_BYTES: u64 = 2 << 30;
/// Commits that one step may hold.
const MOST_COMMITS: usize = 10_000;
/// Bytes of a list of commits or paths.
const LISTING_BYTES: u64 = 16 << 20;

/// Settings for a fetch: every object is checked, nobody is asked for a password, no redirect is followed.
const FETCH_SETTINGS: [&str; 8] = [
    "fetch.fsckObjects=true",
    "fetch.writeCommitGraph=false",
    "fetch.recurseSubmodules=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=20",
    "core.bigFileThreshold=2m",
    "pack.threads=1",
];

/// `ssh` that asks nobody and takes no host for granted.
const SSH: &str = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=20 -o ForwardAgent=no \
                   -o PermitLocalCommand=no -o ClearAllForwardings=yes";

/// A commit on the way, and the ones it follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The commit.
    pub commit: String,
    /// The commits before it; two or more for a merge.
    pub parents: Vec<String>,
}

/// Two commits, by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between<'c> {
    /// The one to begin at.
    pub from: &'c str,
    /// The one to arrive at.
    pub to: &'c str,
}

/// A private copy of a branch of somebody's repository.
pub struct Mirror {
    git: Plumbing,
    surroundings: Surroundings,
    folder: PathBuf,
    remote: Remote,
}

impl Mirror {
    /// Opens the copy in this folder, or makes an empty one.
    ///
    /// # Errors
    /// When the folder cannot be made, or there is no `git`.
    pub fn open(surroundings: &Surroundings, folder: &Path, remote: Remote) -> Result<Self, GitError> {
        if !folder.join("HEAD").is_file() {
            make(surroundings, folder)?;
        }
        let git = Plumbing::bare(surroundings, folder);
        let mirror = Self { git, surroundings: surroundings.clone(), folder: folder.to_owned(), remote };
        mirror.tidy()?;
        Ok(mirror)
    }

    /// Throws the copy away, so that the next one begins anew.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn discard(self) -> Result<(), GitError> {
        fs::remove_dir_all(&self.folder).map_err(|error| copy(&self.folder, error))
    }

    /// What it is a copy of.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Fetches the branch and gives the commit at its end.
    ///
    /// # Errors
    /// When it cannot be had whole, in time and within its bounds.
    pub fn fetch(&self) -> Result<String, GitError> {
        self.tidy()?;
        let refspec = format!("+refs/heads/{}:{SEEN}", self.remote.branch());
        self.fetch_into(&refspec).map_err(|error| match error {
            GitError::Refused { said, .. } if said.starts_with(NO_SUCH_REF) => {
                GitError::NoBranch(self.remote.branch().to_owned())
            }
            other => other,
        })?;
        self.commit(SEEN)
    }

    /// Fetches one commit by its id, for a repository whose branch does not lead to it any more. Not every server
    /// gives one.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn fetch_commit(&self, id: &str) -> Result<(), GitError> {
        if !git::is_object_id(id) {
            return Err(GitError::NoCommit(id.to_owned()));
        }
        self.fetch_into(&format!("+{id}:refs/curfew/kept"))
    }

    fn fetch_into(&self, refspec: &str) -> Result<(), GitError> {
        let quiet = ["--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
        let mut args: Vec<OsString> = quiet.into_iter().map(OsString::from).collect();
        args.extend(["--no-auto-maintenance", "--", self.remote.address(), refspec].map(OsString::from));
        let mut settings: Vec<String> = FETCH_SETTINGS.iter().map(|s| (*s).to_owned()).collect();
        settings.extend(self.remote.settings());
        let mut environment = self.remote.environment();
        environment.push(("GIT_SSH_COMMAND", SSH.into()));
        environment.extend(self.git.for_fetching());
        self.git.carry_out("fetch", &Order { args, settings, environment }, FETCH_WITHIN)
    }

    /// The commit that a name or the beginning of an id stands for.
    ///
    /// # Errors
    /// When there is none here.
    pub fn commit(&self, name: &str) -> Result<String, GitError> {
        git::commit(&self.git, name)
    }

    /// Whether history leads from the one to the other, or they are one commit.
    ///
    /// # Errors
    /// When one of them is not here.
    pub fn leads(&self, Between { from, to }: Between<'_>) -> Result<bool, GitError> {
        let left = self.git.said("rev-list", &["--max-count=1", from, &format!("^{to}")])?;
        Ok(left.is_empty())
    }

    /// Every commit that `to` has in its history and `from` has not, the oldest first.
    ///
    /// # Errors
    /// When one of the two is not here, or there are too many to look at.
    pub fn steps(&self, Between { from, to }: Between<'_>) -> Result<Vec<Step>, GitError> {
        let most = format!("--max-count={}", MOST_COMMITS + 1);
        let args = ["--parents", "--topo-order", "--reverse", &most, to, &format!("^{from}")];
        let printed = self.git.printed("rev-list", &args, LISTING_BYTES)?;
        let broken = || GitError::Broken { verb: "rev-list", what: "printed no list of commits" };
        let text = String::from_utf8(printed).map_err(|_| broken())?;
        let step = |line: &str| -> Result<Step, GitError> {
            let mut ids = line.split(' ').map(|id| object_id(id, "rev-list"));
            Ok(Step { commit: ids.next().ok_or_else(broken)??, parents: ids.collect::<Result<_, _>>()? })
        };
        let steps: Vec<Step> = text.lines().map(step).collect::<Result<_, _>>()?;
        if steps.len() > MOST_COMMITS { Err(GitError::TooFar(MOST_COMMITS)) } else { Ok(steps) }
    }

    /// Every path of the whole repository that is otherwise in one commit than in the other.
    ///
    /// # Errors
    /// When one of them is not here, or there are too many.
    pub fn differences(&self, Between { from, to }: Between<'_>) -> Result<BTreeSet<String>, GitError> {
        self.paths(&["-r", "-z", "--name-only", "--no-renames", from, to])
    }

    /// Every path that a commit changes itself: none when it merges, or says only that somebody has seen it.
    ///
    /// # Errors
    /// When it is not here.
    pub fn changes(&self, step: &Step) -> Result<BTreeSet<String>, GitError> {
        match step.parents.as_slice() {
            [] => self.paths(&["-r", "-z", "--name-only", "--no-renames", "--root", "--no-commit-id", &step.commit]),
            [parent] => self.differences(Between { from: parent, to: &step.commit }),
            [_, _, ..] => Ok(BTreeSet::new()),
        }
    }

    fn paths(&self, args: &[&str]) -> Result<BTreeSet<String>, GitError> {
        let printed = self.git.printed("diff-tree", args, LISTING_BYTES)?;
        let paths = printed.split(|b| *b == 0).filter(|path| !path.is_empty());
        Ok(paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
    }

    /// The policy set in a folder as a commit has it; none when it has no such folder. The folder is empty, for the
    /// whole repository, or ends in `/`.
    ///
    /// # Errors
    /// When it cannot be read whole and within its bounds.
    pub fn files(&self, commit: &str, folder: &str) -> Result<Option<PolicyFiles>, GitError> {
        git::files(&self.git, commit, folder)
    }

    /// One regular file of a commit; none when there is no such file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(&self, commit: &str, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let Some(blob) = git::blob(&self.git, commit, path)? else { return Ok(None) };
        let mut source = Source::open(&self.git)?;
        let bytes = source.blob(&blob)?;
        source.close()?;
        Ok(Some(bytes))
    }

    /// Who signed each of these commits, in their order: the principal that the list of signers has for the key.
    ///
    /// # Errors
    /// Names the first commit that nobody of the list has signed, and why.
    pub fn signers<'c>(
        &self,
        commits: impl IntoIterator<Item = &'c str>,
        signers: &Signers,
    ) -> Result<Vec<String>, SignatureError> {
        let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(&self.folder);
        let scratch = scratch.map_err(|error| copy(&self.folder, error))?;
        let mut source = Source::open(&self.git)?;
        let mut found = Vec::new();
        for commit in commits {
            let (raw, size) = source.object(commit, "commit")?;
            if raw.len() as u64 != size {
                return Err(SignatureError::Unsigned {
                    commit: commit.to_owned(),
                    why: "it is too long to be checked",
                });
            }
            found.push(signer_of(&self.surroundings, scratch.path(), signers, (commit, &raw))?);
        }
        source.close()?;
        Ok(found)
    }

    /// Removes what a process that died in the middle left behind, and sees that the copy has room.
    fn tidy(&self) -> Result<(), GitError> {
        let mut bytes = 0;
        let mut open = vec![self.folder.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| copy(&folder, error))?.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let Ok(about) = entry.metadata() else { continue };
                if about.is_dir() && name.starts_with(SCRATCH) {
                    let _ = fs::remove_dir_all(entry.path());
                } else if about.is_dir() {
                    open.push(entry.path());
                } else if name.ends_with(".lock") || name.starts_with("tmp_") {
                    // Nobody else works here: whoever made it is dead.
                    let _ = fs::remove_file(entry.path());
                } else {
                    bytes += about.len();
                }
            }
        }
        if bytes > COPY_BYTES {
            let why = format!("it has grown to {} MiB: stop the server, remove it, start again", bytes >> 20);
            return Err(GitError::Copy { path: self.folder.clone(), why });
        }
        Ok(())
    }
}

/// What the folders begin with in which signatures are checked.
const SCRATCH: &str = "check-";

/// An empty bare repository, whole or not at all.
fn make(surroundings: &Surroundings, folder: &Path) -> Result<(), GitError> {
    let begun = folder.with_extension("new");
    for leftover in [folder, &begun] {
        match fs::remove_dir_all(leftover) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(copy(leftover, error)),
        }
    }
    fs::DirBuilder::new().mode(0o700).create(&begun).map_err(|error| copy(&begun, error))?;
    let args = ["--quiet", "--bare", "--template=", "--initial-branch=curfew"].map(OsString::from).to_vec();
    let order = Order { args, ..Order::default() };
    Plumbing::bare(surroundings, &begun).carry_out("init", &order, FETCH_WITHIN)?;
    fs::rename(&begun, folder).map_err(|error| copy(folder, error))
}

fn copy(path: &Path, error: std::io::Error) -> GitError {
    GitError::Copy { path: path.to_owned(), why: error.to_string() }
}

#[cfg(test)]
mod tests;
