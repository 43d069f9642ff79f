//! The one time the engine goes by: no step of any clock lengthens a grant.

use crate::seams::Clock;
use curfew_domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How far the wall clock may stray from the monotonic one before new grants stop.
const TOLERANCE_MILLIS: i64 = 5_000;
/// How long a jump forward is remembered as doubt.
const DOUBT_LASTS: Duration = Duration::from_secs(60);

/// A clock that never goes back: the latest of the wall clock, the monotonic clock counted from the last
/// anchor, and what was said before. A jump forward ends early; a jump back lengthens nothing.
pub struct SteadyClock {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// A time and the monotonic clock at that time, kept in the ledger so that the next process goes on from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    boot: String,
    monotonic_millis: u64,
    at: Timestamp,
}

struct State {
    wall: Timestamp,
    monotonic: Duration,
    last: Timestamp,
    jumped: Option<(Duration, i64)>,
}

impl SteadyClock {
    /// Starts from what the clocks say now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (wall, monotonic) = (clock.wall(), clock.monotonic());
        Self { clock, state: Mutex::new(State { wall, monotonic, last: wall, jumped: None }) }
    }

    /// The time. Never earlier than any time said before.
    pub fn now(&self) -> Timestamp {
        let (wall, monotonic) = (self.clock.wall(), self.clock.monotonic());
        let mut state = self.lock();
        let steady = state.steady(monotonic);
        if wall > steady {
            let jump = wall.as_millis().saturating_sub(steady.as_millis());
            if jump > TOLERANCE_MILLIS {
                state.jumped = Some((monotonic, jump));
            }
            (state.wall, state.monotonic) = (wall, monotonic);
        }
        state.last = state.last.max(steady).max(wall);
        state.last
    }

    /// Never say a time earlier than this: the latest that the ledger knows.
    pub fn not_before(&self, floor: Timestamp) {
        self.go_on(floor, self.clock.monotonic());
    }

    /// It was at least that time when the monotonic clock said this, and not when this clock was made: else each start would
    /// run ahead by its own length, and the next one goes on from there.
    fn go_on(&self, floor: Timestamp, monotonic: Duration) {
        let mut state = self.lock();
        state.last = state.last.max(floor);
        if floor > state.steady(monotonic) {
            (state.wall, state.monotonic) = (floor, monotonic);
        }
    }

    /// Why the clocks cannot be trusted now, if they cannot: new grants are refused then.
    pub fn doubt(&self) -> Option<String> {
        self.now();
        let (wall, monotonic) = (self.clock.wall(), self.clock.monotonic());
        let mut state = self.lock();
        let behind = state.last.as_millis().saturating_sub(wall.as_millis());
        if behind > TOLERANCE_MILLIS {
            return Some(format!("the clock is {} s behind the time that has passed", behind / 1_000));
        }
        let (at, jump) = state.jumped?;
        if monotonic.saturating_sub(at) > DOUBT_LASTS {
            state.jumped = None;
            return None;
        }
        Some(format!("the clock jumped {} s ahead a moment ago", jump / 1_000))
    }

    /// The time, with what it takes to go on counting from it after this process has died.
    pub fn anchor(&self) -> Option<Anchor> {
        let boot = self.clock.boot()?;
        self.now();
        let monotonic_millis = u64::try_from(self.clock.monotonic().as_millis()).ok()?;
        // Of one moment: a start adds to it what has passed since then, and the one after adds to that.
        let at = self.lock().steady(Duration::from_millis(monotonic_millis));
        Some(Anchor { boot, monotonic_millis, at })
    }

    /// Goes on from an anchor of an earlier process, if the machine was not started again since: no time that passed
    /// then is lost, whatever the wall clock says now.
    pub fn go_on_from(&self, anchor: &Anchor) {
        if self.clock.boot().as_ref() != Some(&anchor.boot) {
            return;
        }
        let then = Duration::from_millis(anchor.monotonic_millis);
        let monotonic = self.clock.monotonic();
        let passed = i64::try_from(monotonic.saturating_sub(then).as_millis()).unwrap_or(i64::MAX);
        self.go_on(Timestamp::from_millis(anchor.at.as_millis().saturating_add(passed)), monotonic);
    }

    /// The wall clock as it is. For comparison with a target's; nothing is decided by it alone.
    pub fn wall(&self) -> Timestamp {
        self.clock.wall()
    }

    /// Waits; see [`Clock::sleep`].
    pub fn sleep(&self, length: Duration) -> crate::seams::BoxFuture<'static, ()> {
        self.clock.sleep(length)
    }

    /// The monotonic clock, for retries.
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn steady(&self, monotonic: Duration) -> Timestamp {
        let passed = i64::try_from(monotonic.saturating_sub(self.monotonic).as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.wall.as_millis().saturating_add(passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[derive(Default)]
    struct Hands {
        wall: AtomicI64,
        monotonic: AtomicI64,
        boot: AtomicI64,
    }

    impl Hands {
        fn turn(&self, wall: i64, monotonic: i64) {
            self.wall.fetch_add(wall, Ordering::SeqCst);
            self.monotonic.fetch_add(monotonic, Ordering::SeqCst);
        }
    }

    impl Clock for Hands {
        fn wall(&self) -> Timestamp {
            Timestamp::from_millis(self.wall.load(Ordering::SeqCst))
        }
        fn boot(&self) -> Option<String> {
            Some(self.boot.load(Ordering::SeqCst).to_string())
        }
        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.monotonic.load(Ordering::SeqCst).unsigned_abs())
        }
        fn sleep(&self, _: Duration) -> crate::seams::BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn a_step_back_is_not_followed() {
        let hands = Arc::new(Hands::default());
        let clock = SteadyClock::new(hands.clone());
        hands.turn(10_000, 10_000);
        assert_eq!(clock.now().as_millis(), 10_000);
        hands.turn(-3_600_000, 1_000);
        assert_eq!(clock.now().as_millis(), 11_000);
        assert!(clock.doubt().is_some_and(|d| d.contains("behind")));
    }

    #[test]
    fn a_step_ahead_is_followed_and_doubted_for_a_minute() {
        let hands = Arc::new(Hands::default());
        let clock = SteadyClock::new(hands.clone());
        hands.turn(3_600_000, 1_000);
        assert_eq!(clock.now().as_millis(), 3_600_000);
        assert!(clock.doubt().is_some_and(|d| d.contains("ahead")));
        hands.turn(61_000, 61_000);
        assert_eq!(clock.doubt(), None);
    }

    #[test]
    fn the_time_that_passed_while_nobody_ran_is_not_lost() {
        let hands = Arc::new(Hands::default());
        hands.turn(7_200_000, 500);
        let anchor = SteadyClock::new(hands.clone()).anchor().expect("the start of the machine is known");
        hands.turn(-3_600_000, 60_000);
        let after = SteadyClock::new(hands.clone());
        after.go_on_from(&anchor);
        assert_eq!(after.now().as_millis(), 7_260_000);
        assert!(after.doubt().is_some_and(|d| d.contains("behind")));
        // The machine was started again: what its clock counts from is another point.
        hands.boot.store(1, Ordering::SeqCst);
        let elsewhere = SteadyClock::new(hands);
        elsewhere.go_on_from(&anchor);
        assert_eq!(elsewhere.now().as_millis(), 3_600_000);
    }

    /// Whoever can make a server start again and again must not bring it to refuse, or to end access early.
    #[test]
    fn many_starts_do_not_run_ahead() {
        let hands = Arc::new(Hands::default());
        hands.turn(1_000_000, 0);
        let mut anchor = SteadyClock::new(hands.clone()).anchor().expect("the start of the machine is known");
        for _ in 0..1_000 {
            let clock = SteadyClock::new(hands.clone());
            // Policy and ledger are read before the ledger's time is known.
            hands.turn(100, 100);
            clock.go_on_from(&anchor);
            hands.turn(50, 50);
            clock.not_before(hands.wall());
            assert_eq!((clock.now(), clock.doubt()), (hands.wall(), None));
            anchor = clock.anchor().expect("the start of the machine is known");
        }
    }

    #[test]
    fn a_ledger_from_the_future_is_doubt() {
        let hands = Arc::new(Hands::default());
        let clock = SteadyClock::new(hands);
        clock.not_before(Timestamp::from_millis(60_000));
        assert_eq!(clock.now().as_millis(), 60_000);
        assert!(clock.doubt().is_some());
    }
}
