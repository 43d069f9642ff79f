//! The computer a command runs on: its environment, clock and source of randomness.

use curfew_domain::Timestamp;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What a command reads of its surroundings, as a value, so that a test can hand it another.
#[derive(Clone)]
pub struct Machine {
    vars: BTreeMap<OsString, OsString>,
    folder: PathBuf,
    now: fn() -> Timestamp,
    fill: fn(&mut [u8]),
}

impl Machine {
    /// This process's own.
    pub fn here() -> Self {
        let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        Self { vars: std::env::vars_os().collect(), folder, now: wall_clock, fill: system_entropy }
    }

    /// This machine seen from another folder and with these variables alone.
    pub fn with(folder: &Path, vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self { vars: vars.into_iter().collect(), folder: folder.to_owned(), ..Self::here() }
    }

    /// A variable that is set, not empty, and UTF-8.
    pub fn var(&self, name: &str) -> Option<String> {
        self.vars.get(std::ffi::OsStr::new(name))?.to_str().map(str::to_owned).filter(|value| !value.is_empty())
    }

    /// A variable that is set and not empty.
    pub fn var_os(&self, name: &str) -> Option<&OsString> {
        self.vars.get(std::ffi::OsStr::new(name)).filter(|value| !value.is_empty())
    }

    /// Every variable, for a command that is run.
    pub(crate) fn vars(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.vars.iter()
    }

    /// A path as the person meant it.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The time by this machine's clock, for display and for asking policy.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Fresh random bytes, fit for keys.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.fill)(&mut bytes);
        bytes
    }
}

#[allow(clippy::disallowed_methods, reason = "the command line is a process of its own, with the machine's clock")]
fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    Timestamp::from_millis(millis)
}

#[allow(clippy::disallowed_methods, reason = "secrets made on the subject's machine need its own randomness")]
fn system_entropy(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("INVARIANT: the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_none() {
        let machine = Machine::with(Path::new("/x"), [("A".into(), "".into()), ("B".into(), "b".into())]);
        assert_eq!((machine.var("A"), machine.var("B")), (None, Some("b".to_owned())));
        assert_eq!(machine.path(Path::new("y")), Path::new("/x/y"));
        assert_eq!(machine.path(Path::new("/y")), Path::new("/y"));
    }

    #[test]
    fn random_bytes_differ() {
        let machine = Machine::here();
        assert_ne!(machine.random::<32>(), machine.random::<32>());
    }
}
