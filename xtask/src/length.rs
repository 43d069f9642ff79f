//! No file is longer than 500 lines, tests aside.

use crate::process;
use anyhow::Result;
use std::path::{Path, PathBuf};

const MOST: usize = 500;

/// Every file that is too long, each as a sentence.
pub(crate) fn too_long() -> Result<Vec<String>> {
    let root = process::root();
    let mut files = Vec::new();
    for room in ["crates", "xtask"] {
        rust_files(&root.join(room), &mut files)?;
    }
    let mut said = Vec::new();
    for file in files {
        let lines = lines(&std::fs::read_to_string(&file)?);
        if lines > MOST {
            let shown = file.strip_prefix(&root).unwrap_or(&file).display();
            said.push(format!("{shown} has {lines} lines without its tests; the most is {MOST}"));
        }
    }
    Ok(said)
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !["tests", "target"].contains(&name.as_str()) {
            rust_files(&path, files)?;
        } else if name.ends_with(".rs") && name != "tests.rs" {
            files.push(path);
        }
    }
    Ok(())
}

/// Lines before the unit tests, which stand last in a file.
fn lines(text: &str) -> usize {
    let all: Vec<&str> = text.lines().collect();
    let tests = all.windows(2).position(|two| two[0] == "#[cfg(test)]" && two[1].starts_with("mod tests"));
    tests.unwrap_or(all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count() {
        assert_eq!(lines("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
        assert_eq!(lines("a\n#[cfg(test)]\nuse x;\nb\n"), 4);
    }
}
