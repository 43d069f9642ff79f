//! Reading a folder of policies, without following a link out of it.

use curfew_domain::limits;
use curfew_policy::{IGNORE_FILE, Problem, Severity, SourceFile, select_files};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Entries of a folder and those below it. A folder with more is not one of policies.
pub(crate) const MOST_ENTRIES: usize = 100_000;
/// Folders in folders.
const DEEPEST: usize = 32;
/// Bytes of all files of a set together.
pub(crate) const MOST_BYTES: usize = 256 << 20;

/// The files of a set as they are on disk.
#[derive(Debug)]
pub struct PolicyFiles {
    /// The folder that paths are relative to.
    pub folder: PathBuf,
    /// Sorted by path.
    pub files: Vec<SourceFile>,
    /// What is wrong with the folder itself.
    pub problems: Vec<Problem>,
}

/// Why a folder cannot be read as it is.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system does not let it be read.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// It is neither a folder nor a file.
    #[error("{} is neither a folder nor a file", .0.display())]
    Neither(PathBuf),
    /// A file was named whose name is not UTF-8.
    #[error("{} has a name that is not UTF-8", .0.display())]
    Name(PathBuf),
    /// There are more files than a policy folder has.
    #[error("{} holds more than {MOST_ENTRIES} files", .0.display())]
    TooMany(PathBuf),
    /// Folders stand in folders too often.
    #[error("{} is nested too deeply", .0.display())]
    TooDeep(PathBuf),
    /// There is more text than a policy set has.
    #[error("{}: more than {MOST_BYTES} bytes of policy", .0.display())]
    TooLarge(PathBuf),
}

impl FolderError {
    fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> Self {
        |why| Self::Unreadable { path: path.to_owned(), why }
    }
}

/// Reads a folder, or the one file that was named.
///
/// # Errors
/// See [`FolderError`]; what is wrong with single files of a folder stands among the problems.
pub fn read(path: &Path) -> Result<PolicyFiles, FolderError> {
    let about = std::fs::metadata(path).map_err(FolderError::unreadable(path))?;
    if about.is_dir() {
        return read_folder(path);
    }
    if !about.is_file() {
        return Err(FolderError::Neither(path.to_owned()));
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| FolderError::Name(path.to_owned()))?;
    let bytes = File::open(path).and_then(bounded).map_err(FolderError::unreadable(path))?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok(PolicyFiles { folder, files: vec![SourceFile { path: name.to_owned(), bytes }], problems: Vec::new() })
}

/// What a walk found, each path relative to the folder and with `/`.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) regular: Vec<String>,
    /// With what each is.
    pub(crate) irregular: Vec<(String, &'static str)>,
    pub(crate) badly_named: Vec<String>,
    /// How many there are.
    pub(crate) entries: usize,
}

fn read_folder(path: &Path) -> Result<PolicyFiles, FolderError> {
    let failed = |error: Errno| FolderError::unreadable(path)(error.into());
    let root = rustix::fs::openat(CWD, path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let root = root.map_err(failed)?;
    let mut found = Found::default();
    walk(root.as_fd(), "", 0, &mut found).map_err(|stop| stop.explained(path))?;
    let ignore =
        if found.regular.iter().any(|p| p == IGNORE_FILE) { open_below(&root, IGNORE_FILE).ok() } else { None };
    let ignore = ignore.map(bounded).transpose().map_err(FolderError::unreadable(path))?;
    let (ignore, not_text) = ignore_text(ignore);
    let selection = select_files(&found.regular, ignore.as_deref());
    let mut problems = selection.problems;
    problems.extend(not_text);
    problems.extend(irregular(&found, ignore.as_deref()));
    let (mut files, mut total) = (Vec::new(), 0);
    for name in selection.files {
        match open_below(&root, &name).map_err(std::io::Error::from).and_then(bounded) {
            Ok(bytes) => {
                total += bytes.len();
                if total > MOST_BYTES {
                    return Err(FolderError::TooLarge(path.to_owned()));
                }
                files.push(SourceFile { path: name, bytes });
            }
            Err(error) => {
                let hint = "let yourself read it (chmod u+r), or list it in .curfewignore";
                problems.push(problem("unreadable-file", &name, format!("cannot be read: {error}"), hint));
            }
        }
    }
    Ok(PolicyFiles { folder: path.to_owned(), files, problems })
}

/// Why a walk ended early.
enum Stop {
    Failed(Errno),
    TooMany,
    TooDeep(String),
}

impl Stop {
    fn explained(self, path: &Path) -> FolderError {
        match self {
            Self::Failed(error) => FolderError::unreadable(path)(error.into()),
            Self::TooMany => FolderError::TooMany(path.to_owned()),
            Self::TooDeep(below) => FolderError::TooDeep(path.join(below)),
        }
    }
}

fn walk(folder: BorrowedFd<'_>, prefix: &str, depth: usize, found: &mut Found) -> Result<(), Stop> {
    if depth > DEEPEST {
        return Err(Stop::TooDeep(prefix.to_owned()));
    }
    for entry in Dir::read_from(folder).map_err(Stop::Failed)? {
        let entry = entry.map_err(Stop::Failed)?;
        let name = entry.file_name();
        // `.`, `..`, `.git` and their like never belong, save the file that says what does not.
        if name.to_bytes().starts_with(b".") && name.to_bytes() != IGNORE_FILE.as_bytes() {
            continue;
        }
        found.entries += 1;
        if found.entries > MOST_ENTRIES {
            return Err(Stop::TooMany);
        }
        let Ok(text) = name.to_str() else {
            found.badly_named.push(format!("{prefix}{}", name.to_string_lossy()));
            continue;
        };
        let path = format!("{prefix}{text}");
        let about = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(Stop::Failed)?;
        match FileType::from_raw_mode(about.st_mode) {
            FileType::RegularFile => found.regular.push(path),
            FileType::Directory => {
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
                let below = rustix::fs::openat(folder, name, flags, Mode::empty()).map_err(Stop::Failed)?;
                walk(below.as_fd(), &format!("{path}/"), depth + 1, found)?;
            }
            FileType::Symlink => found.irregular.push((path, "a symbolic link")),
            FileType::Fifo => found.irregular.push((path, "a pipe")),
            FileType::Socket => found.irregular.push((path, "a socket")),
            FileType::CharacterDevice | FileType::BlockDevice => found.irregular.push((path, "a device")),
            FileType::Unknown => found.irregular.push((path, "no regular file")),
        }
    }
    Ok(())
}

/// Opens a file below the folder; no part of the path may be a link, also when it became one just now.
fn open_below(root: &OwnedFd, path: &str) -> Result<File, Errno> {
    let (folders, name) = path.rsplit_once('/').map_or((None, path), |(folders, name)| (Some(folders), name));
    let mut at: Option<OwnedFd> = None;
    for folder in folders.into_iter().flat_map(|folders| folders.split('/')) {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        at = Some(rustix::fs::openat(at.as_ref().unwrap_or(root), folder, flags, Mode::empty())?);
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(at.as_ref().unwrap_or(root), name, flags, Mode::empty())?;
    let about = rustix::fs::fstat(&file)?;
    match FileType::from_raw_mode(about.st_mode) {
        FileType::RegularFile => Ok(File::from(file)),
        _ => Err(Errno::INVAL),
    }
}

/// One byte more than a policy file may have, so that the checker sees that it is too large.
fn bounded(file: File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limits::POLICY_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of an ignore file, and what is wrong when it is none.
pub(crate) fn ignore_text(bytes: Option<Vec<u8>>) -> (Option<String>, Option<Problem>) {
    match bytes.map(String::from_utf8) {
        None => (None, None),
        Some(Ok(text)) => (Some(text), None),
        Some(Err(_)) => {
            let message = "the file is not UTF-8 text".to_owned();
            (None, Some(problem("not-utf8", IGNORE_FILE, message, "save it as UTF-8")))
        }
    }
}

/// What is no regular file is an error, unless the ignore file lists it.
pub(crate) fn irregular(found: &Found, ignore: Option<&str>) -> Vec<Problem> {
    let belongs = |path: &str| {
        if path == IGNORE_FILE {
            return true;
        }
        let as_folder = format!("{path}/any.yaml");
        let has_policy_name = select_files(&[path.to_owned()], None).files.len() == 1;
        let probe = if has_policy_name { path.to_owned() } else { as_folder };
        !select_files(&[probe], ignore).files.is_empty()
    };
    let irregular = found.irregular.iter().filter(|(path, _)| belongs(path)).map(|(path, what)| {
        problem(
            "irregular-file",
            path,
            format!("this is {what}"),
            "put the file itself here, or list it in .curfewignore",
        )
    });
    let badly_named = found.badly_named.iter().map(|path| {
        problem("file-name", path, "the name of this file is not UTF-8".to_owned(), "rename it in ASCII letters")
    });
    let below = format!("{IGNORE_FILE}/");
    let is_folder = found.regular.iter().any(|path| path.starts_with(&below));
    let folder = is_folder.then(|| {
        let message = "this is a folder".to_owned();
        problem("irregular-file", IGNORE_FILE, message, "it is the file that lists what does not belong to the set")
    });
    irregular.chain(badly_named).chain(folder).collect()
}

fn problem(code: &'static str, file: &str, message: String, hint: &str) -> Problem {
    let (file, hint) = (file.to_owned(), hint.to_owned());
    Problem { severity: Severity::Error, code, message, hint, file, line: 1, column: 1, span: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn paths(files: &PolicyFiles) -> Vec<&str> {
        files.files.iter().map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn a_folder_is_read_whole_and_links_are_errors() {
        let base = tempfile::tempdir().expect("a folder");
        let at = |name: &str| base.path().join(name);
        std::fs::create_dir_all(at("teams/orders")).expect("made");
        std::fs::create_dir_all(at(".git")).expect("made");
        for name in ["a.yaml", "teams/orders/b.json", ".hidden.yaml", ".git/c.yaml", "README.md", "old.yaml"] {
            std::fs::write(at(name), "x").expect("written");
        }
        std::fs::write(at(IGNORE_FILE), "old.yaml\nlinks\n").expect("written");
        symlink("/etc/passwd", at("stolen.yaml")).expect("linked");
        symlink("/etc", at("teams/etc")).expect("linked");
        symlink("/etc", at("links")).expect("linked");
        let read = read(base.path()).expect("read");
        assert_eq!(paths(&read), ["a.yaml", "teams/orders/b.json"]);
        let mut problems: Vec<_> = read.problems.iter().map(|p| (p.code, p.file.as_str())).collect();
        problems.sort_unstable();
        assert_eq!(problems, [("irregular-file", "stolen.yaml"), ("irregular-file", "teams/etc")]);
    }

    #[test]
    fn an_ignore_file_is_a_file_of_text() {
        let base = tempfile::tempdir().expect("a folder");
        let ignore = base.path().join(IGNORE_FILE);
        std::fs::write(base.path().join("a.yaml"), "x").expect("written");
        let found = || {
            let read = read(base.path()).expect("read");
            read.problems.iter().map(|p| (p.code, p.file.clone())).collect::<Vec<_>>()
        };
        std::fs::write(&ignore, [0xff, 0xfe]).expect("written");
        assert_eq!(found(), [("not-utf8", IGNORE_FILE.to_owned())]);
        std::fs::remove_file(&ignore).expect("removed");
        symlink("a.yaml", &ignore).expect("linked");
        assert_eq!(found(), [("irregular-file", IGNORE_FILE.to_owned())]);
        std::fs::remove_file(&ignore).expect("removed");
        std::fs::create_dir(&ignore).expect("made");
        std::fs::write(ignore.join("b.yaml"), "x").expect("written");
        assert_eq!(found(), [("irregular-file", IGNORE_FILE.to_owned())]);
    }

    #[test]
    fn one_file_is_a_set() {
        let base = tempfile::tempdir().expect("a folder");
        std::fs::write(base.path().join("a.yaml"), "x").expect("written");
        let read = read(&base.path().join("a.yaml")).expect("read");
        assert_eq!((paths(&read), read.folder.as_path()), (vec!["a.yaml"], base.path()));
    }

    #[test]
    fn large_files_are_cut_where_the_checker_sees_it() {
        let base = tempfile::tempdir().expect("a folder");
        std::fs::write(base.path().join("a.yaml"), vec![b'x'; limits::POLICY_FILE_BYTES + 99]).expect("written");
        let read = read(base.path()).expect("read");
        assert_eq!(read.files[0].bytes.len(), limits::POLICY_FILE_BYTES + 1);
    }

    #[test]
    fn what_is_not_there_or_no_policy_is_refused() {
        for path in ["/nowhere/at-all", "/dev/null"] {
            assert!(read(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn a_link_that_appears_later_is_not_followed() {
        let base = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(base.path().join("real")).expect("made");
        std::fs::write(base.path().join("real/a.yaml"), "x").expect("written");
        symlink("real", base.path().join("linked")).expect("linked");
        let root: OwnedFd = File::open(base.path()).expect("opened").into();
        assert!(open_below(&root, "real/a.yaml").is_ok());
        assert!(open_below(&root, "linked/a.yaml").is_err());
    }
}
