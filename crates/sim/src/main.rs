//! `cargo xtask sim --seed N`: replays one seed and prints its story. With `--count M` it plays M seeds from there
//! and prints a line for each that breaks an invariant.

use curfew_sim::{Trouble, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut seed: u64 = 1;
    let mut steps = 60;
    let mut count: u64 = 1;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|text| text.parse::<u64>().ok());
        match (name.as_str(), value) {
            ("--seed", Some(value)) => seed = value,
            ("--count", Some(value)) => count = value,
            ("--steps", Some(value)) => steps = usize::try_from(value).unwrap_or(usize::MAX),
            _ => {
                eprintln!("usage: curfew-sim [--seed N] [--count N] [--steps N]");
                return ExitCode::from(2);
            }
        }
    }
    if count > 1 {
        return hunt(seed, count, steps);
    }
    let run = run(seed, steps, Trouble::of(seed));
    print!("{}", run.trace);
    match run.broken {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::from(1),
    }
}

fn hunt(from: u64, count: u64, steps: usize) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for seed in from..from.saturating_add(count) {
        if let Some(broken) = run(seed, steps, Trouble::of(seed)).broken {
            println!("seed {seed}: {broken}");
            code = ExitCode::from(1);
        }
    }
    code
}
