//! The machine's own clocks and randomness, behind the engine's seams.

use curfew_domain::Timestamp;
use curfew_engine::seams::{BoxFuture, Clock, Entropy};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The machine's clocks.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place where the wall clock is read")]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// `CLOCK_BOOTTIME` (clock_gettime(2)): it never goes back, and counts the time the machine was asleep.
    fn monotonic(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(seconds, nanoseconds)
    }

    /// Linux counts its starts nowhere but names each (random(4)).
    fn boot(&self) -> Option<String> {
        let name = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}

/// The operating system's randomness.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[allow(clippy::disallowed_methods, reason = "this is the one place where the system's randomness is drawn")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("INVARIANT: the operating system gives random bytes");
    }
}

/// Lets the process open as many files as the system allows it. The usual soft limit of 1,024 is one peer's
/// worth of idle connections; a descriptor that is missing for a target would hold up somebody's end.
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Refused only where the limit is fixed from outside; then it stays as it is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// How many files the process may have open.
pub(crate) fn descriptor_limit() -> u64 {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_move_and_random_bytes_differ() {
        let (wall, monotonic) = (SystemClock.wall(), SystemClock.monotonic());
        std::thread::sleep(Duration::from_millis(3));
        assert!(SystemClock.wall() > wall && SystemClock.monotonic() > monotonic);
        let mut two = [[0u8; 32]; 2];
        two.iter_mut().for_each(|bytes| SystemEntropy.fill(bytes));
        assert_ne!(two[0], two[1]);
    }
}
