//! A policy set as a git revision has it, read from the object store alone.
//!
//! A pull request is somebody else's text. Checking it out would run filters, follow links and fetch submodules
//! before anybody has read it, so nothing is checked out: trees are listed and blobs are copied, bounded in number,
//! size and time. The program `git` does it, with a configuration that runs nothing and reaches nobody.
//!
//! **Invariant:** nothing is written, no work tree is looked at, and no path of a tree is ever opened.

mod objects;
mod plumbing;
mod range;
mod tree;

pub(crate) use range::Range;

use crate::failure::Failure;
use crate::machine::Machine;
use crate::policy_files::PolicyFiles;
use plumbing::Plumbing;
use std::path::Path;

/// A folder of a repository, whose revisions can be read.
pub(crate) struct Repository {
    git: Plumbing,
    /// The folder inside the repository, empty or with a `/` at its end.
    prefix: String,
}

/// Why a revision could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevisionError {
    /// `git` is not there, or does not start.
    #[error("cannot run git: {0}")]
    NoGit(std::io::Error),
    /// The folder is in no repository.
    #[error("{0} is in no git repository")]
    NoRepository(String),
    /// There is no such commit.
    #[error("there is no commit `{0}`")]
    NoCommit(String),
    /// The two commits have no common ancestor.
    #[error("`{0}` and `{1}` have no history in common")]
    Unrelated(String, String),
    /// `git` said no.
    #[error("git {verb}: {said}")]
    Refused { verb: &'static str, said: String },
    /// It took too long, printed too much, or something that is not its format.
    #[error("git {verb} {what}")]
    Broken { verb: &'static str, what: &'static str },
    /// More files than a policy folder has.
    #[error("the folder holds more than {0} files at this revision")]
    TooMany(usize),
    /// More bytes than a policy set has.
    #[error("the policy set has more than {0} bytes at this revision")]
    TooLarge(usize),
}

impl From<RevisionError> for Failure {
    fn from(error: RevisionError) -> Self {
        let hint = match &error {
            RevisionError::NoGit(_) => "install git, or compare two folders",
            RevisionError::NoRepository(_) => "run it inside the repository, or name the folder after the range",
            RevisionError::NoCommit(_) => "a shallow clone has only some: fetch the base of the pull request too",
            RevisionError::Unrelated(..) => "write BASE..HEAD to compare them as they are",
            RevisionError::Refused { .. } | RevisionError::Broken { .. } => "",
            RevisionError::TooMany(_) | RevisionError::TooLarge(_) => "name the folder that holds the policies",
        };
        let failure = match &error {
            RevisionError::NoCommit(_) => Failure::not_found(error.to_string()),
            RevisionError::NoGit(_)
            | RevisionError::NoRepository(_)
            | RevisionError::Unrelated(..)
            | RevisionError::Refused { .. }
            | RevisionError::Broken { .. }
            | RevisionError::TooMany(_)
            | RevisionError::TooLarge(_) => Failure::wrong_use(error.to_string()),
        };
        failure.hint(hint)
    }
}

impl Repository {
    /// The repository that this folder is in.
    ///
    /// # Errors
    /// When there is none, or no `git`.
    pub(crate) fn around(machine: &Machine, folder: &Path) -> Result<Self, RevisionError> {
        let git = Plumbing::new(machine, folder);
        let said = git.said("rev-parse", &["--show-prefix"]).map_err(|error| match error {
            RevisionError::Refused { .. } => RevisionError::NoRepository(folder.display().to_string()),
            other => other,
        })?;
        Ok(Self { git, prefix: said.trim_end_matches('\n').to_owned() })
    }

    /// The two commits of a range.
    ///
    /// # Errors
    /// When one of them is not there.
    pub(crate) fn commits(&self, range: &Range) -> Result<(String, String), RevisionError> {
        let (base, head) = (self.commit(&range.base)?, self.commit(&range.head)?);
        if !range.since_they_parted {
            return Ok((base, head));
        }
        let parted = self.git.said("merge-base", &[&base, &head]);
        let unrelated = |_| RevisionError::Unrelated(range.base.clone(), range.head.clone());
        Ok((object_id(&parted.map_err(unrelated)?, "merge-base")?, head))
    }

    fn commit(&self, name: &str) -> Result<String, RevisionError> {
        let none = || RevisionError::NoCommit(name.to_owned());
        // What begins so would be an option, and no revision has these characters.
        if name.starts_with('-') || name.chars().any(char::is_control) {
            return Err(none());
        }
        let said = self.git.said("rev-parse", &["--verify", "--quiet", &format!("{name}^{{commit}}")]);
        match said {
            Ok(said) => object_id(&said, "rev-parse"),
            Err(RevisionError::Refused { .. }) => Err(none()),
            Err(other) => Err(other),
        }
    }

    /// The policy set in the folder as a commit has it; none when the commit has no such folder.
    ///
    /// # Errors
    /// When it cannot be read whole and within its bounds.
    pub(crate) fn read(&self, commit: &str) -> Result<Option<PolicyFiles>, RevisionError> {
        let place = format!("{commit}:{}", self.prefix);
        let said = self.git.said("rev-parse", &["--verify", "--quiet", &place]);
        let root = match said {
            Ok(said) => object_id(&said, "rev-parse")?,
            Err(RevisionError::Refused { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let listing = tree::list(&self.git, &root)?;
        objects::files(&self.git, listing, &place).map(Some)
    }
}

/// One object id and nothing else.
fn object_id(said: &str, verb: &'static str) -> Result<String, RevisionError> {
    let id = said.trim_end_matches('\n');
    let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id { Ok(id.to_owned()) } else { Err(RevisionError::Broken { verb, what: "printed no object id" }) }
}

#[cfg(test)]
mod tests;
