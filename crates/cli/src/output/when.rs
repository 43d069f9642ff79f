//! Times as people say them.

use curfew_domain::{Seconds, Timestamp};

/// `in 29m` or `3m ago`, with the two largest units.
pub(crate) fn ago_or_in(then: Timestamp, now: Timestamp) -> String {
    match then.millis_since(now) {
        0 => match rough(now.millis_since(then)) {
            text if text == "0s" => "now".to_owned(),
            text => format!("{text} ago"),
        },
        millis => format!("in {}", rough(millis)),
    }
}

/// The time left, or `over`.
pub(crate) fn left(until: Timestamp, now: Timestamp) -> String {
    match until.millis_since(now) {
        0 => "over".to_owned(),
        millis => rough(millis),
    }
}

fn rough(millis: u64) -> String {
    let seconds = u32::try_from(millis / 1_000).unwrap_or(u32::MAX);
    let step = match seconds {
        0..3_600 => 1,
        3_600..86_400 => 60,
        _ => 3_600,
    };
    Seconds::new(seconds - seconds % step).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far() {
        let now = Timestamp::from_millis(1_772_445_600_000);
        let at = |seconds: i64| Timestamp::from_millis(now.as_millis() + seconds * 1_000);
        let cases = [
            (0, "now"),
            (1_799, "in 29m59s"),
            (5_430, "in 1h30m"),
            (180_000, "in 2d2h"),
            (-61, "1m1s ago"),
            (-90_000, "1d1h ago"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(ago_or_in(at(seconds), now), expected);
        }
        assert_eq!(left(at(90), now), "1m30s");
        assert_eq!(left(at(-1), now), "over");
        assert_eq!(left(Timestamp::from_millis(i64::MAX), Timestamp::from_millis(i64::MIN)), "49710d6h");
    }
}
