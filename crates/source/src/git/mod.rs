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
mod repository;
mod tree;

pub(crate) use objects::Source;
pub use plumbing::Surroundings;
pub(crate) use plumbing::{Order, Plumbing};
pub use range::Range;
pub use repository::Repository;
pub(crate) use repository::{commit, is_object_id, object_id};
pub(crate) use tree::blob;

use crate::folder::PolicyFiles;

/// Why a revision could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// `git` is not there, or does not start.
    #[error("cannot run git: {0}")]
    NoGit(std::io::Error),
    /// The folder is in no repository.
    #[error("{0} is in no git repository")]
    NoRepository(String),
    /// The repository has no such branch.
    #[error("the repository has no branch `{0}`")]
    NoBranch(String),
    /// There is no such commit.
    #[error("there is no commit `{0}`")]
    NoCommit(String),
    /// The two commits have no common ancestor.
    #[error("`{0}` and `{1}` have no history in common")]
    Unrelated(String, String),
    /// `git` said no.
    #[error("git {verb}: {said}")]
    Refused {
        /// What it was told to do.
        verb: &'static str,
        /// The line that says why.
        said: String,
    },
    /// It took too long, printed too much, or something that is not its format.
    #[error("git {verb} {what}")]
    Broken {
        /// What it was told to do.
        verb: &'static str,
        /// What it did.
        what: &'static str,
    },
    /// More files than a policy folder has.
    #[error("the folder holds more than {0} files at this revision")]
    TooMany(usize),
    /// More bytes than a policy set has.
    #[error("the policy set has more than {0} bytes at this revision")]
    TooLarge(usize),
    /// More commits than are looked at, one by one, in one step.
    #[error("there are more than {0} commits between the two")]
    TooFar(usize),
    /// The copy of the repository cannot be kept.
    #[error("{path}: {why}")]
    Copy {
        /// Where.
        path: std::path::PathBuf,
        /// What the system said, or what is wrong.
        why: String,
    },
}

/// The policy set of a folder as a commit has it; none when the commit has no such folder. The folder is empty or
/// ends in `/`.
pub(crate) fn files(git: &Plumbing, commit: &str, folder: &str) -> Result<Option<PolicyFiles>, GitError> {
    let place = format!("{commit}:{folder}");
    let said = git.said("rev-parse", &["--verify", "--quiet", &place]);
    let root = match said {
        Ok(said) => object_id(&said, "rev-parse")?,
        Err(GitError::Refused { .. }) => return Ok(None),
        Err(other) => return Err(other),
    };
    let listing = tree::list(git, &root)?;
    objects::files(git, listing, &place).map(Some)
}

#[cfg(test)]
pub(crate) mod tests;
