//! `cargo xtask sim --seed N`: replays one seed and prints its story.

use curfew_sim::{Trouble, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut seed: u64 = 1;
    let mut steps = 60;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|text| text.parse::<u64>().ok());
        match (name.as_str(), value) {
            ("--seed", Some(value)) => seed = value,
            ("--steps", Some(value)) => steps = usize::try_from(value).unwrap_or(usize::MAX),
            _ => {
                eprintln!("usage: curfew-sim [--seed N] [--steps N]");
                return ExitCode::from(2);
            }
        }
    }
    let run = run(seed, steps, Trouble::of(seed));
    print!("{}", run.trace);
    match run.broken {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::from(1),
    }
}
