//! Every file of the set, as bytes. Symlinks and whatever is no regular file are errors.

use curfew_domain::limits;
use curfew_policy::{SourceFile, select_files};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Entries of a folder that are looked at.
const ENTRIES: usize = 20_000;
/// How deep a folder may nest.
const NESTING: usize = 32;
/// Bytes of all files together.
const TOTAL_BYTES: usize = 256 << 20;

const IGNORE_FILE: &str = ".curfewignore";

/// Why a folder cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    /// Something in it cannot be read.
    #[error("{path}: {why}")]
    Unreadable {
        /// What.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Something in it is no regular file.
    #[error("{0}: only regular files may stand in a policy folder, no symlinks")]
    Irregular(PathBuf),
    /// A name in it is not UTF-8.
    #[error("{0}: names in a policy folder are UTF-8")]
    Name(PathBuf),
    /// It is too large, too deep, or has too many entries.
    #[error("{0}")]
    TooLarge(String),
    /// The choice of files has an error.
    #[error("{0}")]
    Selection(String),
}

/// Reads the files of the set.
pub(super) fn files(folder: &Path) -> Result<Vec<SourceFile>, FolderError> {
    let mut paths = Vec::new();
    walk(folder, "", 0, &mut paths)?;
    paths.sort();
    let ignore = match fs::symlink_metadata(folder.join(IGNORE_FILE)) {
        Ok(facts) if facts.is_file() => Some(text(folder)?),
        Ok(_) => return Err(FolderError::Irregular(folder.join(IGNORE_FILE))),
        Err(_) => None,
    };
    let selection = select_files(&paths, ignore.as_deref());
    if let Some(problem) = selection.problems.first() {
        return Err(FolderError::Selection(format!("{}: {}", problem.file, problem.message)));
    }
    let mut total = 0;
    let read = |path: String| {
        let bytes = bytes(&folder.join(&path))?;
        total += bytes.len();
        if total > TOTAL_BYTES {
            return Err(FolderError::TooLarge("the policy folder holds more than 256 MiB".to_owned()));
        }
        Ok(SourceFile { path, bytes })
    };
    selection.files.into_iter().map(read).collect()
}

/// Length and time of every file, so that a change is noticed without reading them all.
pub(super) fn fingerprint(folder: &Path) -> Result<Vec<(String, u64, Option<std::time::SystemTime>)>, FolderError> {
    let mut paths = Vec::new();
    walk(folder, "", 0, &mut paths)?;
    paths.push(IGNORE_FILE.to_owned());
    paths.sort();
    let facts = paths.into_iter().map(|path| {
        let facts = fs::symlink_metadata(folder.join(&path)).ok();
        (path, facts.as_ref().map_or(0, fs::Metadata::len), facts.and_then(|f| f.modified().ok()))
    });
    Ok(facts.collect())
}

fn walk(folder: &Path, below: &str, depth: usize, paths: &mut Vec<String>) -> Result<(), FolderError> {
    if depth > NESTING {
        return Err(FolderError::TooLarge(format!("{below}: folders nest deeper than {NESTING}")));
    }
    let unreadable = |e: std::io::Error| FolderError::Unreadable { path: folder.to_owned(), why: e.to_string() };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().into_string().map_err(|_| FolderError::Name(entry.path()))?;
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(unreadable)?;
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if kind.is_dir() {
            walk(&entry.path(), &path, depth + 1, paths)?;
        } else if kind.is_file() {
            paths.push(path);
        } else {
            return Err(FolderError::Irregular(entry.path()));
        }
        if paths.len() > ENTRIES {
            return Err(FolderError::TooLarge(format!("the policy folder holds more than {ENTRIES} files")));
        }
    }
    Ok(())
}

fn text(folder: &Path) -> Result<String, FolderError> {
    let path = folder.join(IGNORE_FILE);
    String::from_utf8(bytes(&path)?).map_err(|_| FolderError::Unreadable { path, why: "it is not UTF-8".to_owned() })
}

/// At most one byte more than a policy file may have, so that the check can say that it is too long.
fn bytes(path: &Path) -> Result<Vec<u8>, FolderError> {
    let unreadable = |e: std::io::Error| FolderError::Unreadable { path: path.to_owned(), why: e.to_string() };
    let file = fs::File::open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(FolderError::Irregular(path.to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(limits::POLICY_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symlinks_are_errors_and_hidden_names_are_not_looked_at() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join(".git")).expect("made");
        std::os::unix::fs::symlink("/etc", dir.path().join(".git/link")).expect("made");
        fs::create_dir(dir.path().join("prod")).expect("made");
        fs::write(dir.path().join("prod/a.yaml"), "roles: []").expect("written");
        let found: Vec<String> = files(dir.path()).expect("read").into_iter().map(|f| f.path).collect();
        assert_eq!(found, ["prod/a.yaml"]);
        let before = fingerprint(dir.path()).expect("read");
        fs::write(dir.path().join("prod/a.yaml"), "roles: [ ]").expect("written");
        assert_ne!(before, fingerprint(dir.path()).expect("read"));
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("b.yaml")).expect("made");
        assert_eq!(files(dir.path()), Err(FolderError::Irregular(dir.path().join("b.yaml"))));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(matches!(files(Path::new("/nowhere/at/all")), Err(FolderError::Unreadable { .. })));
    }
}
