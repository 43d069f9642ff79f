//! Time and randomness.

use super::BoxFuture;
use curfew_domain::Timestamp;
use std::time::Duration;

/// The machine's two clocks.
pub trait Clock: Send + Sync {
    /// The wall clock. It may jump either way.
    fn wall(&self) -> Timestamp;
    /// Time since some fixed point, which never goes back and counts suspended time where the system can.
    fn monotonic(&self) -> Duration;
    /// Which start of the machine [`Clock::monotonic`] counts in: two readings with the same are of one clock, whoever
    /// read them. None when it cannot be known.
    fn boot(&self) -> Option<String> {
        None
    }
    /// Waits on the monotonic clock.
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()>;
}

/// Random bytes, fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);
}
