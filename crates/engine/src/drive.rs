//! Everything that goes on by itself: the lanes, the hours, the retries, the looking.

use crate::Engine;
use crate::ending::{EndOrder, OrderError};
use crate::lanes::Lane;
use crate::seams::BoxFuture;
use crate::seams::store::Due;
use curfew_domain::{EndCause, Grant, GrantState, Id, Subject, Timestamp};
use futures::FutureExt;
use futures::StreamExt;
use futures::future::{Either, join_all, select};
use futures::stream::FuturesUnordered;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// The longest the loop of hours sleeps, so that a step of the wall clock is noticed.
const LOOK_AT_THE_CLOCK: Duration = Duration::from_secs(1);
/// How often targets are looked at.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);
/// How much falls due in one commit.
const DUE_AT_ONCE: usize = 256;

/// What the driver takes up beside what goes on for ever.
pub(crate) enum NewWork {
    /// A target that was not worked before.
    Lane(Arc<Lane>),
    /// A later end that is ordered.
    Extension(Id<Grant>),
}

impl Engine {
    /// Works until [`Engine::stop`], then finishes what is under way and returns. Whoever owns the engine
    /// drives this, once.
    pub async fn drive(&self) {
        let mut work: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        work.push(self.hours().boxed());
        work.push(self.retrying().boxed());
        work.push(self.looking().boxed());
        let mut stopped = pin!(self.quiet_after_stop().fuse());
        loop {
            let event = {
                let new_work = pin!(self.new_work.take(usize::MAX));
                let turn = pin!(select(new_work, work.next()));
                match select(turn, &mut stopped).await {
                    Either::Left((Either::Left((new_work, _)), _)) => new_work,
                    Either::Left((Either::Right(_), _)) => Vec::new(),
                    Either::Right(_) => return,
                }
            };
            for new in event {
                match new {
                    NewWork::Lane(lane) => work.extend(self.lane_workers(&lane)),
                    NewWork::Extension(grant) => work.push(self.carry_out_extension(grant).boxed()),
                }
            }
        }
    }

    async fn quiet_after_stop(&self) {
        self.stopped.given().await;
        let deadline = self.clock.monotonic() + Duration::from_secs(10);
        while !self.busy.is_idle() && self.clock.monotonic() < deadline {
            self.clock.sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends what is due, punctually: wakes at the hour of the next thing, by the ledger.
    async fn hours(&self) {
        self.begun_hours.given().await;
        loop {
            // What falls due by a commit that the look at the ledger just misses is kept beside what it finds.
            self.next_due.store(i64::MAX, Ordering::SeqCst);
            let found = self.end_what_is_due().await.map_or(i64::MAX, Timestamp::as_millis);
            let wake = Timestamp::from_millis(self.next_due.fetch_min(found, Ordering::SeqCst).min(found));
            let now = self.clock.now();
            loop {
                let left = Duration::from_millis(wake.millis_since(self.clock.now().max(now)));
                if left.is_zero() || self.next_due.load(Ordering::SeqCst) < wake.as_millis() {
                    break;
                }
                self.hour.given_or(self.clock.sleep(left.min(LOOK_AT_THE_CLOCK))).await;
            }
        }
    }

    /// Makes sure that the loop of hours is awake then.
    pub(crate) fn due_at(&self, at: Timestamp) {
        if self.next_due.fetch_min(at.as_millis(), Ordering::SeqCst) > at.as_millis() {
            self.hour.give();
        }
    }

    /// Ends everything that is due now; says when the next thing is.
    pub(crate) async fn end_what_is_due(&self) -> Option<Timestamp> {
        loop {
            let now = self.clock.now();
            let due = match self.store.due(now, DUE_AT_ONCE).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::error!(%error, "what is due is ended from memory");
                    return Some(self.end_from_memory(now));
                }
            };
            if due.requests.is_empty() && due.grants.is_empty() && due.beats.is_empty() {
                let again = self.end_what_was_left(now).await;
                return due.next_at.into_iter().chain(again).min();
            }
            if !self.end_due(due, now).await {
                return Some(self.end_from_memory(now));
            }
        }
    }

    /// Whether the ledger took it all.
    async fn end_due(&self, due: Due, now: Timestamp) -> bool {
        let lapses = due.requests.into_iter().map(|request| self.lapse(request, now));
        let ends = due.grants.into_iter().map(|grant| self.end_on_time(grant));
        let silent = self.end_silent(due.beats);
        let (lapsed, ended, silenced) = futures::join!(join_all(lapses), join_all(ends), silent);
        lapsed.into_iter().chain(ended).chain([silenced]).all(|done| done)
    }

    async fn end_on_time(&self, grant: Grant) -> bool {
        let cause = match grant.state {
            GrantState::Approved { .. } => EndCause::Lapsed,
            GrantState::Activating { .. } | GrantState::Active { .. } => EndCause::Expired,
            GrantState::Ending { .. } | GrantState::Ended { .. } => return true,
        };
        let because = match cause {
            EndCause::Lapsed => "it was not claimed in time",
            EndCause::Expired
            | EndCause::Returned
            | EndCause::Revoked
            | EndCause::PipelineEnded
            | EndCause::PolicyChanged
            | EndCause::SubjectDisabled => "its time is over",
        };
        match self.order_end(grant, &EndOrder { cause, actor: &Subject::system(), because }).await {
            Ok(_) | Err(OrderError::AlreadyEnding(..)) => true,
            Err(OrderError::Read(_) | OrderError::Commit(_)) => false,
        }
    }

    /// The ledger is broken: what is due is carried out all the same, and recorded when it is back.
    fn end_from_memory(&self, now: Timestamp) -> Timestamp {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let due: Vec<_> = live.values().filter(|lease| lease.expires_at <= now).cloned().collect();
        drop(live);
        self.take(due.into_iter().filter(|lease| !self.busy.holds(lease.id) && !self.retries.holds(lease.id)));
        Timestamp::from_millis(now.as_millis() + 1_000)
    }

    async fn retrying(&self) {
        loop {
            let (due, next) = self.retries.due(self.clock.monotonic());
            self.take(due);
            let wait = next.unwrap_or(RECONCILE_EVERY);
            self.retries.changed.given_or(self.clock.sleep(wait)).await;
        }
    }

    async fn looking(&self) {
        self.begun_looking.given().await;
        loop {
            self.look.given_or(self.clock.sleep(RECONCILE_EVERY)).await;
            if let Err(error) = self.reconcile().await {
                tracing::error!(%error, "reconciling was not possible");
            }
            // A nudge that keeps coming must not become a busy loop.
            self.clock.sleep(Duration::from_millis(200)).await;
        }
    }
}
