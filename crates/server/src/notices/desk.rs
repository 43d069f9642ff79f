//! The courier's desk: what was read from the outbox, what is under way, and what has yet to be recorded.

use super::backoff::{self, GIVEN_UP_AFTER};
use super::carrier::{Undelivered, Way};
use super::lane::{self, Advice, Lane};
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_domain::{Subject, Timestamp};
use curfew_engine::seams::Entropy;
use curfew_engine::seams::store::{Change, Notice};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a try came to.
#[derive(Debug)]
pub(super) enum Came {
    /// It was taken.
    Sent,
    /// Time had made it pointless.
    Pointless,
    /// It was not.
    Undelivered(Undelivered),
}

/// What the courier has in hand.
pub(super) struct Desk {
    pub(super) lanes: BTreeMap<Way, Lane>,
    entropy: Arc<dyn Entropy>,
    /// Ids in hand: waiting, under way, or not yet recorded.
    in_hand: BTreeSet<String>,
    /// What the ledger has yet to take, with the ids it settles.
    unrecorded: Vec<(String, Change)>,
}

impl Desk {
    pub(super) fn new(lanes: BTreeMap<Way, Lane>, entropy: Arc<dyn Entropy>) -> Self {
        Self { lanes, entropy, in_hand: BTreeSet::new(), unrecorded: Vec::new() }
    }

    /// Takes a notice that is due. Whether it was new here.
    pub(super) fn take(&mut self, notice: Notice, now: Timestamp) -> bool {
        if !self.in_hand.insert(notice.id.clone()) {
            return false;
        }
        let Some(way) = Way::of(&notice) else {
            self.put_off(&notice, (now, now), "its channel is unknown");
            return true;
        };
        let lane = self.lanes.entry(way).or_insert_with(|| Lane::new(None));
        match lane.advise(now) {
            Advice::Queue if lane.carrier.is_none() => {
                self.put_off(&notice, (now, now), "nothing of that name is configured")
            }
            Advice::Queue => lane.queue(notice),
            Advice::Later(until) => self.wait(&notice, until),
            Advice::Drop => self.drop_silently(&notice),
        }
        true
    }

    /// The next notice that may be sent now.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<(Way, Notice)> {
        self.lanes.iter_mut().find_map(|(way, lane)| lane.next(now).map(|notice| (way.clone(), notice)))
    }

    /// Puts down what a try came to.
    pub(super) fn settle(&mut self, way: &Way, notice: &Notice, came: Came, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(way) else { return };
        match came {
            Came::Sent => {
                lane.answered();
                count(notice, "sent");
                self.leave(notice);
            }
            Came::Pointless => {
                lane.answered();
                count(notice, "pointless");
                self.leave(notice);
            }
            Came::Undelivered(Undelivered::This(why)) => {
                lane.answered();
                self.put_off(notice, (now, now), &why);
            }
            Came::Undelivered(Undelivered::Nobody(why)) => self.nobody(way, notice, (now, now), &why),
            Came::Undelivered(Undelivered::Later { why, wait }) => {
                self.nobody(way, notice, (now, lane::later(now, wait)), &why);
            }
            Came::Undelivered(Undelivered::Gone) => {
                let waited = lane.gone();
                tracing::error!(destination = %way, "it answered 410: nothing more is sent there until the next start");
                self.drop_silently(notice);
                waited.iter().for_each(|other| self.drop_silently(other));
            }
        }
    }

    /// Nobody takes anything there, at least until `earliest`: what waits for the same place waits as long.
    fn nobody(&mut self, way: &Way, notice: &Notice, (now, earliest): (Timestamp, Timestamp), why: &str) {
        let entropy = self.entropy.clone();
        let Some(lane) = self.lanes.get_mut(way) else { return };
        let (waited, until) = lane.shut(now, earliest, &*entropy);
        tracing::warn!(destination = %way, until = %until, error = %why, "nobody takes notices there");
        self.put_off(notice, (now, earliest), why);
        waited.iter().for_each(|other| self.wait(other, until));
    }

    /// What the ledger should take, at most so much at once.
    pub(super) fn unrecorded(&self, most: usize) -> Vec<Change> {
        self.unrecorded.iter().take(most).map(|(_, change)| change.clone()).collect()
    }

    /// The ledger took that many.
    pub(super) fn recorded(&mut self, many: usize) {
        for (id, _) in self.unrecorded.drain(..many.min(self.unrecorded.len())) {
            self.in_hand.remove(&id);
        }
    }

    /// A try failed: later again, not before `earliest`, or after a week of tries never.
    fn put_off(&mut self, notice: &Notice, (now, earliest): (Timestamp, Timestamp), why: &str) {
        let (id, attempts) = (notice.id.clone(), notice.attempts.saturating_add(1));
        let age = now.millis_since(notice.created_at);
        if u128::from(age) >= GIVEN_UP_AFTER.as_millis() {
            tracing::error!(notice_id = %id, channel = %notice.channel, about = %notice.about, attempts, error = %why, "a notice is given up");
            count(notice, "given_up");
            let event = AuditEvent::new(now, Subject::system(), AuditAction::NoticeGivenUp)
                .because(why)
                .with("notice_id", id)
                .with("channel", notice.channel.as_str())
                .with("to", notice.to.as_str())
                .with("about", notice.about.as_str());
            self.unrecorded.push((notice.id.clone(), Change::Event(Box::new(event))));
            return self.leave(notice);
        }
        let next_at = lane::later(now, backoff::after(attempts, &*self.entropy)).max(earliest);
        tracing::info!(notice_id = %id, channel = %notice.channel, about = %notice.about, attempts, error = %why, "a notice was not taken");
        count(notice, "put_off");
        self.unrecorded.push((id.clone(), Change::NoticeLater { id, attempts, next_at }));
    }

    /// Not tried: nobody is there now.
    fn wait(&mut self, notice: &Notice, next_at: Timestamp) {
        let (id, attempts) = (notice.id.clone(), notice.attempts);
        self.unrecorded.push((id.clone(), Change::NoticeLater { id, attempts, next_at }));
    }

    fn drop_silently(&mut self, notice: &Notice) {
        count(notice, "dropped");
        self.leave(notice);
    }

    fn leave(&mut self, notice: &Notice) {
        self.unrecorded.push((notice.id.clone(), Change::NoticeSent(notice.id.clone())));
    }
}

fn count(notice: &Notice, outcome: &'static str) {
    metrics::counter!("curfew_notices_total", "channel" => channel(notice), "outcome" => outcome).increment(1);
}

/// A label with few values, whatever stands in the outbox.
fn channel(notice: &Notice) -> &'static str {
    match notice.channel.as_str() {
        "email" => "email",
        "webhook" => "webhook",
        _ => "other",
    }
}
