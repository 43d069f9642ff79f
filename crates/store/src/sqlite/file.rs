//! The ledger's files: their folder, who may read them, and which process owns them.

use super::error::{FileFailed, InUse, NotALedger, OpenError, SqliteFailed};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const OWNER_ONLY: u32 = 0o600;
const FOLDER_OWNER_ONLY: u32 = 0o700;
/// How long a checkpoint waits for readers. Nobody else may write, so nothing waits for a lock.
const BUSY: Duration = Duration::from_millis(500);

/// Where a ledger lies.
#[derive(Debug, Clone)]
pub(super) struct Place {
    ledger: PathBuf,
}

impl Place {
    /// Makes the folder and the file where they are missing, for their owner alone.
    pub(super) fn prepare(path: &Path) -> Result<Self, OpenError> {
        let place = Self { ledger: path.to_owned() };
        let folder = place.folder();
        if !folder.exists() {
            let made = DirBuilder::new().recursive(true).mode(FOLDER_OWNER_ONLY).create(&folder);
            made.map_err(|source| FileFailed { verb: "make", path: folder.clone(), source })?;
        }
        if !path.exists() {
            open_private(path).map_err(|e| place.failed("make", e))?;
            // A new name is durable only when its folder is synced too.
            let synced = File::open(&folder).and_then(|f| f.sync_all());
            synced.map_err(|source| FileFailed { verb: "sync", path: folder, source })?;
        }
        Ok(place)
    }

    /// Takes the ledger's files from everybody else's eyes, once it is known to be one.
    pub(super) fn protect(&self) -> Result<(), OpenError> {
        for ending in ["", "-wal", "-shm", ".lock", ".reserve"] {
            let file = self.beside(ending);
            protect(&file).map_err(|source| FileFailed { verb: "protect", path: file, source })?;
        }
        Ok(())
    }

    pub(super) fn ledger(&self) -> &Path {
        &self.ledger
    }

    pub(super) fn folder(&self) -> PathBuf {
        match self.ledger.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            Some(_) | None => PathBuf::from("."),
        }
    }

    /// The file whose name is the ledger's with this ending.
    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        let mut name: OsString = self.ledger.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    }

    pub(super) fn failed(&self, verb: &'static str, source: io::Error) -> OpenError {
        FileFailed { verb, path: self.ledger.clone(), source }.into()
    }

    pub(super) fn refused(&self, source: rusqlite::Error) -> OpenError {
        if source.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
            return NotALedger { ledger: self.ledger.clone() }.into();
        }
        SqliteFailed { ledger: self.ledger.clone(), source }.into()
    }

    /// Takes the ledger for this process. The system lets go of it when the process ends, however it ends.
    pub(super) fn lock(&self) -> Result<LedgerLock, OpenError> {
        let path = self.beside(".lock");
        let failed = |source| FileFailed { verb: "lock", path: path.clone(), source };
        let mut file = open_private(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = (&file).take(32).read_to_string(&mut text);
                let pid = read.ok().and_then(|_| text.trim().parse().ok());
                return Err(InUse { ledger: self.ledger.clone(), pid }.into());
            }
            Err(TryLockError::Error(e)) => return Err(failed(e).into()),
        }
        // The pid only helps whoever is refused: a full disk must not keep the server from starting.
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(why) = written {
            tracing::warn!(error = %why, "the lock file does not say which process has the ledger");
        }
        Ok(LedgerLock { _file: file })
    }

    /// A connection that may write.
    pub(super) fn connect(&self) -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(&self.ledger, OpenFlags::SQLITE_OPEN_READ_WRITE | FLAGS)?;
        configure(&conn)?;
        Ok(conn)
    }

    /// A connection that cannot write.
    pub(super) fn connect_to_read(&self) -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(&self.ledger, OpenFlags::SQLITE_OPEN_READ_ONLY | FLAGS)?;
        configure(&conn)?;
        conn.pragma_update(None, "query_only", true)?;
        conn.pragma_update(None, "cache_size", -4_096)?;
        Ok(conn)
    }
}

const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_EXRESCODE);

fn configure(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "temp_store", "memory")
}

/// Held as long as the ledger is open. The file stays: removing it would let two processes lock two files.
#[derive(Debug)]
pub(super) struct LedgerLock {
    _file: File,
}

/// Opens a file to read and write, and makes it for its owner alone where it is missing.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(OWNER_ONLY).open(path)
}

fn protect(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            std::fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))
        }
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}
