//! `cargo xtask bench`: the performance table, in release.

use crate::{process, setup};
use anyhow::Result;

/// Measures the sections whose names contain one of the words, or all.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    setup::for_demo()?;
    let json = process::target().join("bench.json");
    let mut cargo = process::cargo();
    cargo.args(["bench", "--locked", "--package", "curfew", "--bench", "table", "--"]).args(words);
    process::run(cargo.env("CURFEW_BENCH_JSON", &json))?;
    println!("\nthe same as JSON: {}", json.display());
    Ok(())
}
