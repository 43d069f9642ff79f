//! A folder of somebody's repository, whose revisions can be read.

use super::plumbing::{Plumbing, Surroundings};
use super::range::Range;
use super::{GitError, files};
use crate::folder::PolicyFiles;
use std::path::Path;

/// A folder of a repository, whose revisions can be read.
pub struct Repository {
    git: Plumbing,
    /// The folder inside the repository, empty or with a `/` at its end.
    prefix: String,
}

impl Repository {
    /// The repository that this folder is in.
    ///
    /// # Errors
    /// When there is none, or no `git`.
    pub fn around(surroundings: &Surroundings, folder: &Path) -> Result<Self, GitError> {
        let git = Plumbing::around(surroundings, folder);
        let said = git.said("rev-parse", &["--show-prefix"]).map_err(|error| match error {
            GitError::Refused { .. } => GitError::NoRepository(folder.display().to_string()),
            other => other,
        })?;
        Ok(Self { git, prefix: said.trim_end_matches('\n').to_owned() })
    }

    /// The two commits of a range.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn commits(&self, range: &Range) -> Result<(String, String), GitError> {
        let (base, head) = (self.commit(&range.base)?, self.commit(&range.head)?);
        if !range.since_they_parted {
            return Ok((base, head));
        }
        let parted = self.git.said("merge-base", &[&base, &head]);
        let unrelated = |_| GitError::Unrelated(range.base.clone(), range.head.clone());
        Ok((object_id(&parted.map_err(unrelated)?, "merge-base")?, head))
    }

    /// The commit that a name stands for.
    ///
    /// # Errors
    /// When there is none.
    pub fn commit(&self, name: &str) -> Result<String, GitError> {
        commit(&self.git, name)
    }

    /// The policy set in the folder as a commit has it; none when the commit has no such folder.
    ///
    /// # Errors
    /// When it cannot be read whole and within its bounds.
    pub fn read(&self, commit: &str) -> Result<Option<PolicyFiles>, GitError> {
        files(&self.git, commit, &self.prefix)
    }
}

/// The commit that a name stands for.
pub(crate) fn commit(git: &Plumbing, name: &str) -> Result<String, GitError> {
    let none = || GitError::NoCommit(name.to_owned());
    // What begins so would be an option, and no revision has these characters.
    if name.starts_with('-') || name.chars().any(char::is_control) {
        return Err(none());
    }
    let said = git.said("rev-parse", &["--verify", "--quiet", &format!("{name}^{{commit}}")]);
    match said {
        Ok(said) => object_id(&said, "rev-parse"),
        Err(GitError::Refused { .. }) => Err(none()),
        Err(other) => Err(other),
    }
}

/// One object id and nothing else.
pub(crate) fn object_id(said: &str, verb: &'static str) -> Result<String, GitError> {
    let id = said.trim_end_matches('\n');
    if is_object_id(id) { Ok(id.to_owned()) } else { Err(GitError::Broken { verb, what: "printed no object id" }) }
}

/// Whether a text is the whole id of an object: SHA-1 or SHA-256 in hex.
pub(crate) fn is_object_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
