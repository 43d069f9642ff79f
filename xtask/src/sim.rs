//! Replays one seed of the simulation.

use crate::process;
use anyhow::{Context, Result};
use std::process::ExitCode;

/// Runs the seed with everything that happened printed; the same seed prints the same bytes.
pub(crate) fn replay(seed: &str) -> Result<ExitCode> {
    let seed: u64 = seed.parse().context("a seed is a whole number")?;
    let mut cargo = process::cargo();
    cargo.args(["run", "--quiet", "--package", "curfew-sim", "--", "--seed", &seed.to_string()]);
    let status = cargo.status().context("cannot start cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
