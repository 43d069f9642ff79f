//! Programs that end with the value that holds them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A running program; killed when dropped.
pub(crate) struct Child {
    process: std::process::Child,
}

impl Child {
    pub(crate) fn start(command: &mut Command) -> Self {
        let process = command.spawn();
        Self { process: process.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}")) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Sends a signal by name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(kill.unwrap().success(), "cannot send {name}");
    }

    /// Waits for the end; panics when it does not come.
    pub(crate) fn wait(&mut self, limit: Duration) -> std::process::ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < limit, "a program did not end within {limit:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        drop(self.process.kill());
        self.process.wait().unwrap();
    }
}

impl From<std::process::Child> for Child {
    fn from(process: std::process::Child) -> Self {
        Self { process }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A port nothing listens on now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until something is so, and says how long it took; panics when it takes longer than `limit`.
pub(crate) fn soon(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    loop {
        if is_so() {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A folder others may enter, because some servers run as another account.
pub(crate) fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::Builder::new().prefix("curfew-e2e-").tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

pub(crate) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.starts_with(b"0")
}

/// The newest PostgreSQL of the distribution, or the one `CURFEW_TEST_PG_BIN` names.
pub(crate) fn postgres_programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("CURFEW_TEST_PG_BIN") {
        return folder.into();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").map(|all| all.flatten().map(|e| e.path().join("bin")));
    let mut found: Vec<PathBuf> = versions.into_iter().flatten().filter(|bin| bin.join("initdb").is_file()).collect();
    found.sort();
    found.pop().expect("PostgreSQL is not installed: run `cargo xtask setup`")
}

/// A file's text, or nothing.
pub(crate) fn text(file: &Path) -> String {
    std::fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
