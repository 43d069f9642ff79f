//! How often one source may do something: a bucket of tokens for each.

use super::{ApiError, Source};
use curfew_api::ErrorCode;
use curfew_engine::seams::Clock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sources that are told apart; full buckets are forgotten first.
const SOURCES: usize = 16_384;

/// The size of a bucket and how fast it fills.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// How many at once.
    pub(crate) burst: u32,
    /// How many a second afterwards.
    pub(crate) per_second: u32,
}

/// Buckets by source, or by whatever else is told apart.
pub(crate) struct Throttle<K = Source> {
    rate: Rate,
    /// What was too much, for whoever did it.
    what: &'static str,
    clock: Arc<dyn Clock>,
    buckets: Mutex<BTreeMap<K, Bucket>>,
}

struct Bucket {
    /// In thousandths.
    left: u64,
    at: Duration,
}

impl<K: Ord + Clone> Throttle<K> {
    pub(crate) fn new(rate: Rate, what: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self { rate, what, clock, buckets: Mutex::default() }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// `rate_limited` with the seconds to wait, when the bucket is empty.
    pub(crate) fn take(&self, source: &K) -> Result<(), ApiError> {
        let now = self.clock.monotonic();
        let full = u64::from(self.rate.burst) * 1_000;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= SOURCES && !buckets.contains_key(source) {
            buckets.retain(|_, bucket| self.filled(bucket, now) < full);
            if buckets.len() >= SOURCES {
                return Err(self.too_many());
            }
        }
        let bucket = buckets.entry(source.clone()).or_insert(Bucket { left: full, at: now });
        *bucket = Bucket { left: self.filled(bucket, now), at: now };
        if bucket.left < 1_000 {
            return Err(self.too_many());
        }
        bucket.left -= 1_000;
        Ok(())
    }

    fn filled(&self, bucket: &Bucket, now: Duration) -> u64 {
        let passed = u64::try_from(now.saturating_sub(bucket.at).as_millis()).unwrap_or(u64::MAX);
        let more = passed.saturating_mul(u64::from(self.rate.per_second));
        bucket.left.saturating_add(more).min(u64::from(self.rate.burst) * 1_000)
    }

    fn too_many(&self) -> ApiError {
        ApiError::new(ErrorCode::RateLimited, self.what).retry_after(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_domain::Timestamp;
    use curfew_engine::seams::BoxFuture;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    struct Hand(AtomicU64);
    impl Clock for Hand {
        fn wall(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::SeqCst))
        }
        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn a_burst_then_a_rate() {
        let hand = Arc::new(Hand::default());
        let throttle = Throttle::new(Rate { burst: 3, per_second: 2 }, "too much", hand.clone());
        let one = Source::of("10.0.0.1".parse().expect("an address"));
        let other = Source::of("10.0.0.2".parse().expect("an address"));
        let granted = |source: &Source| (0..10).filter(|_| throttle.take(source).is_ok()).count();
        assert_eq!((granted(&one), granted(&other)), (3, 3));
        hand.0.store(1_000, Ordering::SeqCst);
        assert_eq!(granted(&one), 2);
        hand.0.store(1_000_000, Ordering::SeqCst);
        assert_eq!(granted(&one), 3);
    }
}
