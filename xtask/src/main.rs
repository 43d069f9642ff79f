//! Runs the project: sets a machine up, tests, demonstrates, measures.
//!
//! **Invariant:** nothing of the product lives here; this only starts things and reads what they say.
#![allow(
    clippy::disallowed_methods,
    reason = "this times real programs on the real clock; none of it is ever simulated"
)]

mod arrows;
mod bans;
mod bench;
mod demo;
mod fuzz;
mod length;
mod metadata;
mod process;
mod report;
mod setup;
mod sim;
mod suites;

use anyhow::{Result, bail};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

  setup            install what the demo and the tests need, from the distribution's packages
  demo [--keep]    the whole story, for real, in about a minute; --keep leaves it running
  demo --stop      end what --keep left running
  test [WORD]...   format, lints, unit, conformance, simulation and end-to-end tests;
                   with words, only the suites whose names contain one of them
  ci               the same as test, as .ci/run calls it
  bench            the performance table, and the same as JSON in target/bench.json
  sim --seed N     replay one seed of the simulation
  fuzz [TARGET]... [--minutes N] [--keep]
                   make up hostile policy text (yaml, expression, importer; 30 minutes each unless said);
                   --keep adds to fuzz/corpus what reached something new";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["setup"] => drop(setup::for_tests()?),
        ["demo"] => demo::run(demo::After::Stop)?,
        ["demo", "--keep"] => demo::run(demo::After::Keep)?,
        ["demo", "--stop"] => demo::stop()?,
        ["test", filter @ ..] => return suites::run(filter),
        ["ci"] => return suites::run(&[]),
        ["bench", rest @ ..] => bench::run(rest)?,
        ["fuzz", rest @ ..] => fuzz::run(rest)?,
        ["sim", "--seed", seed] => return sim::replay(seed),
        // How the demo's janitor is started; see `demo::janitor`.
        ["janitor", folder] => demo::janitor::run(folder)?,
        ["help" | "--help" | "-h"] => println!("{USAGE}"),
        _ => bail!("{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}
