//! The folder that sshd, the agent and `principals` share.
//!
//! **Invariant:** a file here is only ever replaced as a whole, by renaming one that is on disk. A missing
//! revocation list locks everybody out, an empty one lets everybody in.

use crate::failure::Failure;
use crate::machine::Machine;
use curfew_api::LedgerMarkView;
use curfew_domain::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// More than any file here.
const LARGEST: u64 = 64 << 20;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readable {
    /// Everybody on the host.
    ByAll,
    /// The owner alone.
    ByOwner,
}

/// Which server the host belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Membership {
    /// The server's address.
    pub(super) server: String,
    /// The resource whose host this is; for people, the token decides.
    pub(super) resource: String,
}

/// What `principals` answers from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapping {
    /// Principal to the accounts it may enter.
    pub(super) principals: BTreeMap<String, Vec<String>>,
    /// Serials of ended leases.
    pub(super) ended: BTreeSet<u64>,
    /// How far the server's ledger had come when it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<LedgerMarkView>,
}

/// A login that `principals` let through, for as long as anything of it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// Which boot of the host; process ids mean nothing after another.
    pub(super) boot: String,
    /// The sshd process.
    pub(super) pid: u32,
    /// When it was started, in clock ticks since the boot: a process id is used again, this pair is not.
    pub(super) start: u64,
    /// The certificate's serial.
    pub(super) serial: u64,
    /// The certificate's key id.
    pub(super) key_id: String,
    /// When the certificate expires.
    pub(super) expires_at: Timestamp,
    /// The account.
    pub(super) account: String,
    /// The account's number.
    pub(super) uid: u32,
    /// The connection, as sshd writes it into `SSH_CONNECTION`; none when it could not be told.
    pub(super) connection: Option<String>,
}

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(machine: &Machine, dir: &Path) -> Self {
        Self(machine.path(dir))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The lines for `TrustedUserCAKeys`.
    pub(super) fn authorities(&self) -> PathBuf {
        self.path("authorities.pub")
    }

    /// The file for `RevokedKeys`.
    pub(super) fn revocation_list(&self) -> PathBuf {
        self.path("revoked.krl")
    }

    /// The host's token.
    pub(super) fn token(&self) -> PathBuf {
        self.path("token")
    }

    /// Makes the folder, its sub-folder and what is missing of it.
    pub(super) fn make(&self) -> Result<(), Failure> {
        make_folder(&self.0, 0o755)?;
        make_folder(&self.path("sessions"), 0o700)
    }

    /// Replaces a file as a whole; does nothing when it has this content.
    pub(super) fn write(&self, path: &Path, bytes: &[u8], readable: Readable) -> Result<(), Failure> {
        if read(path).is_ok_and(|there| there.as_deref() == Some(bytes)) {
            return Ok(());
        }
        self.replace(path, bytes, readable).map_err(|error| Failure::file("write", path, &error))
    }

    fn replace(&self, path: &Path, bytes: &[u8], readable: Readable) -> io::Result<()> {
        let beside = beside(path);
        let mode = match readable {
            Readable::ByAll => 0o644,
            Readable::ByOwner => 0o600,
        };
        // A file of this name was left by a process of ours that died.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        // The umask may have taken bits that sshd needs.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        File::open(path.parent().unwrap_or(&self.0))?.sync_all()
    }

    /// Which server the host belongs to.
    pub(super) fn membership(&self) -> Result<Membership, Failure> {
        let path = self.path("host.json");
        let missing = || {
            Failure::wrong_use(format!("{} is missing", path.display()))
                .hint("`curfew host setup --write --resource R --server URL` makes it")
        };
        self.json(&path)?.ok_or_else(missing)
    }

    pub(super) fn write_membership(&self, membership: &Membership) -> Result<(), Failure> {
        self.write(&self.path("host.json"), &to_json(membership), Readable::ByAll)
    }

    /// What the server last said; none before the first time.
    pub(super) fn mapping(&self) -> Result<Option<Mapping>, Failure> {
        self.json(&self.path("mapping.json"))
    }

    pub(super) fn write_mapping(&self, mapping: &Mapping) -> Result<(), Failure> {
        self.write(&self.path("mapping.json"), &to_json(mapping), Readable::ByOwner)
    }

    /// SHA-256 of the revocation list that sshd reads, in hex; empty when there is none.
    pub(super) fn list_hash(&self) -> String {
        let list = read(&self.revocation_list()).ok().flatten();
        list.map(|bytes| hex::encode(Sha256::digest(bytes))).unwrap_or_default()
    }

    /// Writes a session down. No sync: after a power cut there is no session.
    pub(super) fn record(&self, record: &Record) -> Result<(), Failure> {
        let path = self.record_path(record);
        let beside = beside(&path);
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(&to_json(record)))
            .and_then(|()| std::fs::rename(&beside, &path));
        written.map_err(|error| Failure::file("write", &path, &error))
    }

    /// Every session that was written down.
    pub(super) fn records(&self) -> Result<Vec<Record>, Failure> {
        let folder = self.path("sessions");
        let entries = std::fs::read_dir(&folder).map_err(|error| Failure::file("read", &folder, &error))?;
        let mut records = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| Failure::file("read", &folder, &error))?.path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            match self.json::<Record>(&path) {
                Ok(record) => records.extend(record),
                // A power cut may leave an empty file, and took the session with it.
                Err(_) if !names_a_process(&path) => {
                    std::fs::remove_file(&path).map_err(|error| Failure::file("remove", &path, &error))?;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(records)
    }

    /// Forgets a session of which nothing runs.
    pub(super) fn forget(&self, record: &Record) -> Result<(), Failure> {
        let path = self.record_path(record);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::file("remove", &path, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn record_path(&self, record: &Record) -> PathBuf {
        self.path("sessions").join(format!("{}-{}-{}.json", record.pid, record.start, record.serial))
    }

    /// Says that the agent runs, for as long as what this gives is kept. The lock goes with the process.
    pub(super) fn claim(&self) -> Result<File, Failure> {
        let path = self.path("agent.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(|error| Failure::file("open", &path, &error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(_) => Err(Failure::wrong_use("another `curfew host run` keeps this folder")),
        }
    }

    /// Whether an agent runs, who would end a session that is opened now.
    pub(super) fn is_watched(&self) -> bool {
        match File::open(self.path("agent.lock")) {
            Ok(file) => matches!(flock(&file, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::AGAIN)),
            Err(_) => false,
        }
    }

    fn json<T: for<'a> Deserialize<'a>>(&self, path: &Path) -> Result<Option<T>, Failure> {
        let Some(bytes) = read(path).map_err(|error| Failure::file("read", path, &error))? else { return Ok(None) };
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Some).map_err(|error| Failure::wrong_use(format!("{}: {error}", path.display())))
    }
}

/// The host's token, if nobody but its owner could have read it.
pub(super) fn read_token(path: &Path) -> Result<secrecy::SecretString, Failure> {
    let fail = |error: io::Error| Failure::file("read", path, &error).hint("`curfew host token` makes one");
    let about = std::fs::metadata(path).map_err(fail)?;
    if about.mode() & 0o077 != 0 {
        return Err(
            Failure::wrong_use(format!("others may read {}", path.display())).hint("chmod 600, and make a new token")
        );
    }
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(fail)?);
    Ok(secrecy::SecretString::from(text.trim().to_owned()))
}

/// Whether the process in the name of a session's file still runs.
fn names_a_process(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut parts = name.split('-').map(str::parse::<u64>);
    let (Some(Ok(pid)), Some(Ok(start))) = (parts.next(), parts.next()) else { return false };
    let seen = u32::try_from(pid).ok().and_then(super::processes::look);
    seen.is_some_and(|process| process.start == start)
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

/// The file's bytes; none when there is no file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn make_folder(path: &Path, mode: u32) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|error| Failure::file("make the folder", path, &error))?;
    let about = std::fs::metadata(path).map_err(|error| Failure::file("look at", path, &error))?;
    if about.uid() != rustix::process::geteuid().as_raw() || about.mode() & 0o022 != 0 {
        let message = format!("{} belongs to somebody else, or others may write to it", path.display());
        return Err(Failure::wrong_use(message));
    }
    Ok(())
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("INVARIANT: plain structs serialize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_running_agent_watches() {
        let base = tempfile::tempdir().expect("a folder");
        let folder = Folder(base.path().join("curfew"));
        folder.make().expect("made");
        assert!(!folder.is_watched(), "never claimed");
        let claim = folder.claim().expect("claimed");
        assert!(folder.is_watched());
        assert!(folder.claim().is_err(), "one agent at a time");
        drop(claim);
        assert!(!folder.is_watched(), "gone with its process");
    }

    #[test]
    fn files_are_replaced_as_a_whole() {
        let base = tempfile::tempdir().expect("a folder");
        let folder = Folder(base.path().to_owned());
        folder.make().expect("made");
        assert_eq!(folder.list_hash(), "");
        folder.write(&folder.revocation_list(), b"one", Readable::ByAll).expect("written");
        let first = std::fs::metadata(folder.revocation_list()).expect("there");
        folder.write(&folder.revocation_list(), b"one", Readable::ByAll).expect("the same");
        assert_eq!(std::fs::metadata(folder.revocation_list()).expect("there").ino(), first.ino(), "left alone");
        folder.write(&folder.revocation_list(), b"two", Readable::ByAll).expect("replaced");
        let second = std::fs::metadata(folder.revocation_list()).expect("there");
        assert!(second.ino() != first.ino() && second.mode() & 0o777 == 0o644);
        assert_eq!(folder.list_hash(), hex::encode(Sha256::digest(b"two")));
    }

    #[test]
    fn a_token_that_others_may_read_is_refused() {
        let base = tempfile::tempdir().expect("a folder");
        let path = base.path().join("token");
        std::fs::write(&path, "cfh_x\n").expect("written");
        let chmod = |mode| {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&path, permissions).expect("changed");
        };
        chmod(0o644);
        assert!(read_token(&path).is_err());
        chmod(0o600);
        assert_eq!(secrecy::ExposeSecret::expose_secret(&read_token(&path).expect("a token")), "cfh_x");
    }
}
