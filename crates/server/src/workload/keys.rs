//! The keys that one issuer publishes, as they are known here.
//!
//! They are fetched at most once a minute, by one task at a time, whoever asks for whatever key: a flood of tokens with made-up
//! key ids costs the issuer one call a minute, and who has a known key does not wait behind it. When an issuer cannot be had,
//! the last good keys are used for an hour.

use super::fetch::FetchError;
use super::jwk::PublicKey;
use curfew_engine::seams::{BoxFuture, Clock};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Between two fetches there is at least this.
const FETCHED_EVERY: Duration = Duration::from_secs(60);
/// Keys of this age are fetched anew when somebody needs one, beside the answer.
const RENEWED_AFTER: Duration = Duration::from_secs(300);
/// Keys of this age are fetched anew before the answer, unless the last fetch failed.
const WAITED_FOR_AFTER: Duration = Duration::from_secs(600);
/// Keys of this age are used no more.
const KEPT_FOR: Duration = Duration::from_secs(3_600);

/// A published key and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedKey {
    pub(super) id: String,
    pub(super) key: PublicKey,
}

/// Fetches all keys of an issuer.
pub(super) type Fetch = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<NamedKey>, FetchError>> + Send + Sync>;

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoKey {
    /// The issuer publishes none of that id.
    #[error("the issuer has no key of that id")]
    Unknown,
    /// Nothing that is young enough is known of the issuer's keys.
    #[error("the issuer's keys cannot be had")]
    Unavailable,
}

/// The keys of one issuer.
pub(super) struct Keys {
    name: String,
    fetch: Fetch,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    keys: Vec<NamedKey>,
    /// When they were fetched, by the steady clock.
    fetched_at: Option<Duration>,
    /// When that was last tried.
    tried_at: Option<Duration>,
    last: Outcome,
    /// Whose sender is gone when no fetch is under way.
    running: Option<watch::Receiver<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Outcome {
    #[default]
    Fetched,
    Failed,
}

/// What to do about a key that is asked for.
enum Step {
    Take(PublicKey),
    /// Wait for the fetch under way, then look once more.
    Wait(watch::Receiver<()>),
    Refuse(NoKey),
}

impl Keys {
    pub(super) fn new(name: String, fetch: Fetch, clock: Arc<dyn Clock>) -> Self {
        Self { name, fetch, clock, known: Arc::default() }
    }

    /// The key of an id.
    ///
    /// # Errors
    /// See [`NoKey`].
    pub(super) async fn find(&self, id: &str) -> Result<PublicKey, NoKey> {
        match self.step(id) {
            Step::Take(key) => Ok(key),
            Step::Refuse(why) => Err(why),
            Step::Wait(mut running) => {
                // Nothing is ever sent: the sender goes when the fetch is over, however it ended.
                let _ = running.changed().await;
                self.after_waiting(id)
            }
        }
    }

    fn step(&self, id: &str) -> Step {
        let now = self.clock.monotonic();
        let mut known = self.lock();
        let age = known.fetched_at.map(|at| now.saturating_sub(at));
        let found = known.get(id, now);
        let running = match age {
            Some(age) if age < RENEWED_AFTER && found.is_some() => None,
            Some(_) | None => self.renew(&mut known, now),
        };
        let is_fresh = age.is_some_and(|age| age < WAITED_FOR_AFTER) || known.last == Outcome::Failed;
        match (found, running) {
            (Some(key), Some(_)) if is_fresh => Step::Take(key),
            (_, Some(running)) => Step::Wait(running),
            (Some(key), None) => Step::Take(key),
            (None, None) => Step::Refuse(known.without(now)),
        }
    }

    fn after_waiting(&self, id: &str) -> Result<PublicKey, NoKey> {
        let (known, now) = (self.lock(), self.clock.monotonic());
        known.get(id, now).ok_or_else(|| known.without(now))
    }

    /// The fetch that is under way, or one that begins now; none when the last one was too short a time ago.
    #[allow(
        clippy::disallowed_methods,
        reason = "the server spawns: a caller that hangs up must not end a fetch that others wait for"
    )]
    fn renew(&self, known: &mut Known, now: Duration) -> Option<watch::Receiver<()>> {
        if let Some(running) = known.running.as_ref().filter(|running| running.has_changed().is_ok()) {
            return Some(running.clone());
        }
        if known.tried_at.is_some_and(|at| now.saturating_sub(at) < FETCHED_EVERY) {
            return None;
        }
        known.tried_at = Some(now);
        let (done, running) = watch::channel(());
        known.running = Some(running.clone());
        let (fetch, clock) = (self.fetch.clone(), self.clock.clone());
        let (shared, name) = (self.known.clone(), self.name.clone());
        tokio::spawn(async move {
            let fetched = fetch().await;
            let mut known = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match fetched {
                Ok(keys) => {
                    (known.keys, known.fetched_at, known.last) = (keys, Some(clock.monotonic()), Outcome::Fetched);
                }
                Err(error) => {
                    tracing::warn!(issuer = %name, %error, "the issuer's keys could not be fetched");
                    known.last = Outcome::Failed;
                }
            }
            drop(known);
            drop(done);
        });
        Some(running)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn are_usable(&self, now: Duration) -> bool {
        self.fetched_at.is_some_and(|at| now.saturating_sub(at) < KEPT_FOR)
    }

    fn get(&self, id: &str, now: Duration) -> Option<PublicKey> {
        let usable = self.are_usable(now);
        self.keys.iter().find(|named| usable && named.id == id).map(|named| named.key.clone())
    }

    fn without(&self, now: Duration) -> NoKey {
        if self.are_usable(now) { NoKey::Unknown } else { NoKey::Unavailable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_domain::Timestamp;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn wall(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::SeqCst))
        }
        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    /// An issuer that answers when it is let, with what it has.
    struct Issuer {
        hand: Arc<Hand>,
        calls: Arc<AtomicUsize>,
        let_through: Arc<Semaphore>,
        ids: Arc<Mutex<Option<Vec<&'static str>>>>,
        keys: Arc<Keys>,
    }

    impl Issuer {
        fn new(ids: &[&'static str]) -> Self {
            let (hand, calls) = (Arc::new(Hand::default()), Arc::new(AtomicUsize::new(0)));
            let let_through = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
            let ids = Arc::new(Mutex::new(Some(ids.to_vec())));
            let parts = (calls.clone(), let_through.clone(), ids.clone());
            let fetch: Fetch = Arc::new(move || {
                let (calls, let_through, ids) = parts.clone();
                Box::pin(async move {
                    calls.fetch_add(1, Ordering::SeqCst);
                    let _permit = let_through.acquire().await.expect("open");
                    match ids.lock().expect("not poisoned").as_ref() {
                        Some(ids) => Ok(ids.iter().map(|id| named(id)).collect()),
                        None => Err(FetchError::TooSlow),
                    }
                })
            });
            let keys = Arc::new(Keys::new("test".to_owned(), fetch, hand.clone()));
            Self { hand, calls, let_through, ids, keys }
        }

        fn publishes(&self, ids: Option<&[&'static str]>) {
            *self.ids.lock().expect("not poisoned") = ids.map(<[_]>::to_vec);
        }

        fn after(&self, seconds: u64) {
            self.hand.0.fetch_add(seconds, Ordering::SeqCst);
        }

        fn hangs(&self) {
            self.let_through.forget_permits(Semaphore::MAX_PERMITS);
        }

        fn answers(&self) {
            self.let_through.add_permits(Semaphore::MAX_PERMITS);
        }

        fn calls(&self) -> usize {
            self.calls.load(Ordering::SeqCst)
        }

        async fn find(&self, id: &str) -> Result<PublicKey, NoKey> {
            let answer = tokio::time::timeout(Duration::from_secs(5), self.keys.find(id)).await;
            answer.expect("an answer without waiting")
        }
    }

    fn key(id: &str) -> PublicKey {
        let mut bytes = [0; 32];
        bytes[..id.len()].copy_from_slice(id.as_bytes());
        PublicKey::Ed25519(bytes)
    }

    fn named(id: &str) -> NamedKey {
        NamedKey { id: id.to_owned(), key: key(id) }
    }

    #[tokio::test]
    async fn a_flood_of_unknown_keys_is_one_fetch_a_minute() {
        let issuer = Issuer::new(&["one"]);
        assert_eq!(issuer.find("one").await, Ok(key("one")));
        for n in 0..1_000 {
            assert_eq!(issuer.find(&format!("made up {n}")).await, Err(NoKey::Unknown));
        }
        assert_eq!(issuer.calls(), 1);
        issuer.after(60);
        issuer.publishes(Some(&["one", "two"]));
        assert_eq!(issuer.find("two").await, Ok(key("two")), "a new key is known within a minute");
        assert_eq!(issuer.calls(), 2);
    }

    #[tokio::test]
    async fn who_has_a_known_key_does_not_wait_for_one_who_has_not() {
        let issuer = Issuer::new(&["one"]);
        assert_eq!(issuer.find("one").await, Ok(key("one")));
        issuer.after(100);
        issuer.hangs();
        let keys = issuer.keys.clone();
        let mut flood = tokio::task::JoinSet::new();
        for n in 0..100 {
            let keys = keys.clone();
            flood.spawn(async move { keys.find(&format!("made up {n}")).await });
        }
        tokio::task::yield_now().await;
        assert_eq!(issuer.find("one").await, Ok(key("one")));
        issuer.answers();
        while let Some(answer) = flood.join_next().await {
            assert_eq!(answer.expect("no panic"), Err(NoKey::Unknown));
        }
        assert_eq!(issuer.calls(), 2, "all of them waited for one fetch");
    }

    #[tokio::test]
    async fn the_last_good_keys_serve_for_an_hour() {
        let issuer = Issuer::new(&["one"]);
        assert_eq!(issuer.find("one").await, Ok(key("one")));
        issuer.publishes(None);
        issuer.after(3_599);
        assert_eq!(issuer.find("one").await, Ok(key("one")));
        assert_eq!(issuer.find("two").await, Err(NoKey::Unknown));
        issuer.after(1);
        assert_eq!(issuer.find("one").await, Err(NoKey::Unavailable));
        issuer.after(60);
        issuer.publishes(Some(&["one"]));
        assert_eq!(issuer.find("one").await, Ok(key("one")));
    }

    #[tokio::test]
    async fn a_key_that_was_withdrawn_is_used_no_more() {
        let issuer = Issuer::new(&["one", "two"]);
        assert_eq!(issuer.find("one").await, Ok(key("one")));
        issuer.publishes(Some(&["two"]));
        issuer.after(600);
        assert_eq!(issuer.find("one").await, Err(NoKey::Unknown), "who comes after ten minutes waits for the new keys");
        assert_eq!(issuer.calls(), 2);
    }

    #[tokio::test]
    async fn a_caller_that_hangs_up_ends_no_fetch() {
        let issuer = Issuer::new(&["one"]);
        issuer.hangs();
        let first = tokio::time::timeout(Duration::from_millis(20), issuer.keys.find("one")).await;
        assert!(first.is_err(), "it waited");
        issuer.answers();
        assert_eq!(issuer.find("one").await, Ok(key("one")));
        assert_eq!(issuer.calls(), 1);
    }

    #[tokio::test]
    async fn an_issuer_that_was_never_reached_is_asked_once_a_minute() {
        let issuer = Issuer::new(&[]);
        issuer.publishes(None);
        for _ in 0..10 {
            assert_eq!(issuer.find("one").await, Err(NoKey::Unavailable));
        }
        assert_eq!(issuer.calls(), 1);
    }
}
