//! The one point in time and the one length of time.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z. Printed and parsed as RFC 3339 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch. Clamped to the years 0001 to 9998, which RFC 3339 can print.
    pub const fn from_millis(millis: i64) -> Self {
        const FIRST: i64 = -62_135_596_800_000;
        const LAST: i64 = 253_370_764_799_999;
        if millis < FIRST {
            return Self(FIRST);
        }
        if millis > LAST {
            return Self(LAST);
        }
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This point plus a length of time.
    pub const fn plus(self, length: Seconds) -> Self {
        Self::from_millis(self.0.saturating_add(length.as_secs() as i64 * 1_000))
    }

    /// Milliseconds from `earlier` to this point; 0 when it is not earlier.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        let d = self.0.saturating_sub(earlier.0);
        if d < 0 { 0 } else { d as u64 }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{t:.3}")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not an RFC 3339 date and time with an offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as 2026-03-02T10:00:00Z")]
pub struct NotATime(pub String);

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self::from_millis(t.as_millisecond()))
            .map_err(|_| NotATime(text.chars().take(64).collect()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// A length of time in whole seconds. Serialized as a number; printed and parsed as `1h30m`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(u32);

impl Seconds {
    /// From a number of seconds.
    pub const fn new(seconds: u32) -> Self {
        Self(seconds)
    }

    /// The number of seconds.
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// The same length for the standard library.
    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0 as u64)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, letter) in UNITS {
            if rest >= unit {
                write!(f, "{}{letter}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

const UNITS: [(u32, char); 4] = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotALength {
    /// A number stands without `s`, `m`, `h` or `d`.
    #[error("a duration needs a unit: write 90s, 5m, 2h, 1d or 1h30m")]
    NoUnit,
    /// Anything else that is not the grammar.
    #[error("not a duration: write 90s, 5m, 2h, 1d or 1h30m")]
    Malformed,
    /// Longer than 136 years.
    #[error("the duration is too long to be a time anybody means")]
    TooLong,
}

impl FromStr for Seconds {
    type Err = NotALength;

    /// Digits and a unit, repeated with falling units: `90s`, `1h30m`, `1d`.
    fn from_str(text: &str) -> Result<Self, NotALength> {
        let mut total: u32 = 0;
        let mut number: Option<u32> = None;
        let mut last_unit = u32::MAX;
        for c in text.chars() {
            if let Some(digit) = c.to_digit(10) {
                let so_far = number.unwrap_or(0);
                let next = so_far.checked_mul(10).and_then(|n| n.checked_add(digit));
                number = Some(next.ok_or(NotALength::TooLong)?);
                continue;
            }
            let unit = UNITS.iter().find(|(_, letter)| *letter == c).map(|(u, _)| *u);
            let (Some(unit), Some(n)) = (unit, number.take()) else {
                return Err(NotALength::Malformed);
            };
            if unit >= last_unit {
                return Err(NotALength::Malformed);
            }
            last_unit = unit;
            let part = n.checked_mul(unit).ok_or(NotALength::TooLong)?;
            total = total.checked_add(part).ok_or(NotALength::TooLong)?;
        }
        match (number, last_unit) {
            (Some(_), _) => Err(NotALength::NoUnit),
            (None, u32::MAX) => Err(NotALength::Malformed),
            (None, _) => Ok(Self(total)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_and_print() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("2h", 7_200), ("1d", 86_400), ("1h30m", 5_400)] {
            assert_eq!(text.parse::<Seconds>().map(Seconds::as_secs), Ok(seconds));
        }
        assert_eq!(Seconds::new(5_400).to_string(), "1h30m");
        assert_eq!(Seconds::new(90).to_string(), "1m30s");
    }

    #[test]
    fn lengths_that_are_none() {
        assert_eq!("30".parse::<Seconds>(), Err(NotALength::NoUnit));
        assert_eq!("1h30".parse::<Seconds>(), Err(NotALength::NoUnit));
        for text in ["", "h", "m5", "5x", "30m1h", "1h1h", "forever", "-5m", "1.5h", " 5m", "٣m"] {
            assert_eq!(text.parse::<Seconds>(), Err(NotALength::Malformed), "{text}");
        }
        assert_eq!("99999999999s".parse::<Seconds>(), Err(NotALength::TooLong));
    }

    #[test]
    fn times_print_as_utc_milliseconds() {
        let t: Timestamp = "2026-03-02T10:00:00+01:00".parse().expect("a time");
        assert_eq!(t.to_string(), "2026-03-02T09:00:00.000Z");
        assert_eq!(t.plus(Seconds::new(60)).millis_since(t), 60_000);
        assert_eq!(t.millis_since(t.plus(Seconds::new(60))), 0);
        assert!("2026-03-02".parse::<Timestamp>().is_err());
    }
}
