//! Files that are replaced as a whole: after a crash there is the old one or the new one, never half.

use crate::failure::Failure;
use crate::machine::Machine;
use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Who may read the file.
#[derive(Debug, Clone)]
pub(crate) enum Readers {
    /// Its owner.
    Owner,
    /// Whoever the umask lets.
    Everybody,
    /// Those who may read the file that is replaced.
    AsBefore(Permissions),
}

/// A new file beside the one it will replace. Dropped unfinished, it goes away.
#[derive(Debug)]
pub(crate) struct Replacement {
    file: File,
    beside: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl Replacement {
    /// Opens it. A symbolic link at `path` is replaced, not followed.
    pub(crate) fn begin(machine: &Machine, path: &Path, readers: &Readers) -> Result<Self, Failure> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = folder.join(format!(".curfew-new-{}", hex::encode(machine.random::<8>())));
        let mode = match readers {
            Readers::Owner | Readers::AsBefore(_) => 0o600,
            Readers::Everybody => 0o666,
        };
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside);
        let file = file.map_err(|error| Failure::file("write", path, &error))?;
        let new = Self { file, beside, path: path.to_owned(), finished: false };
        if let Readers::AsBefore(permissions) = readers {
            let plain = Permissions::from_mode(permissions.mode() & 0o777);
            new.file.set_permissions(plain).map_err(|error| Failure::file("write", path, &error))?;
        }
        Ok(new)
    }

    /// Writes more of it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| Failure::file("write", &self.path, &error))
    }

    /// Puts it in its place.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let done = self.file.sync_all().and_then(|()| std::fs::rename(&self.beside, &self.path));
        self.finished = done.is_ok();
        done.map_err(|error| Failure::file("write", &self.path, &error))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: the name is random, so a file that stays is in nobody's way.
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}

/// Replaces a file with these bytes.
pub(crate) fn replace(machine: &Machine, path: &Path, bytes: &[u8], readers: &Readers) -> Result<(), Failure> {
    let mut new = Replacement::begin(machine, path, readers)?;
    new.write(bytes)?;
    new.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect()
    }

    #[test]
    fn an_unfinished_file_leaves_the_old_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let (machine, path) = (Machine::here(), folder.path().join("krl"));
        replace(&machine, &path, b"old", &Readers::Owner).expect("written");
        let mut new = Replacement::begin(&machine, &path, &Readers::Owner).expect("begun");
        new.write(b"half").expect("written");
        drop(new);
        assert_eq!(std::fs::read(&path).expect("read"), b"old");
        assert_eq!(names(folder.path()), ["krl"]);
    }

    #[test]
    fn permissions_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let (machine, path) = (Machine::here(), folder.path().join("roles.yaml"));
        std::fs::write(&path, "a").expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("changed");
        let before = std::fs::metadata(&path).expect("there").permissions();
        replace(&machine, &path, b"b", &Readers::AsBefore(before)).expect("written");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
    }
}
