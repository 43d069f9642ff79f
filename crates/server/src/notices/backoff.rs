//! How long to wait before trying again.

use curfew_engine::seams::Entropy;
use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_secs(5);
/// Between two tries at most.
const LONGEST: Duration = Duration::from_secs(600);
/// A notice older than this is given up when it fails again; before, never.
pub(super) const GIVEN_UP_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// The wait after so many failures: twice as long each time, at most ten minutes, and somewhere in its upper
/// half, so that what failed together does not come back together.
pub(super) fn after(failures: u32, entropy: &dyn Entropy) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let mut random = [0u8; 4];
    entropy.fill(&mut random);
    let share = f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX);
    whole / 2 + (whole / 2).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u8);
    impl Entropy for Always {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn waits_double_up_to_ten_minutes() {
        let waits = |byte| (0..9).map(move |n| after(n, &Always(byte)).as_secs_f64()).collect::<Vec<_>>();
        assert_eq!(waits(255), [5.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0]);
        assert_eq!(waits(0), [2.5, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0]);
        assert_eq!(after(u32::MAX, &Always(255)), LONGEST);
    }
}
