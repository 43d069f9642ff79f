//! Hours in which access may be asked for and used, by the wall clock of a place.
//!
//! The zones are the ones compiled in, so that a decision does not depend on the machine it is made on.

use crate::source::Place;
use curfew_domain::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fmt;

/// Minutes of a day.
pub(crate) const DAY: u16 = 24 * 60;
const DAY_MILLIS: i64 = DAY as i64 * 60_000;
/// The words for days, from the one a week begins with.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Days of the week, one bit each, Monday first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(u8);

impl Days {
    /// All seven.
    pub(crate) const ALL: Days = Days(0x7f);

    /// These and those.
    pub(crate) fn and(self, other: Days) -> Days {
        Days(self.0 | other.0)
    }

    pub(crate) fn contains(self, day: i64) -> bool {
        self.0 & (1 << day) != 0
    }
}

/// Hours of some days in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days on which it begins.
    pub days: Days,
    /// The first minute of the day inside.
    pub from: u16,
    /// The first minute outside; not after `from` when it is the next day's.
    pub to: u16,
    /// The IANA name of the zone.
    pub zone: String,
    pub(crate) tz: TimeZone,
    /// Where it is said.
    pub place: Place,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |m: u16| format!("{:02}:{:02}", m / 60, m % 60);
        write!(f, "{} {}-{} {}", self.days, clock(self.from), clock(self.to), self.zone)
    }
}

impl fmt::Display for Days {
    /// As one would write them: `mon-fri`, `sat,sun`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        let mut run: Vec<&str> = Vec::new();
        for (number, word) in (0..).zip(DAYS.iter().copied().chain([""])) {
            if number < 7 && self.contains(number) {
                run.push(word);
                continue;
            }
            match run.as_slice() {
                [first, _, .., last] => parts.push(format!("{first}-{last}")),
                few => parts.extend(few.iter().map(|day| (*day).to_owned())),
            }
            run.clear();
        }
        write!(f, "{}", parts.join(","))
    }
}

/// `mon`, `mon-fri`, `fri-mon`.
pub(crate) fn parse_days(text: &str) -> Option<Days> {
    let number = |word: &str| DAYS.iter().position(|d| *d == word);
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    let length = (last + 7 - first) % 7;
    Some(Days((0..=length).fold(0, |bits, i| bits | 1 << ((first + i) % 7))))
}

/// `09:00` as minutes of the day; `24:00` is its end.
pub(crate) fn parse_clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u16>().ok())?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let whole = hours * 60 + minutes;
    (minutes < 60 && whole <= DAY).then_some(whole)
}

/// A zone by its exact IANA name.
pub(crate) fn zone(text: &str) -> Option<TimeZone> {
    let tz = TimeZoneDatabase::bundled().get(text).ok()?;
    (tz.iana_name() == Some(text) && !tz.is_unknown()).then_some(tz)
}

/// A stretch of time: its first moment, and the first one after it. Milliseconds since 1970.
type Stretch = (i64, i64);

/// When the hours that `now` is in end: where windows overlap or touch, the union counts. None when all are closed;
/// `until` when they are open beyond it.
pub(crate) fn open_until(windows: &[Window], now: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let all = stretches(windows, now, Timestamp::from_millis(until.as_millis().max(now.as_millis() + 1)));
    let (start, end) = all.first()?;
    (*start <= now.as_millis()).then(|| Timestamp::from_millis(*end))
}

/// When they open next, within two weeks.
pub(crate) fn opens_next(windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    let until = Timestamp::from_millis(now.as_millis() + 14 * DAY_MILLIS);
    stretches(windows, now, until).first().map(|(start, _)| Timestamp::from_millis(*start))
}

/// The union of all windows between two moments, in order and without gaps of no length.
fn stretches(windows: &[Window], from: Timestamp, until: Timestamp) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = windows.iter().flat_map(|w| w.stretches(from.as_millis(), until.as_millis())).collect();
    all.sort_unstable();
    let mut union: Vec<Stretch> = Vec::new();
    for (start, end) in all {
        match union.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            Some(_) | None => union.push((start, end)),
        }
    }
    union
}

impl Window {
    /// Its openings between two moments. Between two changes of the zone's offset the wall clock runs evenly; taken
    /// stretch by stretch, an hour that is skipped does not exist and one that is repeated counts twice.
    fn stretches(&self, from: i64, until: i64) -> Vec<Stretch> {
        let mut found = Vec::new();
        let mut start = from;
        while start < until {
            let Ok(at) = jiff::Timestamp::from_millisecond(start) else { break };
            let offset = i64::from(self.tz.to_offset(at).seconds()) * 1_000;
            let change = self.tz.following(at).next().map_or(i64::MAX, |t| t.timestamp().as_millisecond());
            let end = change.min(until);
            self.even(start, end, offset, &mut found);
            start = end;
        }
        found
    }

    /// Its openings in a stretch of one offset.
    fn even(&self, start: i64, end: i64, offset: i64, found: &mut Vec<Stretch>) {
        let minutes = |m: u16| i64::from(m) * 60_000;
        let length = if self.to > self.from { self.to - self.from } else { DAY - self.from + self.to };
        // The one that began the day before may still be open.
        let (first, last) = ((start + offset).div_euclid(DAY_MILLIS) - 1, (end + offset).div_euclid(DAY_MILLIS));
        for day in (first..=last).filter(|day| self.days.contains((day + 3).rem_euclid(7))) {
            let opens = day * DAY_MILLIS + minutes(self.from) - offset;
            let (opens, closes) = (opens.max(start), (opens + minutes(length)).min(end));
            if opens < closes {
                found.push((opens, closes));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::At;
    use std::sync::Arc;

    fn window(days: &str, from: &str, to: &str, tz: &str) -> Window {
        Window {
            days: parse_days(days).expect("days"),
            from: parse_clock(from).expect("a time of day"),
            to: parse_clock(to).expect("a time of day"),
            zone: tz.to_owned(),
            tz: zone(tz).expect("a zone"),
            place: Place::new(Arc::from("p.yaml"), At::FILE),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn end(windows: &[Window], now: &str) -> Option<String> {
        let now = at(now);
        open_until(windows, now, Timestamp::from_millis(now.as_millis() + 30 * DAY_MILLIS)).map(|t| t.to_string())
    }

    #[test]
    fn from_is_inside_and_to_is_not() {
        let office = [window("mon-fri", "09:00", "18:00", "Europe/Berlin")];
        assert_eq!(end(&office, "2026-03-02T10:00:00+01:00").as_deref(), Some("2026-03-02T17:00:00.000Z"));
        assert_eq!(end(&office, "2026-03-02T09:00:00+01:00").as_deref(), Some("2026-03-02T17:00:00.000Z"));
        assert_eq!(end(&office, "2026-03-02T08:59:59.999+01:00"), None);
        assert_eq!(end(&office, "2026-03-02T18:00:00+01:00"), None);
        assert_eq!(end(&office, "2026-03-01T10:00:00+01:00"), None, "a Sunday");
        assert_eq!(opens_next(&office, at("2026-03-06T18:00:00+01:00")), Some(at("2026-03-09T09:00:00+01:00")));
    }

    #[test]
    fn over_midnight_it_belongs_to_the_day_it_begins_on() {
        let night = [window("fri", "22:00", "06:00", "UTC")];
        assert_eq!(end(&night, "2026-03-06T23:00:00Z").as_deref(), Some("2026-03-07T06:00:00.000Z"));
        assert_eq!(end(&night, "2026-03-07T05:59:00Z").as_deref(), Some("2026-03-07T06:00:00.000Z"));
        assert_eq!(end(&night, "2026-03-06T05:00:00Z"), None);
        assert_eq!(end(&night, "2026-03-07T23:00:00Z"), None);
    }

    #[test]
    fn what_overlaps_or_touches_is_one() {
        let both = [window("mon", "09:00", "24:00", "UTC"), window("tue", "00:00", "12:00", "UTC")];
        assert_eq!(end(&both, "2026-03-02T10:00:00Z").as_deref(), Some("2026-03-03T12:00:00.000Z"));
        let zones = [window("mon", "09:00", "12:00", "UTC"), window("mon", "12:30", "16:00", "Europe/Berlin")];
        assert_eq!(end(&zones, "2026-03-02T10:00:00Z").as_deref(), Some("2026-03-02T15:00:00.000Z"));
        let all_day = [window("mon-sun", "00:00", "24:00", "UTC")];
        assert_eq!(end(&all_day, "2026-03-02T10:00:00Z").as_deref(), Some("2026-04-01T10:00:00.000Z"));
    }

    #[test]
    fn a_skipped_hour_does_not_exist_and_a_repeated_one_counts_twice() {
        let early = [window("sun", "02:30", "04:00", "Europe/Berlin")];
        // At 01:00Z of 29 March the clock goes from 02:00 to 03:00.
        assert_eq!(opens_next(&early, at("2026-03-29T00:00:00Z")), Some(at("2026-03-29T01:00:00Z")));
        assert_eq!(end(&early, "2026-03-29T01:00:00Z").as_deref(), Some("2026-03-29T02:00:00.000Z"));
        let skipped = [window("sun", "02:00", "03:00", "Europe/Berlin")];
        assert_eq!(opens_next(&skipped, at("2026-03-29T00:00:00Z")), Some(at("2026-04-05T00:00:00Z")));
        // At 01:00Z of 25 October it goes from 03:00 back to 02:00.
        let repeated = [window("sun", "02:00", "02:30", "Europe/Berlin")];
        assert_eq!(end(&repeated, "2026-10-25T00:10:00Z").as_deref(), Some("2026-10-25T00:30:00.000Z"));
        assert_eq!(end(&repeated, "2026-10-25T00:40:00Z"), None);
        assert_eq!(end(&repeated, "2026-10-25T01:10:00Z").as_deref(), Some("2026-10-25T01:30:00.000Z"));
        let long = [window("sun", "02:00", "03:00", "Europe/Berlin")];
        assert_eq!(end(&long, "2026-10-25T00:10:00Z").as_deref(), Some("2026-10-25T02:00:00.000Z"));
    }

    #[test]
    fn days_hours_and_zones() {
        assert_eq!(parse_days("fri-mon"), parse_days("fri").map(|d| d.and(Days(0b110_0001))));
        assert_eq!(parse_days("mon-sun"), Some(Days::ALL));
        for (written, shown) in [
            ("mon-fri", "mon-fri"),
            ("fri-mon", "mon,fri-sun"),
            ("sat-sun", "sat,sun"),
            ("wed", "wed"),
            ("mon-sun", "mon-sun"),
        ] {
            assert_eq!(parse_days(written).map(|days| days.to_string()).as_deref(), Some(shown));
        }
        for bad in ["", "monday", "Mon", "mon-", "mon-fri-sun", "mon,tue"] {
            assert_eq!(parse_days(bad), None, "{bad}");
        }
        assert_eq!((parse_clock("00:00"), parse_clock("24:00")), (Some(0), Some(DAY)));
        for bad in ["9:00", "24:01", "23:60", "25:00", "0900", "09:00:00", "-1:00", ""] {
            assert_eq!(parse_clock(bad), None, "{bad}");
        }
        for bad in ["Berlin", "europe/berlin", "CEST+1", "", "Mars/Olympus"] {
            assert!(zone(bad).is_none(), "{bad}");
        }
        assert!(zone("UTC").is_some() && zone("America/New_York").is_some());
    }
}
