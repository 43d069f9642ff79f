//! Where policy text comes from: a folder on disk, or a commit of a git repository. It is read as bytes, and whatever
//! wants to be more than bytes - a link, a filter, a submodule, a hook - is refused or left unread.
//!
//! This crate exists because reading is I/O, which `policy` may not do, and because the server that follows a
//! repository and the command that compares two revisions must read them in exactly the same way.
//!
//! **Invariant:** nothing here says what a policy means or whether it may be in force. No work tree is looked at, no
//! path of a tree is ever opened, and `git` runs with a configuration that runs nothing and reaches nobody but the one
//! repository it was told to fetch from.

mod folder;
mod git;
mod mirror;
mod signature;

pub use folder::{FolderError, PolicyFiles, read};
pub use git::{GitError, Range, Repository, Surroundings};
pub use mirror::{BadRemote, Between, Mirror, Remote, Step};
pub use signature::{SignatureError, Signers};
