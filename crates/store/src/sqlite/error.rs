//! Why a ledger could not be opened.

use std::path::PathBuf;

/// Another process has the ledger.
#[derive(Debug, thiserror::Error)]
#[error("the ledger {} is in use by another Curfew ({})", .ledger.display(), holder(.pid))]
pub struct InUse {
    /// Which ledger.
    pub ledger: PathBuf,
    /// The other process, where it has said so.
    pub pid: Option<u32>,
}

fn holder(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}"))
}

/// A file or folder could not be made, read or protected.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}: {source}", .path.display())]
pub struct FileFailed {
    /// What was tried.
    pub verb: &'static str,
    /// With which file.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

/// The file is something else.
#[derive(Debug, thiserror::Error)]
#[error("{} is not a Curfew ledger; it was not touched", .ledger.display())]
pub struct NotALedger {
    /// Which file.
    pub ledger: PathBuf,
}

/// A newer Curfew has written the ledger.
#[derive(Debug, thiserror::Error)]
#[error(
    "the ledger {} has schema {found}, and this Curfew knows schemas up to {known}: run the newer Curfew",
    .ledger.display()
)]
pub struct NewerLedger {
    /// Which ledger.
    pub ledger: PathBuf,
    /// The schema it has.
    pub found: i64,
    /// The newest schema this program knows.
    pub known: i64,
}

/// The ledger contradicts itself.
#[derive(Debug, thiserror::Error)]
#[error("the ledger {} is damaged: {what}. Restore it from a backup", .ledger.display())]
pub struct Damaged {
    /// Which ledger.
    pub ledger: PathBuf,
    /// What does not fit.
    pub what: String,
}

/// SQLite refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the ledger {}: {source}", .ledger.display())]
pub struct SqliteFailed {
    /// Which ledger.
    pub ledger: PathBuf,
    /// What it said.
    pub source: rusqlite::Error,
}

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(transparent)]
    InUse(#[from] InUse),
    /// A file or folder could not be made, read or protected.
    #[error(transparent)]
    File(#[from] FileFailed),
    /// It is something else.
    #[error(transparent)]
    NotALedger(#[from] NotALedger),
    /// It is a newer Curfew's.
    #[error(transparent)]
    Newer(#[from] NewerLedger),
    /// It contradicts itself.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// SQLite refused.
    #[error(transparent)]
    Sqlite(#[from] SqliteFailed),
}
