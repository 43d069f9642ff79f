//! Files that only their owner may read.

use crate::failure::Failure;
use crate::machine::Machine;
use crate::whole_file::{Readers, replace};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// More than any file we keep.
const LARGEST: u64 = 1 << 20;

/// Makes the folder and those above it, 0700, unless it is there. One that others may write to is refused.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| Failure::file("make the folder", path, &error))?;
    let about = std::fs::metadata(path).map_err(|error| Failure::file("look at", path, &error))?;
    if about.uid() != rustix::process::geteuid().as_raw() || about.mode() & 0o022 != 0 {
        let message = format!("{} belongs to somebody else, or others may write to it", path.display());
        return Err(Failure::wrong_use(message).hint(format!("chmod 700 {}, or set CURFEW_STATE", path.display())));
    }
    Ok(())
}

/// Replaces the file, and makes its folder.
pub(super) fn write(machine: &Machine, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    make_folder(path.parent().expect("INVARIANT: a file of ours stands in a folder"))?;
    replace(machine, path, bytes, &Readers::Owner)
}

/// The file's text, or none when there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, Failure> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("INVARIANT: open's flags are an int");
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("read", path, &error)),
    };
    check_private(path, &file)?;
    let mut text = Zeroizing::new(String::new());
    let read = file.take(LARGEST).read_to_string(&mut text);
    read.map_err(|error| Failure::file("read", path, &error))?;
    Ok(Some(text))
}

fn check_private(path: &Path, file: &File) -> Result<(), Failure> {
    let about = file.metadata().map_err(|error| Failure::file("look at", path, &error))?;
    if !about.is_file() {
        return Err(Failure::wrong_use(format!("{} is no regular file", path.display())));
    }
    if about.uid() != rustix::process::geteuid().as_raw() || about.mode() & 0o077 != 0 {
        let message = format!("{} holds secrets, and others could have read or written it", path.display());
        return Err(Failure::wrong_use(message).hint("remove it, then sign in or activate again"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("there").mode() & 0o777
    }

    #[test]
    fn files_are_private_whatever_the_umask() {
        let base = tempfile::tempdir().expect("a folder");
        let path = base.path().join("a/b/secret");
        write(&Machine::here(), &path, b"one").expect("written");
        write(&Machine::here(), &path, b"two").expect("replaced");
        assert_eq!(read(&path).expect("read").as_deref().map(String::as_str), Some("two"));
        assert_eq!((mode(&path), mode(&base.path().join("a/b")), mode(&base.path().join("a"))), (0o600, 0o700, 0o700));
        let left: Vec<_> = std::fs::read_dir(base.path().join("a/b")).expect("a folder").collect();
        assert_eq!(left.len(), 1, "no temporary file stays");
        assert_eq!(read(&base.path().join("nothing")).expect("read"), None);
    }

    #[test]
    fn what_others_could_touch_is_refused() {
        let base = tempfile::tempdir().expect("a folder");
        let path = base.path().join("secret");
        write(&Machine::here(), &path, b"one").expect("written");
        std::os::unix::fs::symlink(&path, base.path().join("link")).expect("linked");
        assert!(read(&base.path().join("link")).is_err());
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("changed");
        assert!(read(&path).is_err());
        let open = base.path().join("open");
        std::fs::create_dir(&open).expect("made");
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).expect("changed");
        assert!(write(&Machine::here(), &open.join("secret"), b"x").is_err());
    }
}
