//! `cargo xtask demo`: the whole story, for real, with the built binary and real servers.

pub(crate) mod janitor;
mod post;
mod print;
mod sshd;
mod stage;
mod story;

use crate::{process, setup};
use anyhow::{Context, Result};
use janitor::Janitor;
use stage::Stage;
use std::path::PathBuf;
use std::time::Instant;

/// What becomes of it all when the story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Nothing is left running.
    Stop,
    /// It stays up until `cargo xtask demo --stop`.
    Keep,
}

/// Tells the story.
pub(crate) fn run(after: After) -> Result<()> {
    let begun = Instant::now();
    setup::for_demo()?;
    eprintln!("building curfew");
    process::run(process::cargo().args(["build", "--locked", "--workspace", "--bin", "curfew"]))?;
    println!("set up and built in {:.1} s\n", begun.elapsed().as_secs_f64());
    let folder = folder()?;
    let janitor = Janitor::start(&folder)?;
    let told = Stage::set(&folder, &folder.join("stage")).and_then(|stage| story::tell(&stage).map(|()| stage));
    match told {
        Ok(stage) if after == After::Keep => {
            std::fs::write(kept(), folder.display().to_string())?;
            stage.leave_running();
            janitor.keep()?;
            println!("\nThe console is at {}", stage.url());
            println!("Everything stays up until `cargo xtask demo --stop`.");
            Ok(())
        }
        Ok(_) => {
            janitor.finish()?;
            println!("\nNothing is left running. The whole story took {:.1} s.", begun.elapsed().as_secs_f64());
            Ok(())
        }
        Err(error) => {
            let log = std::fs::read_to_string(folder.join("stage/curfew.log")).unwrap_or_default();
            let from = log.lines().count().saturating_sub(30);
            let end: Vec<&str> = log.lines().skip(from).collect();
            eprintln!("\nthe server's last lines:\n{}", end.join("\n"));
            janitor.finish()?;
            Err(error.context("the story broke off"))
        }
    }
}

/// Ends what `--keep` left running.
pub(crate) fn stop() -> Result<()> {
    let folder = std::fs::read_to_string(kept()).context("no demo was kept")?;
    let folder = PathBuf::from(folder);
    if folder.exists() {
        janitor::clear(&folder)?;
    }
    std::fs::remove_file(kept())?;
    println!("Nothing is left running.");
    Ok(())
}

fn kept() -> PathBuf {
    process::target().join("demo-kept")
}

/// A new folder that PostgreSQL's own account may enter, and whose parents only root may write: sshd runs no
/// program below another one.
fn folder() -> Result<PathBuf> {
    let folder = PathBuf::from("/var/lib").join(format!("curfew-demo-{}", std::process::id()));
    process::quiet(sshd::as_root("mkdir")?.arg("-m").arg("755").arg(&folder))?;
    let user = process::quiet(std::process::Command::new("id").arg("-un"))?;
    process::quiet(sshd::as_root("mkdir")?.arg(folder.join("stage")))?;
    process::quiet(sshd::as_root("chown")?.arg(user.trim()).arg(folder.join("stage")))?;
    Ok(folder)
}
