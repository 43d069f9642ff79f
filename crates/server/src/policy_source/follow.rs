//! Following a branch: what is at its end, and whether that may be in force. Every step here takes the time that `git`
//! takes, and changes nothing but the private copy.

use super::approvers::{Places, SignedStep};
use super::unfit::{Unfit, short};
use super::{Loaded, Origin, PolicyError, PolicySource};
use crate::config::{FollowedBranch, SignersAt, process_environment};
use curfew_policy::{PolicySet, Purpose, Severity, SourceFile, check};
use curfew_source::{Between, GitError, Mirror, Signers, Step, Surroundings};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of the private copy, inside the state folder.
const COPY: &str = "policy.git";
/// Bytes of a file of allowed signers.
const SIGNERS_BYTES: u64 = 1 << 20;
/// Letters that the beginning of a commit's id has at least.
const SHORTEST_ID: usize = 7;

/// What is to be in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The end of the branch, as the server itself follows it.
    Tip,
    /// The end of the branch, because an administrator says so.
    Newest,
    /// This commit of the branch, which follows the one in force.
    Commit(String),
    /// This commit of the branch, because the pipeline that checked it says so: as the server itself would come to it.
    Deployed(String),
    /// This commit, also when it does not.
    Rollback(String),
}

/// A set that may be in force.
pub(crate) struct Candidate {
    pub(crate) loaded: Loaded,
    /// Who signed the commits on the way.
    pub(crate) signers: BTreeSet<String>,
    /// How many commits there are on the way.
    pub(crate) steps: usize,
    /// The paths that are otherwise than in the version in force.
    pub(crate) changed: BTreeSet<String>,
    /// The end of the branch.
    pub(crate) tip: String,
}

/// What was found.
pub(crate) enum Found {
    /// It is in force already.
    InForce,
    /// The branch has nothing that was not there when it was rolled back.
    Held(String),
    /// This may be in force.
    Candidate(Box<Candidate>),
}

/// The set to begin with.
pub(crate) struct Begun {
    pub(crate) loaded: Loaded,
    /// Whether the repository was reached just now.
    pub(crate) reached: Reached,
}

/// Whether the repository was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    Yes,
    No,
}

/// A branch of a repository, and what its commits are checked against.
pub(crate) struct Follower {
    source: Arc<PolicySource>,
    branch: FollowedBranch,
    mirror: Mirror,
}

impl Follower {
    /// Opens the private copy in the state folder.
    pub(crate) fn open(source: &Arc<PolicySource>, branch: &FollowedBranch, state: &Path) -> Result<Self, PolicyError> {
        let branch = branch.clone();
        let mut remote = branch.remote.clone();
        if let Some(reference) = &branch.password {
            let password = reference.read(&process_environment);
            let password = password.map_err(|error| PolicyError::Secrets(vec![error.to_string()]))?;
            remote = remote.with_password(password);
        }
        let surroundings = Surroundings::of(|name| std::env::var_os(name));
        let mirror = Mirror::open(&surroundings, &state.join(COPY), remote).map_err(Unfit::Unreachable)?;
        Ok(Self { source: source.clone(), branch, mirror })
    }

    /// Which branch.
    pub(crate) fn branch(&self) -> &FollowedBranch {
        &self.branch
    }

    /// Where the files are that rules speak of.
    pub(super) fn places(&self) -> Places {
        let signers = match &self.branch.signers {
            Some(SignersAt::InRepository(path)) => Some(path.clone()),
            Some(SignersAt::Here(_)) | None => None,
        };
        Places { folder: self.branch.folder.clone(), signers }
    }

    /// The set to begin with: the one that was in force, or, when nothing ever was, the end of the branch. That first
    /// commit is trusted by its own signature; what came before it is not looked at.
    pub(crate) fn begin(&self, in_force: Option<&str>) -> Result<Begun, PolicyError> {
        if let Some(commit) = in_force {
            let reached = self.recover(commit)?;
            return Ok(Begun { loaded: self.load(commit)?, reached });
        }
        let tip = self.mirror.fetch().map_err(Unfit::Unreachable)?;
        if let Some(signers) = self.signers(&tip)? {
            self.mirror.signers([tip.as_str()], &signers).map_err(Unfit::from)?;
        }
        let loaded = self.load(&tip)?;
        self.test(&loaded.files)?;
        Ok(Begun { loaded, reached: Reached::Yes })
    }

    /// Sees that the commit that was in force can be read, if need be from the repository.
    fn recover(&self, commit: &str) -> Result<Reached, Unfit> {
        let is_here = || self.mirror.commit(commit).is_ok() && self.mirror.files(commit, &self.branch.folder).is_ok();
        if is_here() {
            return Ok(Reached::No);
        }
        self.mirror.fetch().map_err(Unfit::Unreachable)?;
        if is_here() {
            return Ok(Reached::Yes);
        }
        let lost = |error: GitError| Unfit::Lost { commit: commit.to_owned(), why: error.to_string() };
        self.mirror.fetch_commit(commit).map_err(lost)?;
        Ok(Reached::Yes)
    }

    /// What is wanted, compared with what is in force.
    pub(crate) fn find(&self, in_force: &PolicySet, wanted: &Wanted, held: Option<&str>) -> Result<Found, PolicyError> {
        let tip = self.mirror.fetch().map_err(Unfit::Unreachable)?;
        // A set that was read from no commit has no history to follow.
        let from = in_force.commit().unwrap_or(&tip).to_owned();
        let to = match wanted {
            Wanted::Tip | Wanted::Newest => tip.clone(),
            Wanted::Commit(id) | Wanted::Deployed(id) | Wanted::Rollback(id) => self.named(id, &tip, &from)?,
        };
        if in_force.commit() == Some(&to) {
            return Ok(Found::InForce);
        }
        // Jobs end in another order than they were begun: what came after it stays.
        if matches!(wanted, Wanted::Deployed(_)) && self.leads(&to, &from)? {
            return Ok(Found::InForce);
        }
        if let (Wanted::Tip | Wanted::Deployed(_), Some(held)) = (wanted, held)
            && self.leads(&to, held)?
        {
            return Ok(Found::Held(to));
        }
        let is_forward = self.leads(&from, &to)?;
        match wanted {
            Wanted::Rollback(_) => {}
            Wanted::Tip | Wanted::Newest | Wanted::Commit(_) | Wanted::Deployed(_) if is_forward => {}
            Wanted::Commit(_) if self.leads(&to, &from)? => return Err(Unfit::Backwards { from, to }.into()),
            Wanted::Tip | Wanted::Newest | Wanted::Commit(_) | Wanted::Deployed(_) => {
                return Err(Unfit::Rewritten { from, to }.into());
            }
        }
        self.candidate(in_force, Between { from: &from, to: &to }, (wanted, tip)).map(|c| Found::Candidate(Box::new(c)))
    }

    fn candidate(
        &self,
        in_force: &PolicySet,
        between: Between<'_>,
        (wanted, tip): (&Wanted, String),
    ) -> Result<Candidate, PolicyError> {
        let steps = self.mirror.steps(between).map_err(Unfit::Unreachable)?;
        let signed = match self.signers(between.from)? {
            None => Vec::new(),
            Some(signers) => {
                // A commit that is gone back to was perhaps never looked at.
                let last = steps.is_empty().then_some(between.to);
                let commits = steps.iter().map(|step| step.commit.as_str()).chain(last);
                self.mirror.signers(commits, &signers).map_err(Unfit::from)?
            }
        };
        let loaded = self.load(between.to)?;
        let changed = self.changed(between, &loaded.files)?;
        match wanted {
            // Persons say yes to it, not signatures.
            Wanted::Rollback(_) => {}
            Wanted::Tip | Wanted::Newest | Wanted::Commit(_) | Wanted::Deployed(_) => {
                let missing = self.missing(in_force, &changed, (&steps, &signed, between.to))?;
                if !missing.is_empty() {
                    return Err(Unfit::Approvers(missing).into());
                }
            }
        }
        self.test(&loaded.files)?;
        let signers = signed.into_iter().collect();
        Ok(Candidate { loaded, signers, steps: steps.len(), changed, tip })
    }

    /// The paths that are otherwise: also those that an ignore file takes away or brings back.
    fn changed(&self, between: Between<'_>, files: &[SourceFile]) -> Result<BTreeSet<String>, PolicyError> {
        let mut changed = self.mirror.differences(between).map_err(Unfit::Unreachable)?;
        let before = self.mirror.files(between.from, &self.branch.folder).map_err(Unfit::Unreachable)?;
        let before = before.map(|read| read.files).unwrap_or_default();
        let by_path = |files: &[SourceFile]| -> BTreeMap<String, Vec<u8>> {
            files.iter().map(|file| (file.path.clone(), file.bytes.clone())).collect()
        };
        let (before, after) = (by_path(&before), by_path(files));
        let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let otherwise = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
        changed.extend(otherwise.map(|path| format!("{}{path}", self.branch.folder)));
        Ok(changed)
    }

    fn missing(
        &self,
        in_force: &PolicySet,
        changed: &BTreeSet<String>,
        (steps, signed, to): (&[Step], &[String], &str),
    ) -> Result<Vec<String>, PolicyError> {
        let places = self.places();
        if places.covering(in_force, changed).is_empty() {
            return Ok(Vec::new());
        }
        let step = |(step, signer): (&Step, &String)| -> Result<SignedStep, GitError> {
            Ok(SignedStep {
                signer: signer.parse().ok(),
                changes: self.mirror.changes(step)?,
                lacks: self.mirror.differences(Between { from: &step.commit, to })?,
            })
        };
        let steps: Result<Vec<SignedStep>, GitError> = steps.iter().zip(signed).map(step).collect();
        Ok(places.missing(in_force, changed, &steps.map_err(Unfit::Unreachable)?))
    }

    /// Whose signatures count, read from a commit when they are kept there; none when none are asked for.
    fn signers(&self, commit: &str) -> Result<Option<Signers>, Unfit> {
        let (place, text) = match &self.branch.signers {
            None => return Ok(None),
            Some(SignersAt::Here(path)) => (path.display().to_string(), read_bounded(path).map_err(|e| e.to_string())),
            Some(SignersAt::InRepository(path)) => {
                let read = self.mirror.file(commit, path).map_err(Unfit::Unreachable)?;
                let none = "there is no such file (an absolute path would be one of this machine)".to_owned();
                (format!("{path} of commit {}", short(commit)), read.ok_or(none))
            }
        };
        let no_signers = |why: String| Unfit::NoSigners { place: place.clone(), why };
        let text = text.map_err(no_signers)?;
        Signers::new(text).map(Some).ok_or_else(|| no_signers("it names nobody, or is too long".to_owned()))
    }

    /// The set of a commit, checked.
    fn load(&self, commit: &str) -> Result<Loaded, PolicyError> {
        let read = self.mirror.files(commit, &self.branch.folder).map_err(Unfit::Unreachable)?;
        let Some(read) = read else {
            let folder = self.branch.folder.trim_end_matches('/').to_owned();
            return Err(Unfit::NoFolder { commit: commit.to_owned(), folder }.into());
        };
        if read.problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(PolicyError::Text(read.problems));
        }
        let origin = if self.branch.signers.is_some() { Origin::Signed } else { Origin::Unsigned };
        let set = self.source.judge(&read.files, origin)?.at_commit(commit);
        Ok(Loaded { set, files: read.files.into() })
    }

    /// The tests that a policy brings hold. They are those of the set without an environment, as whoever wrote them
    /// ran them.
    fn test(&self, files: &[SourceFile]) -> Result<(), PolicyError> {
        let checked = check(files, &self.source.kinds, Purpose::Check);
        let Some(set) = checked.set else { return Err(PolicyError::Text(checked.problems)) };
        let run = set.run_tests();
        let Some(first) = run.results.iter().find(|result| !result.ok) else { return Ok(()) };
        let why = first.mismatches.join("; ");
        Err(Unfit::Tests { failed: run.failed, first: first.name.clone(), why }.into())
    }

    /// The commit whose id begins so, of the branch or of what led to the version in force.
    fn named(&self, id: &str, tip: &str, from: &str) -> Result<String, PolicyError> {
        let none = || Unfit::NoSuchCommit(id.to_owned());
        if id.len() < SHORTEST_ID || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(none().into());
        }
        let commit = self.mirror.commit(&id.to_ascii_lowercase()).map_err(|_| none())?;
        let known = self.leads(&commit, tip)? || self.leads(&commit, from)?;
        if known { Ok(commit) } else { Err(none().into()) }
    }

    fn leads(&self, from: &str, to: &str) -> Result<bool, PolicyError> {
        Ok(self.mirror.leads(Between { from, to }).map_err(Unfit::Unreachable)?)
    }
}

fn read_bounded(path: &PathBuf) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(SIGNERS_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
