//! What a solver may take.

use std::time::Duration;

/// Bounds on the solver's process.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For one question, by the clock on the wall and on the processor.
    pub question: Duration,
    /// For all questions together, by the clock on the wall.
    pub all: Duration,
    /// Address space of the process, in bytes.
    pub memory: u64,
    /// What it may print, in bytes.
    pub output: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { question: Duration::from_secs(10), all: Duration::from_secs(120), memory: 2 << 30, output: 4 << 20 }
    }
}
