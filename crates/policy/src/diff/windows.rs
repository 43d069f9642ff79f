//! When access may be used: windows as the minutes of a week.

use super::order::{Order, Proof};
use crate::window::{DAY, Window};
use std::collections::{BTreeMap, BTreeSet};

/// Minutes of a week.
const WEEK: u32 = 7 * DAY as u32;

/// How two sets of windows compare; none means any time.
pub(super) fn compare(before: &[Window], after: &[Window]) -> Order {
    match (before.is_empty(), after.is_empty()) {
        (true, true) => return Order::Same,
        (true, false) => return if is_always(after) { Order::Same } else { Order::Narrower },
        (false, true) => return if is_always(before) { Order::Same } else { Order::Wider },
        (false, false) => {}
    }
    let (before, after) = (minutes(before), minutes(after));
    let order = Order::of(is_within(&after, &before), is_within(&before, &after));
    let same_zones = before.keys().eq(after.keys());
    match order {
        // Between zones, hours overlap in ways that change twice a year.
        Order::Wider if !same_zones => Order::Unknown,
        Order::Same | Order::Narrower | Order::Wider | Order::Unknown => order,
    }
}

/// The minutes of the week by zone.
fn minutes(windows: &[Window]) -> BTreeMap<&str, BTreeSet<u32>> {
    let mut all: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for window in windows {
        let (from, to) = (u32::from(window.from), u32::from(window.to));
        let length = if to > from { to - from } else { to + u32::from(DAY) - from };
        let of_zone = all.entry(window.zone.as_str()).or_default();
        for day in (0..7).filter(|day| window.days.contains(*day)) {
            let start = u32::try_from(day).unwrap_or(0) * u32::from(DAY) + from;
            of_zone.extend((start..start + length).map(|minute| minute % WEEK));
        }
    }
    all
}

fn is_within(inner: &BTreeMap<&str, BTreeSet<u32>>, outer: &BTreeMap<&str, BTreeSet<u32>>) -> Proof {
    let covered = inner.iter().all(|(zone, minutes)| outer.get(zone).is_some_and(|of| minutes.is_subset(of)));
    Proof::from(covered || outer.values().any(is_whole))
}

fn is_whole(minutes: &BTreeSet<u32>) -> bool {
    minutes.len() == WEEK as usize
}

fn is_always(windows: &[Window]) -> bool {
    minutes(windows).values().any(is_whole)
}
