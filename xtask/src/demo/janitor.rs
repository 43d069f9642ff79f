//! Clears up after a demo, however the demo ends: also when it is killed.
//!
//! A process of its own, outside the demo's process group, that reads from a pipe. When the pipe closes, the
//! demo is over, and whatever still runs out of its folder is ended and the folder removed.

use super::sshd::as_root;
use crate::process;
use anyhow::{Context, Result};
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// The demo's end of the pipe.
pub(crate) struct Janitor {
    pipe: Option<ChildStdin>,
    process: Child,
}

/// What the demo says to leave everything as it is.
const KEEP: &str = "keep";

impl Janitor {
    /// Starts one for a folder.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("janitor").arg(folder).stdin(Stdio::piped()).process_group(0);
        let mut process = command.spawn().context("cannot start the janitor")?;
        Ok(Self { pipe: process.stdin.take(), process })
    }

    /// Lets everything run on.
    pub(crate) fn keep(mut self) -> Result<()> {
        if let Some(pipe) = &mut self.pipe {
            writeln!(pipe, "{KEEP}")?;
        }
        self.finish()
    }

    /// Ends everything, and waits until it has ended.
    pub(crate) fn finish(mut self) -> Result<()> {
        drop(self.pipe.take());
        let status = self.process.wait()?;
        anyhow::ensure!(status.success(), "the janitor could not clear up");
        Ok(())
    }
}

/// The janitor itself.
pub(crate) fn run(folder: &str) -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        if line? == KEEP {
            return Ok(());
        }
    }
    clear(Path::new(folder))
}

/// Ends what runs out of the folder, gently first, and removes it.
pub(crate) fn clear(folder: &Path) -> Result<()> {
    for signal in ["-TERM", "-INT", "-KILL"] {
        for _ in 0..50 {
            let left = running_from(folder)?;
            if left.is_empty() {
                return process::quiet(as_root("rm")?.arg("-rf").arg(folder)).map(drop);
            }
            // Some run under other accounts; one that has just ended is fine.
            drop(as_root("kill")?.arg(signal).args(&left).stderr(Stdio::null()).status());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    anyhow::bail!("something still runs out of {}", folder.display())
}

/// Processes whose command line names the folder, but us.
fn running_from(folder: &Path) -> Result<Vec<String>> {
    let (name, me) = (folder.display().to_string(), std::process::id().to_string());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid == me || !pid.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        // It may be gone by now.
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(&name) {
            found.push(pid);
        }
    }
    Ok(found)
}
