//! How the story looks: numbered steps, who types what, what it printed, and when.

use std::cell::Cell;
use std::time::Instant;

/// The teller.
pub(crate) struct Teller {
    begun: Instant,
    steps: Cell<u32>,
}

impl Teller {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), steps: Cell::new(0) }
    }

    /// A step begins.
    pub(crate) fn step(&self, title: &str) {
        self.steps.set(self.steps.get() + 1);
        println!("\n[{:>5.1} s] {}. {title}", self.begun.elapsed().as_secs_f64(), self.steps.get());
    }

    /// Somebody types a command.
    pub(crate) fn types(&self, who: &str, command: &str) {
        println!("    {who} $ {command}");
    }

    /// What was printed.
    pub(crate) fn shows(&self, text: &str) {
        text.trim_end().lines().for_each(|line| println!("      {line}"));
    }

    /// What it means.
    pub(crate) fn says(&self, text: &str) {
        println!("    -> {text}");
    }
}
