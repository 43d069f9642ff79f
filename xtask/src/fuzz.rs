//! `cargo xtask fuzz`: makes up bytes for the readers of policy text, for as long as one likes.

use crate::{process, setup};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The targets, as `fuzz/Cargo.toml` names them.
const TARGETS: [&str; 3] = ["yaml", "expression", "importer"];
/// Minutes for each, unless it is said.
const MINUTES: u32 = 30;
/// The largest input, in bytes. `fuzz/src/bounds.rs` has the bounds on what one costs.
const LARGEST: u32 = 1 << 20;
/// Inputs larger than this are not kept in the repository.
const LARGEST_KEPT: u32 = 4 * 1024;

/// What was asked for.
struct Order<'a> {
    targets: Vec<&'a str>,
    minutes: u32,
    keep: bool,
}

/// Fuzzes each target; `--keep` then adds to `fuzz/corpus` what reached something new.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let order = read(words)?;
    let bin = setup::for_fuzzing()?;
    for target in order.targets {
        let fuzzer = Fuzzer::new(target, &bin)?;
        fuzzer.fuzz(order.minutes)?;
        if order.keep {
            fuzzer.keep()?;
        }
    }
    Ok(())
}

fn read<'a>(words: &[&'a str]) -> Result<Order<'a>> {
    let mut order = Order { targets: Vec::new(), minutes: MINUTES, keep: false };
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "--keep" => order.keep = true,
            "--minutes" => {
                let number = words.next().context("--minutes needs a number")?;
                order.minutes = number.parse().context("--minutes needs a whole number")?;
            }
            target if TARGETS.contains(&target) => order.targets.push(target),
            other => bail!("`{other}` is no target; there are: {}", TARGETS.join(", ")),
        }
    }
    if order.targets.is_empty() {
        order.targets = TARGETS.to_vec();
    }
    ensure!(order.minutes > 0, "--minutes needs at least 1");
    Ok(order)
}

/// One target with its folders.
struct Fuzzer<'a> {
    target: &'a str,
    /// Where `cargo-fuzz` is.
    bin: &'a Path,
    /// What earlier runs on this machine found.
    found: PathBuf,
    /// What the repository keeps.
    kept: PathBuf,
}

impl<'a> Fuzzer<'a> {
    fn new(target: &'a str, bin: &'a Path) -> Result<Self> {
        let found = process::target().join("fuzz-corpus").join(target);
        std::fs::create_dir_all(&found)?;
        Ok(Self { target, bin, found, kept: process::root().join("fuzz/corpus").join(target) })
    }

    fn fuzz(&self, minutes: u32) -> Result<()> {
        println!("fuzzing {} for {minutes} min", self.target);
        let mut fuzz = self.cargo("run");
        fuzz.args([&self.found, &self.kept, &process::root().join("policies")]).arg("--").args([
            &format!("-max_total_time={}", minutes * 60),
            &format!("-max_len={LARGEST}"),
            // By the clock on the wall, for what hangs; the harness measures time on the processor.
            "-timeout=20",
            // The fuzzer's own memory and its corpus; the harness counts ours.
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            &format!("-dict={}", process::root().join("fuzz/policy.dict").display()),
        ]);
        process::run(&mut fuzz)
    }

    /// Adds what reaches something that nothing kept reaches.
    fn keep(&self) -> Result<()> {
        let mut merge = self.cargo("run");
        merge.args([&self.kept, &self.found]).args(["--", "-merge=1", &format!("-max_len={LARGEST_KEPT}")]);
        process::run(&mut merge)
    }

    /// Without a sanitizer: policy code is safe Rust, and a sanitizer's own memory and time would have to be told apart
    /// from what is measured. Coverage is instrumented, with flags that only a nightly toolchain has by itself.
    fn cargo(&self, verb: &str) -> Command {
        let mut cargo = process::cargo();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.bin.to_owned()).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(all) {
            cargo.env("PATH", path);
        }
        cargo.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", verb, "--sanitizer", "none", "--target-dir"]);
        cargo.arg(process::target().join("fuzz")).arg(self.target);
        cargo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_said() {
        let all = read(&[]).expect("all targets");
        assert_eq!((all.targets.as_slice(), all.minutes, all.keep), (TARGETS.as_slice(), MINUTES, false));
        let one = read(&["yaml", "--minutes", "2", "--keep"]).expect("one target");
        assert_eq!((one.targets.as_slice(), one.minutes, one.keep), (["yaml"].as_slice(), 2, true));
        for wrong in [["--minutes", "0"].as_slice(), &["--minutes"], &["json"], &["--minutes", "x"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
