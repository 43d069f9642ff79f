//! Space kept for ending access: a file beside the ledger that is given back to the disk when the disk is
//! full, so that revocations can still be written down.
//!
//! A file system that copies on write, or compresses, may promise less than it says; then the reserve is
//! only as good as the promise.

use super::file::{Place, open_private};
use rusqlite::Connection;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Bounds of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes kept for ending access when the disk is full. The end of one grant takes about 12 KiB.
    pub reserve_bytes: u64,
    /// Bytes the ledger's file may have, the reserve on top; as many as there are when absent.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { reserve_bytes: 64 << 20, max_bytes: None }
    }
}

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Anything.
    Roomy,
    /// Only what ends access.
    RevocationOnly,
}

/// Why there is no reserve.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoReserve {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Sql(#[from] rusqlite::Error),
    #[error("{left} bytes are left, and {needed} are needed")]
    NoRoom { left: u64, needed: u64 },
    #[error("the ledger has grown to its bound of {0} bytes")]
    AtBound(u64),
}

pub(super) struct Reserve {
    path: PathBuf,
    folder: PathBuf,
    options: Options,
}

/// Pages of the write-ahead log after which it is copied into the file: many, since that takes time, but few
/// when there is no room for it to grow.
const LOG_PAGES: [(Space, i64); 2] = [(Space::Roomy, 4_000), (Space::RevocationOnly, 100)];

impl Reserve {
    pub(super) fn of(place: &Place, options: Options) -> Self {
        Self { path: place.beside(".reserve"), folder: place.folder(), options }
    }

    /// Sets the space aside. Where it stands already, that is all.
    pub(super) fn build(&self, conn: &Connection) -> Result<(), NoReserve> {
        if let Some(bound) = self.options.max_bytes {
            let pages: i64 = conn.query_row("PRAGMA page_count", (), |row| row.get(0))?;
            if pages >= pages_of(bound, conn)? {
                return Err(NoReserve::AtBound(bound));
            }
        }
        let needed = self.options.reserve_bytes;
        if fs::metadata(&self.path).is_ok_and(|meta| meta.len() == needed && meta.blocks() * 512 >= needed) {
            return Ok(());
        }
        // With a half more, so that it is not given back at the next commit.
        let left = statvfs(&self.folder).map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize)).map_err(io::Error::from)?;
        if left < needed.saturating_add(needed / 2) {
            return Err(NoReserve::NoRoom { left, needed });
        }
        let file = open_private(&self.path)?;
        if let Err(why) = allocate(&file, needed) {
            file.set_len(0)?;
            return Err(why.into());
        }
        Ok(())
    }

    /// Gives the space back to the disk.
    pub(super) fn release(&self) -> io::Result<()> {
        match OpenOptions::new().write(true).open(&self.path) {
            Ok(file) => file.set_len(0).and_then(|()| file.sync_all()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Tells SQLite how far it may grow.
    pub(super) fn limit(&self, conn: &Connection, space: Space) -> rusqlite::Result<()> {
        for (_, pages) in LOG_PAGES.iter().filter(|(when, _)| *when == space) {
            conn.query_row(&format!("PRAGMA wal_autocheckpoint = {pages}"), (), |_| Ok(()))?;
        }
        let Some(bound) = self.options.max_bytes else { return Ok(()) };
        let bytes = match space {
            Space::Roomy => bound,
            Space::RevocationOnly => bound.saturating_add(self.options.reserve_bytes),
        };
        let pages = pages_of(bytes, conn)?;
        conn.query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(()))
    }
}

fn pages_of(bytes: u64, conn: &Connection) -> rusqlite::Result<i64> {
    let size: i64 = conn.query_row("PRAGMA page_size", (), |row| row.get(0))?;
    Ok(i64::try_from(bytes).unwrap_or(i64::MAX) / size)
}

fn allocate(mut file: &File, bytes: u64) -> io::Result<()> {
    if fallocate(file, FallocateFlags::empty(), 0, bytes).is_err() {
        // Not every file system can; every one can be written to.
        file.set_len(0)?;
        let zeros = [0u8; 1 << 16];
        let mut left = bytes;
        while left > 0 {
            let part = left.min(zeros.len() as u64) as usize;
            file.write_all(&zeros[..part])?;
            left -= part as u64;
        }
    }
    file.set_len(bytes)?;
    file.sync_all()
}
