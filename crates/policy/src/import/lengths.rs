//! Lengths of time as others write them: `PT1H`, `P7D`, `8h0m0s`.

use curfew_domain::Seconds;
use jiff::{Span, SpanRelativeTo, Unit};

/// ISO 8601 or Go's form, in whole seconds; none when it is neither, or not positive.
pub(super) fn seconds(text: &str) -> Option<Seconds> {
    let span: Span = text.trim().parse().ok()?;
    let seconds = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).ok()?;
    // A length with a fraction is rounded down: never longer than it was.
    (seconds >= 1.0 && seconds <= f64::from(u32::MAX)).then_some(Seconds::new(seconds as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_write() {
        for (text, expected) in [
            ("PT1H", 3_600),
            ("P7D", 604_800),
            ("PT90M", 5_400),
            ("8h0m0s", 28_800),
            ("30m", 1_800),
            ("P1DT2H", 93_600),
        ] {
            assert_eq!(seconds(text), Some(Seconds::new(expected)), "{text}");
        }
        for text in ["", "forever", "-PT1H", "PT0S", "7", "P1M", "P300000000D"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
