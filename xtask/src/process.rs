//! Starting programs and reading what they say.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where Cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A command in the root, without what `cargo run` put into our own environment: build scripts would see
/// it as a change and build again.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let ours = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];
        if ours.iter().any(|prefix| name.starts_with(prefix)) || name == "OUT_DIR" {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// Cargo itself, as it was called for us.
pub(crate) fn cargo() -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if std::env::var_os("CI").is_some() {
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    cargo
}

/// Runs a command to its end with its output shown, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command quietly; its output is part of the error when it fails.
pub(crate) fn quiet(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", shown(command)))?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{} ended with {}\n{out}{}", shown(command), output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(out)
}

/// How a command that was given a time limit ended.
pub(crate) enum Outcome {
    /// By itself.
    Ended(ExitStatus),
    /// It did not, and was killed with everything it had started.
    OutOfTime,
}

/// Runs a command with both streams in a file, for at most `limit`. It leads its own process group, so
/// that nothing it starts outlives it.
pub(crate) fn into_file(command: &mut Command, file: &Path, limit: Duration) -> Result<Outcome> {
    use std::os::unix::process::CommandExt;
    let out = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    let err = out.try_clone()?;
    command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let begun = Instant::now();
    let outcome = loop {
        if let Some(status) = child.try_wait()? {
            break Outcome::Ended(status);
        }
        if begun.elapsed() > limit {
            break Outcome::OutOfTime;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    signal("-KILL", &format!("-{}", child.id()));
    child.wait()?;
    Ok(outcome)
}

/// Sends a signal; a process that is gone is fine.
pub(crate) fn signal(signal: &str, to: &str) {
    let kill = Command::new("kill").args([signal, "--", to]).stderr(Stdio::null()).status();
    if let Err(error) = kill {
        eprintln!("cannot send {signal} to {to}: {error}");
    }
}

/// Whether a program is on the path.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).any(|folder| folder.join(program).is_file())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
