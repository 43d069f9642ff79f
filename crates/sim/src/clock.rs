//! Clocks that stand still until the executor moves them.

use curfew_domain::Timestamp;
use curfew_engine::seams::{BoxFuture, Clock};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// 2026-03-02T09:00:00Z, a Monday.
const START: i64 = 1_772_442_000_000;

/// The machine's two clocks, and who waits on them.
#[derive(Clone, Default)]
pub(crate) struct SimClock(Arc<Mutex<Hands>>);

#[derive(Default)]
struct Hands {
    monotonic: Duration,
    wall_offset: i64,
    stepped_at: Duration,
    tickets: u64,
    timers: BTreeMap<(Duration, u64), Waker>,
}

impl SimClock {
    /// Moves to the next timer if there is one before `limit`; says whether there was.
    pub(crate) fn advance(&self, limit: Duration) -> bool {
        let mut hands = self.hands();
        let Some((at, _)) = hands.timers.keys().next().copied() else {
            hands.monotonic = limit.max(hands.monotonic);
            return false;
        };
        if at > limit {
            hands.monotonic = limit.max(hands.monotonic);
            return false;
        }
        hands.monotonic = hands.monotonic.max(at);
        let now = hands.monotonic;
        let later = hands.timers.split_off(&(now + Duration::from_nanos(1), 0));
        let due = std::mem::replace(&mut hands.timers, later);
        drop(hands);
        due.into_values().for_each(Waker::wake);
        true
    }

    /// Steps the wall clock, leaving the monotonic one alone.
    pub(crate) fn step(&self, millis: i64) {
        let mut hands = self.hands();
        hands.wall_offset += millis;
        hands.stepped_at = hands.monotonic;
    }

    /// By how much the wall clock is behind the time that really passed.
    pub(crate) fn behind_millis(&self) -> i64 {
        (-self.hands().wall_offset).max(0)
    }

    /// When the wall clock was last stepped, on the monotonic one.
    pub(crate) fn stepped_at(&self) -> Duration {
        self.hands().stepped_at
    }

    /// A crashed server's timers are gone.
    pub(crate) fn clear(&self) {
        self.hands().timers.clear();
    }

    /// The time that really passed, which no step changes.
    pub(crate) fn truth(&self) -> Timestamp {
        millis(START, self.hands().monotonic)
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(from: i64, passed: Duration) -> Timestamp {
    Timestamp::from_millis(from + i64::try_from(passed.as_millis()).unwrap_or(i64::MAX / 2))
}

impl Clock for SimClock {
    fn wall(&self) -> Timestamp {
        let hands = self.hands();
        millis(START + hands.wall_offset, hands.monotonic)
    }

    fn monotonic(&self) -> Duration {
        self.hands().monotonic
    }

    fn boot(&self) -> Option<String> {
        Some("the one there is".to_owned())
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let deadline = clock.hands().monotonic + length;
        let mut ticket = None;
        Box::pin(poll_fn(move |context| {
            let mut hands = clock.hands();
            if hands.monotonic >= deadline {
                return Poll::Ready(());
            }
            let number = *ticket.get_or_insert_with(|| {
                hands.tickets += 1;
                hands.tickets
            });
            hands.timers.insert((deadline, number), context.waker().clone());
            Poll::Pending
        }))
    }
}
