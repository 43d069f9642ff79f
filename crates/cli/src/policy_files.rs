//! Reading policies from a folder or a revision, and saying what to do when that is not possible.

use crate::failure::Failure;
use crate::machine::Machine;
use curfew_source::{FolderError, GitError, Surroundings};
use std::path::Path;

pub(crate) use curfew_source::PolicyFiles;

/// Reads a folder, or the one file that was named.
pub(crate) fn read(path: &Path) -> Result<PolicyFiles, Failure> {
    curfew_source::read(path).map_err(Failure::from)
}

/// What `git` takes over from where a command runs.
pub(crate) fn surroundings(machine: &Machine) -> Surroundings {
    Surroundings::of(|name| machine.var_os(name).cloned())
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        let failure = Self::wrong_use(error.to_string());
        match error {
            FolderError::TooMany(_) => failure.hint("name the folder that holds the policies"),
            FolderError::Unreadable { .. } => failure.hint("name the folder that holds the policies, or one file"),
            FolderError::Neither(_) | FolderError::Name(_) | FolderError::TooDeep(_) | FolderError::TooLarge(_) => {
                failure
            }
        }
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        let hint = match &error {
            GitError::NoGit(_) => "install git, or compare two folders",
            GitError::NoRepository(_) => "run it inside the repository, or name the folder after the range",
            GitError::NoCommit(_) => {
                "`git log --oneline --all` lists those there are; a shallow clone has only some: fetch the base too"
            }
            GitError::Unrelated(..) => "write BASE..HEAD to compare them as they are",
            GitError::NoBranch(_)
            | GitError::Refused { .. }
            | GitError::Broken { .. }
            | GitError::TooFar(_)
            | GitError::Copy { .. } => "",
            GitError::TooMany(_) | GitError::TooLarge(_) => "name the folder that holds the policies",
        };
        let failure = match &error {
            GitError::NoCommit(_) => Failure::not_found(error.to_string()),
            GitError::NoGit(_)
            | GitError::NoRepository(_)
            | GitError::Unrelated(..)
            | GitError::NoBranch(_)
            | GitError::Refused { .. }
            | GitError::Broken { .. }
            | GitError::TooMany(_)
            | GitError::TooLarge(_)
            | GitError::TooFar(_)
            | GitError::Copy { .. } => Failure::wrong_use(error.to_string()),
        };
        failure.hint(hint)
    }
}
