//! Why a commit cannot be in force, and what to do about it.

use curfew_source::{GitError, SignatureError};

/// Why a commit cannot be in force, or the repository cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The repository or its private copy does not answer.
    #[error("the repository cannot be followed: {0}")]
    Unreachable(#[source] GitError),
    /// History was rewritten, or the branch went back.
    #[error("commit {} does not follow the commit in force, {}: the branch was rewritten", short(to), short(from))]
    Rewritten {
        /// In force.
        from: String,
        /// What came.
        to: String,
    },
    /// An administrator named a commit before the one in force.
    #[error("commit {} is older than the commit in force, {}", short(to), short(from))]
    Backwards {
        /// In force.
        from: String,
        /// What was named.
        to: String,
    },
    /// The commit in force is not to be had any more.
    #[error("the commit in force, {}, is not in the repository: {why}", short(commit))]
    Lost {
        /// Which.
        commit: String,
        /// What git said.
        why: String,
    },
    /// The branch has no such commit.
    #[error("the branch has no commit `{0}`")]
    NoSuchCommit(String),
    /// There is no list of signers.
    #[error("the allowed signers cannot be read from {place}: {why}")]
    NoSigners {
        /// Where it was looked for.
        place: String,
        /// Why.
        why: String,
    },
    /// A commit has no signature that counts.
    #[error(transparent)]
    Signature(SignatureError),
    /// Others have to sign.
    #[error("{}", .0.join("; "))]
    Approvers(Vec<String>),
    /// The repository has no such folder.
    #[error("commit {} has no folder `{folder}`", short(commit))]
    NoFolder {
        /// The commit.
        commit: String,
        /// The folder.
        folder: String,
    },
    /// Its own tests do not hold.
    #[error("{failed} of its tests {} not hold; the first is `{first}`: {why}", if *failed == 1 { "does" } else { "do" })]
    Tests {
        /// How many.
        failed: usize,
        /// The name of the first.
        first: String,
        /// What came out.
        why: String,
    },
}

impl Unfit {
    /// What to do about it, when that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Rewritten { from, to } => {
                let (from, to) = (short(from), short(to));
                return Some(format!(
                    "Put the branch back to where it was: a commit that follows {from}. If it is right as it is, an \
                     administrator says `curfew policy apply {to} --rollback`."
                ));
            }
            Self::Lost { .. } => {
                "Put the branch back to where it was, or, if it is right as it is, an administrator says \
                 `curfew policy apply COMMIT --rollback`."
            }
            Self::Backwards { to, .. } => {
                let to = short(to);
                return Some(format!("Going back is a step of its own: `curfew policy apply {to} --rollback`."));
            }
            Self::NoSuchCommit(_) => {
                "Name a commit of the branch by its id, seven digits or more; push it first if it is new."
            }
            Self::NoSigners { .. } => "`policy.allowed_signers` in the server's configuration says where they are.",
            Self::Signature(SignatureError::NoKeygen(_)) => {
                "Install OpenSSH on the server's machine: its `ssh-keygen` checks signatures."
            }
            Self::Signature(SignatureError::Unsigned { .. } | SignatureError::Git(_)) => SIGN,
            Self::Approvers(_) => {
                "Another of them signs a commit on top: one that changes such files, a merge, or an empty one \
                 (`git commit --allow-empty -S -m approve`)."
            }
            Self::NoFolder { .. } => {
                "`policy.path` in the server's configuration names the folder of the repository; without it all of the \
                 repository is the policy."
            }
            Self::Tests { .. } => "`curfew policy test` runs them.",
            Self::Unreachable(GitError::NoBranch(_)) => {
                "Push it, or name another one: `policy.branch` in the server's configuration."
            }
            Self::Unreachable(_) => {
                "See that `policy.git` is right and that the server's machine gets there: `git ls-remote ADDRESS` lists \
                 its branches."
            }
        };
        Some(hint.to_owned())
    }
}

/// What whoever made a commit has to do that nobody of the list has signed.
const SIGN: &str = "Sign it with a key of the allowed signers and push again: `git config gpg.format ssh`, `git config \
                    user.signingkey ~/.ssh/id_ed25519.pub`, then `git commit --amend --no-edit -S`, or `git rebase \
                    --force-rebase -S BASE` for several. A commit that was never in force may be replaced: `git push \
                    --force-with-lease`. If the signer was added in the same push, apply the commit that adds them first.";

impl From<SignatureError> for Unfit {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::Git(error) => Self::Unreachable(error),
            SignatureError::Unsigned { .. } | SignatureError::NoKeygen(_) => Self::Signature(error),
        }
    }
}

/// A commit's id as people say it.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
