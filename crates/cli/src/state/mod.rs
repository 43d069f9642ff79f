//! What this machine keeps for its user: tokens, the secrets of grants, and the keys of jobs.
//!
//! **Invariant:** every file is 0600 in folders of 0700, replaced by rename, and never read through a
//! symbolic link or when somebody else could have read or written it.

mod grants;
mod jobs;
mod private;
mod tokens;

pub(crate) use grants::{GrantFolder, GrantRecord, Half, sweep};
pub(crate) use jobs::{JobFolder, JobSignIn, Keeper, Started, sweep_jobs};
pub(crate) use private::make_folder;
pub(crate) use tokens::{StoredToken, Tokens};

use crate::failure::Failure;
use crate::machine::Machine;
use std::path::{Path, PathBuf};

/// `$CURFEW_STATE`, or `curfew` in `$XDG_STATE_HOME` or `~/.local/state`.
#[derive(Debug, Clone)]
pub(crate) struct StateFolder {
    root: PathBuf,
}

impl StateFolder {
    /// Where it is; nothing is made until something is kept.
    pub(crate) fn of(machine: &Machine) -> Result<Self, Failure> {
        let variable = |name: &str| machine.var_os(name).map(PathBuf::from);
        let root = variable("CURFEW_STATE")
            .map(|folder| machine.path(&folder))
            .or_else(|| variable("XDG_STATE_HOME").filter(|base| base.is_absolute()).map(|base| base.join("curfew")))
            .or_else(|| variable("HOME").map(|home| home.join(".local/state/curfew")));
        let none =
            || Failure::wrong_use("there is no place to keep tokens and secrets: neither CURFEW_STATE nor HOME is set");
        root.map(|root| Self { root }).ok_or_else(none)
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(vars: &[(&str, &str)]) -> Option<PathBuf> {
        let vars = vars.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        StateFolder::of(&Machine::with(Path::new("/work"), vars)).ok().map(|state| state.root)
    }

    #[test]
    fn the_first_variable_wins() {
        let home = ("HOME", "/home/a");
        assert_eq!(root(&[home]), Some("/home/a/.local/state/curfew".into()));
        assert_eq!(root(&[home, ("XDG_STATE_HOME", "/s")]), Some("/s/curfew".into()));
        assert_eq!(root(&[home, ("XDG_STATE_HOME", "s")]), Some("/home/a/.local/state/curfew".into()));
        assert_eq!(root(&[home, ("XDG_STATE_HOME", "/s"), ("CURFEW_STATE", "c")]), Some("/work/c".into()));
        assert_eq!(root(&[]), None);
    }
}
