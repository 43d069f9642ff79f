//! One way out: what waits for it, what is on its way, and whether anybody is there.

use super::backoff;
use super::carrier::Carrier;
use curfew_domain::Timestamp;
use curfew_engine::seams::Entropy;
use curfew_engine::seams::store::Notice;
use std::collections::VecDeque;
use std::sync::Arc;

/// Notices on their way to one place at the same time.
const AT_ONCE: usize = 4;

/// Whether anybody takes anything there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    /// Nobody answered, so often in a row; the next try is not before this.
    Shut {
        failures: u32,
        until: Timestamp,
    },
    /// The receiver wants nothing any more, until the next start.
    Gone,
}

/// What the lane wants done with a notice that is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// It waits here for its turn.
    Queue,
    /// Nobody is there: not before this.
    Later(Timestamp),
    /// Nobody ever will be.
    Drop,
}

/// One way out.
pub(super) struct Lane {
    pub(super) carrier: Option<Arc<dyn Carrier>>,
    waiting: VecDeque<Notice>,
    under_way: usize,
    door: Door,
}

impl Lane {
    /// A lane; without a carrier nobody is there, until the configuration names one again.
    pub(super) fn new(carrier: Option<Arc<dyn Carrier>>) -> Self {
        Self { carrier, waiting: VecDeque::new(), under_way: 0, door: Door::Open }
    }

    /// What to do with a notice that is due.
    pub(super) fn advise(&self, now: Timestamp) -> Advice {
        match self.door {
            Door::Shut { until, .. } if now < until => Advice::Later(until),
            Door::Open | Door::Shut { .. } => Advice::Queue,
            Door::Gone => Advice::Drop,
        }
    }

    pub(super) fn queue(&mut self, notice: Notice) {
        self.waiting.push_back(notice);
    }

    /// The next to send, if there is room. After a failure only one goes at a time, to see whether anybody is back.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Notice> {
        let room = match self.door {
            Door::Open => AT_ONCE,
            Door::Shut { until, .. } if now < until => 0,
            Door::Shut { .. } => 1,
            Door::Gone => 0,
        };
        if self.under_way >= room {
            return None;
        }
        let notice = self.waiting.pop_front()?;
        self.under_way += 1;
        Some(notice)
    }

    /// One was taken, or refused by somebody who is there.
    pub(super) fn answered(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        match self.door {
            Door::Open | Door::Shut { .. } => self.door = Door::Open,
            Door::Gone => {}
        }
    }

    /// Nobody was there, and nobody will be before `earliest`. Gives what waited, and until when nothing is tried.
    pub(super) fn shut(
        &mut self,
        now: Timestamp,
        earliest: Timestamp,
        entropy: &dyn Entropy,
    ) -> (Vec<Notice>, Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        let (failures, until) = match self.door {
            // Several that were under way together are one failure.
            Door::Shut { failures, until } if now < until => (failures, until),
            Door::Shut { failures, .. } => next_try(failures.saturating_add(1), now, entropy),
            Door::Open | Door::Gone => next_try(1, now, entropy),
        };
        let until = until.max(earliest);
        self.door = Door::Shut { failures, until };
        (self.waiting.drain(..).collect(), until)
    }

    /// The receiver wants nothing any more. Gives what waited.
    pub(super) fn gone(&mut self) -> Vec<Notice> {
        self.under_way = self.under_way.saturating_sub(1);
        self.door = Door::Gone;
        self.waiting.drain(..).collect()
    }
}

fn next_try(failures: u32, now: Timestamp, entropy: &dyn Entropy) -> (u32, Timestamp) {
    (failures, later(now, backoff::after(failures, entropy)))
}

/// A point in time after another.
pub(super) fn later(now: Timestamp, wait: std::time::Duration) -> Timestamp {
    let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_add(millis))
}
