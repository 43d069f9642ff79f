//! Revocations that did not come through: tried again for ever, less and less often.

use crate::nudge::Nudge;
use curfew_domain::{Id, Lease};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_millis(250);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);

/// What is to be tried again, and when.
#[derive(Default)]
pub(crate) struct Retries {
    inner: Mutex<Inner>,
    pub(crate) changed: Nudge,
}

#[derive(Default)]
struct Inner {
    attempts: BTreeMap<Id<Lease>, u32>,
    waiting: BTreeMap<(Duration, Id<Lease>), Lease>,
    why: BTreeMap<Id<Lease>, String>,
}

/// Characters kept of why a revocation did not come through.
const WHY_CHARS: usize = 500;

impl Retries {
    pub(crate) fn later(&self, lease: Lease, now: Duration) {
        let mut inner = self.lock();
        let attempts = inner.attempts.entry(lease.id).or_insert(0);
        *attempts += 1;
        let wait = FIRST.saturating_mul(1 << (*attempts - 1).min(10)).min(LONGEST);
        inner.waiting.insert((now + wait, lease.id), lease);
        drop(inner);
        self.changed.give();
    }

    pub(crate) fn forget(&self, id: Id<Lease>) {
        let mut inner = self.lock();
        inner.attempts.remove(&id);
        inner.why.remove(&id);
    }

    /// Remembers why the last try did not come through.
    pub(crate) fn failed(&self, id: Id<Lease>, why: &str) {
        self.lock().why.insert(id, why.chars().take(WHY_CHARS).collect());
    }

    /// Why the last try did not come through, and how long until the next, if that is known.
    pub(crate) fn standing(&self, id: Id<Lease>, now: Duration) -> Option<(String, Option<Duration>)> {
        let inner = self.lock();
        let next = inner.waiting.keys().find(|(_, waiting)| *waiting == id).map(|(at, _)| at.saturating_sub(now));
        Some((inner.why.get(&id)?.clone(), next))
    }

    /// What is due, and how long until the next.
    pub(crate) fn due(&self, now: Duration) -> (Vec<Lease>, Option<Duration>) {
        let mut inner = self.lock();
        let mut due = Vec::new();
        while let Some(entry) = inner.waiting.first_entry() {
            if entry.key().0 > now {
                break;
            }
            due.push(entry.remove());
        }
        let next = inner.waiting.first_key_value().map(|((at, _), _)| at.saturating_sub(now));
        (due, next)
    }

    pub(crate) fn holds(&self, id: Id<Lease>) -> bool {
        self.lock().waiting.keys().any(|(_, waiting)| *waiting == id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_domain::Timestamp;

    #[test]
    fn the_last_reason_stands_until_it_is_forgotten() {
        let retries = Retries::default();
        let id: Id<Lease> = Id::new(Timestamp::from_millis(1), [1; 10]);
        let now = Duration::from_secs(9);
        assert_eq!(retries.standing(id, now), None);
        retries.failed(id, "refused");
        retries.failed(id, &"x".repeat(10_000));
        assert_eq!(retries.standing(id, now), Some(("x".repeat(WHY_CHARS), None)));
        retries.forget(id);
        assert_eq!(retries.standing(id, now), None);
    }
}
