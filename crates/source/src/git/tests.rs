//! Repositories made by the tests with the `git` of the machine.

use super::*;
use std::os::unix::fs::symlink;
use std::process::Command;

/// This process's own surroundings.
pub(crate) fn here() -> Surroundings {
    Surroundings::of(|name| std::env::var_os(name))
}

pub(crate) struct Made {
    pub(crate) folder: tempfile::TempDir,
}

impl Made {
    pub(crate) fn new() -> Self {
        let made = Self { folder: tempfile::tempdir().expect("a folder") };
        made.git(&["init", "--quiet", "--initial-branch=main"]);
        made
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(self.folder.path()).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
        command.args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"]).args(args);
        let output = command.output().expect("git runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "x", "--allow-empty"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn repository(&self, below: &str) -> Repository {
        Repository::around(&here(), &self.folder.path().join(below)).expect("a repository")
    }
}

pub(crate) fn paths(files: &PolicyFiles) -> Vec<(&str, &str)> {
    let text = |bytes| std::str::from_utf8(bytes).expect("UTF-8");
    files.files.iter().map(|file| (file.path.as_str(), text(&file.bytes))).collect()
}

#[test]
fn a_revision_is_read_whatever_the_work_tree_holds() {
    let made = Made::new();
    made.write("policies/a.yaml", "one\r\n");
    made.write("policies/teams/b.yaml", "two");
    made.write("policies/old.yaml", "old");
    made.write("policies/.curfewignore", "old.yaml\n");
    made.write("elsewhere.yaml", "no");
    let first = made.commit();
    made.write("policies/a.yaml", "changed");
    let second = made.commit();
    made.write("policies/a.yaml", "not committed");
    let repository = made.repository("policies");
    let range = Range::parse(&format!("{first}..main")).expect("a range");
    assert_eq!(repository.commits(&range).expect("two commits"), (first.clone(), second.clone()));
    let read = |commit: &str| repository.read(commit).expect("read").expect("the folder");
    assert_eq!(paths(&read(&first)), [("a.yaml", "one\r\n"), ("teams/b.yaml", "two")]);
    assert_eq!(paths(&read(&second)), [("a.yaml", "changed"), ("teams/b.yaml", "two")]);
    assert_eq!(paths(&made.repository("").read(&second).expect("read").expect("the root")).len(), 4);
}

#[test]
fn links_and_submodules_are_problems_and_filters_do_not_run() {
    let made = Made::new();
    made.write("a.yaml", "one");
    symlink("/etc/passwd", made.folder.path().join("stolen.yaml")).expect("linked");
    let other = Made::new();
    other.commit();
    let address = other.folder.path().display().to_string();
    made.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &address, "module"]);
    made.write(".gitattributes", "*.yaml filter=evil diff=evil\n");
    let commit = made.commit();
    let proof = made.folder.path().join("ran");
    for (key, command) in [
        ("filter.evil.smudge", format!("touch {}", proof.display())),
        ("diff.evil.textconv", format!("touch {}", proof.display())),
        ("core.fsmonitor", format!("touch {}", proof.display())),
        ("core.pager", format!("touch {}", proof.display())),
    ] {
        made.git(&["config", key, &command]);
    }
    let read = made.repository("").read(&commit).expect("read").expect("the folder");
    assert_eq!(paths(&read), [("a.yaml", "one")]);
    let problems: Vec<_> = read.problems.iter().map(|p| (p.code, p.file.as_str())).collect();
    assert_eq!(problems, [("irregular-file", "module"), ("irregular-file", "stolen.yaml")]);
    assert!(!proof.exists());
}

#[test]
fn three_dots_begin_where_the_two_parted() {
    let made = Made::new();
    let parted = made.commit();
    made.git(&["checkout", "--quiet", "-b", "feature"]);
    let feature = made.commit();
    made.git(&["checkout", "--quiet", "main"]);
    made.write("later.yaml", "x");
    made.commit();
    let range = Range::parse("main...feature").expect("a range");
    assert_eq!(made.repository("").commits(&range).expect("two commits"), (parted, feature));
}

#[test]
fn what_is_not_there_says_which() {
    let made = Made::new();
    made.write("policies/a.yaml", "x");
    let commit = made.commit();
    let repository = made.repository("");
    for name in ["nowhere", "--help", "HEAD~99", "a\nb", ""] {
        let range = Range { base: name.to_owned(), head: "HEAD".to_owned(), since_they_parted: false };
        assert!(matches!(repository.commits(&range), Err(GitError::NoCommit(_))), "{name:?}");
    }
    std::fs::create_dir(made.folder.path().join("new")).expect("made");
    assert!(made.repository("new").read(&commit).expect("read").is_none());
    let outside = tempfile::tempdir().expect("a folder");
    let error = Repository::around(&here(), outside.path()).err();
    assert!(matches!(error, Some(GitError::NoRepository(_))), "{error:?}");
    let nobody = Surroundings::of(|name| (name == "PATH").then(|| outside.path().into()));
    let error = Repository::around(&nobody, outside.path()).err();
    assert!(matches!(error, Some(GitError::NoGit(_))), "{error:?}");
}

#[test]
fn large_files_are_cut_where_the_checker_sees_it_and_what_follows_is_whole() {
    let made = Made::new();
    let most = curfew_domain::limits::POLICY_FILE_BYTES;
    made.write("a.yaml", &"x".repeat(most + 99));
    made.write("b.yaml", "small");
    let commit = made.commit();
    let read = made.repository("").read(&commit).expect("read").expect("the folder");
    assert_eq!((read.files[0].bytes.len(), read.files[1].bytes.as_slice()), (most + 1, &b"small"[..]));
}

#[test]
fn replaced_and_missing_objects_deceive_nobody() {
    let made = Made::new();
    made.write("a.yaml", "true");
    let commit = made.commit();
    let blob = made.git(&["rev-parse", "HEAD:a.yaml"]);
    made.write("b.yaml", "false");
    let other = made.git(&["hash-object", "-w", "b.yaml"]);
    made.git(&["replace", &blob, &other]);
    let repository = made.repository("");
    assert_eq!(paths(&repository.read(&commit).expect("read").expect("the folder")), [("a.yaml", "true")]);
    let object = made.folder.path().join(format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
    std::fs::remove_file(object).expect("removed");
    assert!(repository.read(&commit).is_err());
}
