//! One line for each suite, the whole output of those that failed, and the count.

use std::time::Duration;

/// How a suite came out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
}

impl Count {
    /// A check that is one test.
    pub(crate) fn one(said: &[String]) -> Self {
        if said.is_empty() { Self { passed: 1, failed: 0 } } else { Self { passed: 0, failed: 1 } }
    }

    /// The counts in the output of a Rust test program; none when it printed none. A program without the
    /// standard harness prints a line for each test and no sum.
    pub(crate) fn read(output: &str) -> Option<Self> {
        let mut total = Self::lines(output).filter(|_| !output.contains("test result: "));
        for line in output.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
            let number = |word: &str| -> u64 {
                let before = line.split(&format!(" {word}")).next().unwrap_or_default();
                before.rsplit([' ', '.']).next().and_then(|n| n.parse().ok()).unwrap_or(0)
            };
            let so_far: Self = total.unwrap_or_default();
            total = Some(Self { passed: so_far.passed + number("passed"), failed: so_far.failed + number("failed") });
        }
        total
    }

    fn lines(output: &str) -> Option<Self> {
        let tests = || output.lines().filter(|line| line.starts_with("test "));
        let ending = |word: &str| tests().filter(|line| line.ends_with(word)).count() as u64;
        let count = Self { passed: ending("... ok"), failed: ending("... FAILED") };
        (count != Self::default()).then_some(count)
    }
}

/// The report as it grows.
#[derive(Default)]
pub(crate) struct Report {
    total: Count,
    failures: Vec<(String, String)>,
}

impl Report {
    /// Prints a suite's line and keeps what it said if it failed.
    pub(crate) fn add(&mut self, suite: &str, count: Count, took: Duration, output: String) {
        self.total.passed += count.passed;
        self.total.failed += count.failed;
        let result = if count.failed == 0 { "passed" } else { "FAILED" };
        let tests = count.passed + count.failed;
        let noun = if tests == 1 { "test" } else { "tests" };
        println!("{suite:<34} {result}  {tests:>5} {noun:<5} {:>7.1}s", took.as_secs_f64());
        if count.failed > 0 {
            self.failures.push((suite.to_owned(), output));
        }
    }

    /// Prints the failures and the count; whether nothing failed.
    pub(crate) fn close(self) -> bool {
        for (suite, output) in &self.failures {
            println!("\n---- {suite} ----\n{}", output.trim_end());
        }
        println!("\n{} passed, {} failed", self.total.passed, self.total.failed);
        self.total.failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_a_test_program() {
        let output = "running 3 tests\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
                      test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Count::read(output), Some(Count { passed: 15, failed: 1 }));
        assert_eq!(Count::read("Segmentation fault"), None);
        let lines = "test one ... ok\ntest two ... FAILED\ntest three ... ok";
        assert_eq!(Count::read(lines), Some(Count { passed: 2, failed: 1 }));
    }
}
