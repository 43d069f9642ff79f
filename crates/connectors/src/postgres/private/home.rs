//! The folder of a private server, and the account it runs under: PostgreSQL refuses to be root.

use super::{StartError, last_of, write_secret};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An account by its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Account {
    uid: u32,
    gid: u32,
}

/// `nobody` and `nogroup`, for machines without an account `postgres`.
const NOBODY: Account = Account { uid: 65_534, gid: 65_534 };

/// Where a private server lives.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    /// The account to become; none when we are not root.
    account: Option<Account>,
}

impl Home {
    /// Makes the folder, mode 0700, for the account that the server will run under.
    pub(super) fn make(dir: &Path) -> Result<Self, StartError> {
        let account = rustix::process::getuid().is_root().then(|| postgres_account().unwrap_or(NOBODY));
        let path = match account {
            Some(account) if !reachable(dir) => elsewhere(dir, account)?,
            Some(_) | None => dir.to_owned(),
        };
        let home = Self { path, account };
        home.make_folder()?;
        Ok(home)
    }

    fn make_folder(&self) -> Result<(), StartError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(StartError::system(format!("making {}", self.path.display())))?;
        self.give(&self.path)?;
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&self.path, private)
            .map_err(StartError::system(format!("closing {}", self.path.display())))
    }

    /// Makes the server's account the owner of a file.
    pub(super) fn give(&self, path: &Path) -> Result<(), StartError> {
        let Some(account) = self.account else { return Ok(()) };
        chown(path, Some(account.uid), Some(account.gid))
            .map_err(StartError::system(format!("giving {} to PostgreSQL's account", path.display())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    /// The superuser's password: the one kept here from an earlier start, else the new one, kept.
    pub(super) fn password(&self, new: &SecretString) -> Result<SecretString, StartError> {
        let path = self.path.join("superuser-password");
        match std::fs::read_to_string(&path) {
            Ok(kept) => Ok(kept.into()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                write_secret(&path, new.expose_secret())?;
                Ok(new.clone())
            }
            Err(e) => Err(StartError::system(format!("reading {}", path.display()))(e)),
        }
    }

    /// The port of the last start, if there was one.
    pub(super) fn port(&self) -> Option<u16> {
        std::fs::read_to_string(self.port_file()).ok()?.trim().parse().ok()
    }

    /// Remembers the port for the next start.
    pub(super) fn keep_port(&self, port: u16) -> Result<(), StartError> {
        let path = self.port_file();
        std::fs::write(&path, format!("{port}\n")).map_err(StartError::system(format!("writing {}", path.display())))
    }

    fn port_file(&self) -> PathBuf {
        self.path.join("port")
    }

    pub(super) fn open_log(&self) -> Result<File, StartError> {
        let path = self.log();
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        file.map_err(StartError::system(format!("opening {}", path.display())))
    }

    pub(super) fn end_of_log(&self) -> String {
        last_of(&String::from_utf8_lossy(&std::fs::read(self.log()).unwrap_or_default()))
    }

    /// A program run to its end, under the server's account.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.path);
        if let Some(account) = self.account {
            // The standard library drops supplementary groups along with root.
            command.uid(account.uid).gid(account.gid);
        }
        command
    }

    /// A program that stays, under the server's account, and stops when the thread that started it ends.
    pub(super) fn command_for_long(&self, program: &Path) -> Command {
        if !setpriv_knows_death_signals() {
            return self.command(program);
        }
        let mut command = Command::new("setpriv");
        command.current_dir(&self.path);
        if let Some(account) = self.account {
            command.arg(format!("--reuid={}", account.uid)).arg(format!("--regid={}", account.gid));
            command.arg("--clear-groups");
        }
        command.args(["--pdeathsig", "INT", "--"]).arg(program);
        command
    }
}

fn setpriv_knows_death_signals() -> bool {
    let help = Command::new("setpriv").arg("--help").output();
    help.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("--pdeathsig"))
}

fn postgres_account() -> Option<Account> {
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = accounts.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some(Account { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

/// Whether another account can walk to the folder.
fn reachable(dir: &Path) -> bool {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    absolute.ancestors().skip(1).filter_map(|parent| parent.metadata().ok()).all(|parent| parent.mode() & 0o001 != 0)
}

/// A folder that the server's account can walk to, always the same for one `dir`.
fn elsewhere(dir: &Path, account: Account) -> Result<PathBuf, StartError> {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let digest = hex::encode(Sha256::digest(absolute.as_os_str().as_encoded_bytes()));
    let path = PathBuf::from(format!("/var/tmp/curfew-postgres-{}", &digest[..16]));
    match DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => Ok(path),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            let found =
                path.symlink_metadata().map_err(StartError::system(format!("looking at {}", path.display())))?;
            if found.is_dir() && found.uid() == account.uid { Ok(path) } else { Err(StartError::ForeignFolder(path)) }
        }
        Err(e) => Err(StartError::system(format!("making {}", path.display()))(e)),
    }
}
