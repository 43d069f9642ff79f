//! Refusals at the door, as evidence: the first of a kind from a source at once, the rest of that second
//! summed in one event with their count, so that nobody can fill the log.

use crate::edge::Source;
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_domain::{Subject, Timestamp};
use curfew_engine::seams::{Change, Clock, Store};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sources that are told apart in one second; what is beyond is summed under one.
const SOURCES: usize = 4_096;
/// How long refusals are summed.
const WINDOW: Duration = Duration::from_secs(1);

/// One refusal.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    /// `sign_in.refused` or `token.refused`.
    pub(crate) action: AuditAction,
    /// Where it came from.
    pub(crate) source: Source,
    /// Why.
    pub(crate) because: String,
    /// Who it claimed to be: an address, or whose token it was, once that was known.
    pub(crate) claimed: Option<String>,
}

/// Sums refusals.
pub(crate) struct Refusals {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    open: Mutex<BTreeMap<(AuditAction, Source), Sum>>,
}

struct Sum {
    since: Duration,
    more: i64,
    last: Refused,
    at: Timestamp,
}

impl Refusals {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, open: Mutex::default() }
    }

    /// Keeps a refusal as evidence. Failing to write it lets nobody in, so it is only logged.
    pub(crate) async fn note(&self, refused: Refused) {
        metrics::counter!("curfew_refusals_total", "kind" => refused.action.as_str()).increment(1);
        let at = self.clock.wall();
        if self.is_first(&refused, at) {
            self.write(vec![event(&refused, at, 1)]).await;
        }
    }

    /// Writes the sums whose second is over. Called every second.
    pub(crate) async fn sweep(&self) {
        let now = self.clock.monotonic();
        self.write(self.take(|sum| now.saturating_sub(sum.since) >= WINDOW)).await;
    }

    /// Writes every sum.
    pub(crate) async fn flush(&self) {
        self.write(self.take(|_| true)).await;
    }

    fn is_first(&self, refused: &Refused, at: Timestamp) -> bool {
        let mut open = self.lock();
        let mut key = (refused.action, refused.source.clone());
        if open.len() >= SOURCES && !open.contains_key(&key) {
            key.1 = Source::many();
        }
        if let Some(sum) = open.get_mut(&key) {
            sum.more += 1;
            (sum.last, sum.at) = (refused.clone(), at);
            return false;
        }
        let sum = Sum { since: self.clock.monotonic(), more: 0, last: refused.clone(), at };
        open.insert(key, sum);
        true
    }

    fn take(&self, is_over: impl Fn(&Sum) -> bool) -> Vec<AuditEvent> {
        let mut events = Vec::new();
        self.lock().retain(|_, sum| {
            let over = is_over(sum);
            if over && sum.more > 0 {
                events.push(event(&sum.last, sum.at, sum.more));
            }
            !over
        });
        events
    }

    async fn write(&self, events: Vec<AuditEvent>) {
        if events.is_empty() {
            return;
        }
        let changes = events.into_iter().map(|event| Change::Event(Box::new(event))).collect();
        if let Err(error) = self.store.commit(changes).await {
            tracing::error!(%error, "a refusal could not be recorded");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(AuditAction, Source), Sum>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(refused: &Refused, at: Timestamp, count: i64) -> AuditEvent {
    let event = AuditEvent::new(at, Subject::system(), refused.action)
        .because(refused.because.clone())
        .with("source", refused.source.to_string())
        .with("count", count);
    match &refused.claimed {
        Some(claimed) => event.with("claimed", curfew_domain::text::visible(claimed).into_owned()),
        None => event,
    }
}
