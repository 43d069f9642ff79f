//! How following goes: when the repository was last reached, and what is wrong.

use super::unfit::short;
use curfew_domain::{Seconds, Timestamp};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often it is written down that the repository was reached, in milliseconds.
const WRITE_DOWN_EVERY: u64 = 30_000;

/// What is wrong with following.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The repository does not answer.
    Unreachable(String),
    /// What is at its end cannot be in force.
    Refused(String),
    /// It was rolled back, and nothing new has come.
    Held(String),
}

impl Trouble {
    /// As people are told.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Unreachable(why) | Self::Refused(why) => why.clone(),
            Self::Held(tip) => format!(
                "it was rolled back from {}: the branch is followed again when something new is on it, or by `curfew policy apply`",
                short(tip)
            ),
        }
    }
}

/// Whether it is time to write down that the repository was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteDown {
    Now,
    Later,
}

/// What is known of following now.
#[derive(Debug, Default)]
pub(super) struct News(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    reached: Option<Timestamp>,
    written: Option<Timestamp>,
    trouble: Option<Trouble>,
}

impl News {
    pub(super) fn new(reached: Option<Timestamp>) -> Self {
        Self(Mutex::new(Known { reached, ..Known::default() }))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.known().trouble.clone()
    }

    /// Whether that is news.
    pub(super) fn set_trouble(&self, trouble: Option<Trouble>) -> bool {
        let mut known = self.known();
        let is_news = known.trouble != trouble;
        known.trouble = trouble;
        is_news
    }

    pub(super) fn reached(&self) -> Option<Timestamp> {
        self.known().reached
    }

    /// The repository was reached now.
    pub(super) fn set_reached(&self, now: Timestamp) -> WriteDown {
        let mut known = self.known();
        known.reached = Some(now);
        if known.written.is_some_and(|at| now.millis_since(at) < WRITE_DOWN_EVERY) {
            return WriteDown::Later;
        }
        known.written = Some(now);
        WriteDown::Now
    }

    /// Why the policy in force may be older than it is allowed to be.
    pub(super) fn doubt(&self, most: Seconds, now: Timestamp) -> Option<String> {
        match self.reached() {
            Some(at) if now.millis_since(at) <= u64::from(most.as_secs()) * 1_000 => None,
            Some(at) => Some(format!("the policy repository was last reached at {at}, longer ago than {most}")),
            None => Some(format!("the policy repository was never reached, and `policy.max_age` is {most}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_is_doubted_and_the_same_is_no_news() {
        let (at, hour) = (Timestamp::from_millis, Seconds::new(3_600));
        let news = News::new(None);
        assert!(news.doubt(hour, at(0)).is_some(), "never reached");
        assert_eq!(news.set_reached(at(1_000)), WriteDown::Now);
        assert_eq!(news.set_reached(at(2_000)), WriteDown::Later);
        assert_eq!(news.doubt(hour, at(2_000 + 3_600_000)), None);
        assert!(news.doubt(hour, at(2_001 + 3_600_000)).is_some());
        let refused = || Some(Trouble::Refused("x".to_owned()));
        assert!(news.set_trouble(refused()) && !news.set_trouble(refused()) && news.set_trouble(None));
    }
}
