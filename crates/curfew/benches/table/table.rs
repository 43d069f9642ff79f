//! Rows, as text and as JSON.

use serde_json::json;
use std::time::{Duration, Instant};

/// What a number counts, and which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// So many a second; more is better.
    PerSecond,
    /// Milliseconds; less is better.
    Millis,
    /// Millionths of a second; less is better.
    Micros,
    /// Megabytes; less is better.
    Megabytes,
    /// Bytes; less is better.
    Bytes,
}

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::Millis => "ms",
            Self::Micros => "µs",
            Self::Megabytes => "MB",
            Self::Bytes => "B",
        }
    }
}

struct Row {
    what: String,
    unit: Unit,
    ours: f64,
    raw: Option<f64>,
    raw_is: &'static str,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        let raw = self.raw?;
        Some(match self.unit {
            Unit::PerSecond => self.ours / raw,
            Unit::Millis | Unit::Micros | Unit::Megabytes | Unit::Bytes => raw / self.ours,
        })
    }
}

/// The table as it grows.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// A row with the most, or the least, that is possible.
    pub(crate) fn against(&mut self, what: impl Into<String>, unit: Unit, ours: f64, raw: (&'static str, f64)) {
        self.push(Row { what: what.into(), unit, ours, raw: Some(raw.1), raw_is: raw.0 });
    }

    /// A row that has no limit to compare with.
    pub(crate) fn alone(&mut self, what: impl Into<String>, unit: Unit, ours: f64) {
        self.push(Row { what: what.into(), unit, ours, raw: None, raw_is: "" });
    }

    /// Prints it at once: a measurement that cannot go on takes nothing with it.
    fn push(&mut self, row: Row) {
        if self.0.is_empty() {
            println!("| what | measured | raw limit | ratio | the limit is |");
            println!("|---|---:|---:|---:|---|");
        }
        let number = |n: f64| format!("{} {}", figures(n), row.unit.word());
        let raw = row.raw.map(number).unwrap_or_default();
        let ratio = row.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        println!("| {} | {} | {raw} | {ratio} | {} |", row.what, number(row.ours), row.raw_is);
        self.0.push(row);
    }

    pub(crate) fn json(&self) -> String {
        let rows = self.0.iter().map(|row| {
            json!({"what": row.what, "unit": row.unit.word(), "measured": row.ours, "raw": row.raw,
                   "ratio": row.ratio(), "limit": row.raw_is})
        });
        serde_json::to_string_pretty(&rows.collect::<Vec<_>>()).unwrap()
    }
}

fn figures(n: f64) -> String {
    if n >= 100.0 { format!("{n:.0}") } else { format!("{n:.2}") }
}

/// How often something can be done in a second, done again and again for a while.
pub(crate) fn rate(length: Duration, mut work: impl FnMut()) -> f64 {
    work();
    let begun = Instant::now();
    let mut times = 0u64;
    while begun.elapsed() < length {
        work();
        times += 1;
    }
    times as f64 / begun.elapsed().as_secs_f64()
}

/// The value below which this share of all values lies.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted[((last as f64) * share).round() as usize]
}
