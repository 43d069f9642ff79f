//! Proofs that were used: each is good once.
//!
//! They are remembered for as long as they could be used again, in memory. A server that starts knows nothing of those before,
//! so it takes none that was made before its start.

use super::checks::LEEWAY;
use curfew_domain::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Proofs of one age that are remembered: twice as many are there at most, of 16 bytes each. No fewer than 4,000 a second can
/// be told apart, which is more than this server can check.
const REMEMBERED: usize = 500_000;
/// A proof is good from a minute before to a minute after its time.
const GOOD_FOR: i64 = 2 * LEEWAY.as_secs() as i64;

/// More proofs were used than can be told apart. Nothing is believed until some are too old to be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more proofs are used than this server can tell apart")]
pub(crate) struct TooManyProofs;

/// Whether a proof came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    First,
    Again,
}

/// The proofs that were used.
pub(crate) struct SeenProofs {
    since: i64,
    ages: Mutex<Ages>,
}

#[derive(Default)]
struct Ages {
    begun: i64,
    now: BTreeSet<[u8; 16]>,
    before: BTreeSet<[u8; 16]>,
}

impl SeenProofs {
    /// Of a server that starts at this time.
    pub(crate) fn new(start: Timestamp) -> Self {
        // A proof of the very second of the start may have been used before it.
        Self { since: start.as_unix_seconds() + 1, ages: Mutex::default() }
    }

    /// The first second whose proofs are taken.
    pub(crate) fn since(&self) -> i64 {
        self.since
    }

    /// How long until a proof that is made then is taken: less than a second after the start.
    pub(crate) fn opens_in(&self, now: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.since * 1_000 - now.as_millis()).unwrap_or(0))
    }

    /// Remembers a proof by its key and its id, and says whether it came before.
    ///
    /// # Errors
    /// When too many came within two minutes.
    pub(crate) fn note(&self, thumbprint: &str, id: &str, now: Timestamp) -> Result<Use, TooManyProofs> {
        let hash = Sha256::digest(format!("{thumbprint}\0{id}"));
        let mut short = [0; 16];
        short.copy_from_slice(&hash[..16]);
        let now = now.as_unix_seconds();
        let mut ages = self.ages.lock().unwrap_or_else(PoisonError::into_inner);
        if now - ages.begun > GOOD_FOR {
            let all_are_old = now - ages.begun > 2 * GOOD_FOR;
            ages.before = std::mem::take(&mut ages.now);
            if all_are_old {
                ages.before.clear();
            }
            ages.begun = now;
        }
        if ages.now.contains(&short) || ages.before.contains(&short) {
            return Ok(Use::Again);
        }
        if ages.now.len() >= REMEMBERED {
            return Err(TooManyProofs);
        }
        ages.now.insert(short);
        Ok(Use::First)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    #[test]
    fn a_proof_is_good_once() {
        let seen = SeenProofs::new(at(1_000));
        assert_eq!(seen.since(), 1_001);
        let opens = |millis| seen.opens_in(Timestamp::from_millis(millis)).as_millis();
        assert_eq!((opens(1_000_300), opens(1_001_000), opens(9_000_000)), (700, 0, 0));
        assert_eq!(seen.note("key", "a", at(1_001)), Ok(Use::First));
        assert_eq!(seen.note("other", "a", at(1_001)), Ok(Use::First), "ids are a key's own");
        for second in [1_001, 1_060, 1_121] {
            assert_eq!(seen.note("key", "a", at(second)), Ok(Use::Again), "{second}");
        }
    }

    #[test]
    fn it_is_remembered_for_as_long_as_it_could_be_used_again() {
        for begun in 0..=2 * GOOD_FOR {
            let seen = SeenProofs::new(at(0));
            seen.note("key", "first", at(1)).expect("room");
            seen.note("key", "a", at(begun)).expect("room");
            for second in [begun + 60, begun + 119, begun + 120] {
                assert_eq!(seen.note("key", "a", at(second)), Ok(Use::Again), "{begun} {second}");
            }
        }
        let seen = SeenProofs::new(at(0));
        seen.note("key", "a", at(10_000)).expect("room");
        seen.note("key", "b", at(20_000)).expect("room");
        assert_eq!(seen.ages.lock().expect("not poisoned").before.len(), 0, "nothing is kept for ever");
    }
}
