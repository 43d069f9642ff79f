//! Where PostgreSQL's programs are.

use super::StartError;
use std::path::{Path, PathBuf};

/// Debian puts each major version's programs in a folder of its own, off `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The newest of Debian's, else the first on `PATH`.
pub(super) fn find() -> Result<PathBuf, StartError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = debian(Path::new(DEBIAN)).into_iter().chain(std::env::split_paths(&path));
    candidates
        .into_iter()
        .find(|dir| dir.join("postgres").exists() && dir.join("initdb").exists())
        .ok_or_else(|| StartError::NoBinaries(format!("{DEBIAN}/*/bin and PATH")))
}

fn debian(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let version = |entry: &std::fs::DirEntry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
    let mut versions: Vec<_> = entries.iter().filter_map(|e| Some((version(e)?, e.path().join("bin")))).collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, bin)| bin).collect()
}
