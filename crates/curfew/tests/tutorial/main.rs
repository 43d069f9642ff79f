//! The tutorial is true: its files are written into an empty folder, its commands are run there, one after the other, and
//! what they print is what the page says they print.
//!
//! With `CURFEW_PIN_TUTORIAL` set, the page is written anew with what they print.

#![allow(clippy::disallowed_methods, reason = "this runs what a reader of the page would run")]

mod page;

use page::{Block, Page};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs one line as a reader would, with the program on the path, and gives what a terminal would show.
fn run(line: &str, folder: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_curfew")).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("a PATH"));
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {line}\n}} 2>&1")])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("a shell");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect::<String>().trim_end().to_owned()
}

fn check(page: &Path) {
    let text = std::fs::read_to_string(page).expect("the page");
    let mut page_now = Page::read(&text);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut commands, mut files) = (0, 0);
    let mut wrong = Vec::new();
    for block in &mut page_now.blocks {
        match block {
            Block::Text(_) => {}
            Block::File { path, text } => {
                let path = folder.path().join(path);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                std::fs::write(path, text).expect("written");
                files += 1;
            }
            Block::Console(runs) => {
                for (line, expected) in runs {
                    let got = run(line, folder.path());
                    commands += 1;
                    if got != *expected {
                        wrong.push(format!("$ {line}\n--- the page says\n{expected}\n--- it prints\n{got}"));
                    }
                    *expected = got;
                }
            }
        }
    }
    assert!(commands > 0 && files > 0, "{}: nothing to try", page.display());
    if std::env::var_os("CURFEW_PIN_TUTORIAL").is_some() {
        std::fs::write(page, page_now.write()).expect("written");
        return;
    }
    let how = "CURFEW_PIN_TUTORIAL=1 cargo test -p curfew --test tutorial writes what it prints";
    assert!(wrong.is_empty(), "{} is stale ({how}):\n\n{}", page.display(), wrong.join("\n\n"));
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[test]
fn the_tutorial_prints_what_it_says() {
    check(&docs().join("policy/tutorial.md"));
}
