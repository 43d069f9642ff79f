//! The courier over carriers that hang, refuse and come back.

use super::things::{BEGIN, Counting, Hands, active, left, notice, put, request, steady, until};
use crate::notices::backoff::GIVEN_UP_AFTER;
use crate::notices::carrier::{Carrier, Undelivered, Way};
use crate::notices::courier::Courier;
use crate::notices::told::Told;
use curfew_domain::audit::AuditAction;
use curfew_domain::{EndCause, Grant, Subject, Transition};
use curfew_engine::seams::store::{Change, Notice, Store};
use curfew_engine::seams::{BoxFuture, Clock};
use curfew_store::MemoryStore;
use curfew_store::memory::Fault;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Keeps what it is given, after failing so often.
#[derive(Default)]
struct Letterbox {
    fails: AtomicU32,
    how: Option<Undelivered>,
    tried: Mutex<Vec<String>>,
    taken: Mutex<Vec<String>>,
}

impl Letterbox {
    fn failing(times: u32, how: Undelivered) -> Arc<Self> {
        Arc::new(Self { fails: AtomicU32::new(times), how: Some(how), ..Self::default() })
    }

    fn tried(&self) -> Vec<String> {
        self.tried.lock().expect("a lock").clone()
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("a lock").clone()
    }
}

impl Carrier for Letterbox {
    fn carry<'a>(&'a self, notice: &'a Notice, _: &'a Told) -> BoxFuture<'a, Result<(), Undelivered>> {
        self.tried.lock().expect("a lock").push(notice.id.clone());
        let fails = self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        let answer = match (fails, &self.how) {
            (true, Some(how)) => Err(how.clone()),
            _ => {
                self.taken.lock().expect("a lock").push(notice.id.clone());
                Ok(())
            }
        };
        Box::pin(std::future::ready(answer))
    }
}

/// Takes everything and never answers.
struct Hangs(AtomicU32);

impl Carrier for Hangs {
    fn carry<'a>(&'a self, _: &'a Notice, _: &'a Told) -> BoxFuture<'a, Result<(), Undelivered>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending())
    }
}

struct World {
    store: MemoryStore,
    hands: Arc<Hands>,
    carriers: BTreeMap<Way, Arc<dyn Carrier>>,
}

impl World {
    fn new() -> Self {
        Self { store: MemoryStore::new(), hands: Arc::default(), carriers: BTreeMap::new() }
    }

    fn hook(mut self, name: &str, carrier: Arc<dyn Carrier>) -> Self {
        self.carriers.insert(Way::Webhook(name.to_owned()), carrier);
        self
    }

    /// Runs a courier while something is checked.
    async fn run<T>(&self, check: impl Future<Output = T>) -> T {
        let store = Arc::new(self.store.clone());
        let courier = Courier::with(store, steady(&self.hands), Arc::new(Counting::default()), self.carriers.clone());
        tokio::select! {
            () = courier.run(std::future::pending()) => panic!("it stopped by itself"),
            checked = check => checked,
        }
    }

    async fn is_empty(&self) -> bool {
        left(&self.store).await.is_empty()
    }

    fn turn(&self, seconds: u64) {
        self.hands.turn(Duration::from_secs(seconds));
    }
}

fn to(name: &str, number: u32) -> Notice {
    notice(number, ("webhook", name), "requested", json!({ "request": request("why") }))
}

#[tokio::test]
async fn each_is_handed_over_once_and_leaves_the_outbox() {
    let good = Arc::new(Letterbox::default());
    let world = World::new().hook("siem", good.clone());
    put(&world.store, (0..600).map(|n| to("siem", n)).collect()).await;
    world.run(until("the outbox is empty", async || world.is_empty().await)).await;
    let mut taken = good.taken();
    taken.sort();
    taken.dedup();
    assert_eq!((taken.len(), good.tried().len()), (600, 600));
}

#[tokio::test]
async fn one_that_hangs_with_a_long_queue_delays_nobody() {
    let (good, bad) = (Arc::new(Letterbox::default()), Arc::new(Hangs(AtomicU32::new(0))));
    let world = World::new().hook("good", good.clone()).hook("bad", bad.clone());
    // More than one look shows, and all of it older than what the other should get.
    put(&world.store, (0..700).map(|n| to("bad", n)).collect()).await;
    put(&world.store, (700..710).map(|n| Notice { next_at: later(1), ..to("good", n) }).collect()).await;
    world.turn(2);
    world.run(until("the good one has all of its", async || good.taken().len() == 10)).await;
    assert!((1..=4).contains(&bad.0.load(Ordering::SeqCst)), "bounded concurrency");
    assert_eq!(left(&world.store).await.len(), 700);
}

fn later(seconds: u32) -> curfew_domain::Timestamp {
    BEGIN.plus(curfew_domain::Seconds::new(seconds))
}

#[tokio::test]
async fn nobody_there_means_waiting_longer_each_time_and_the_same_ids_again() {
    // The first four go together, then one at a time sees whether anybody is back.
    let flaky = Letterbox::failing(6, Undelivered::Nobody("connection refused".to_owned()));
    let world = World::new().hook("siem", flaky.clone());
    put(&world.store, (0..20).map(|n| to("siem", n)).collect()).await;
    world
        .run(async {
            until("the first tries failed and everything waits", async || {
                flaky.tried().len() == 4 && left(&world.store).await.iter().all(|n| n.next_at > BEGIN)
            })
            .await;
            let waiting = left(&world.store).await;
            assert_eq!(waiting.iter().filter(|n| n.attempts == 1).count(), 4, "only those that were tried count");
            world.turn(6);
            until("the second failure", async || flaky.tried().len() == 5).await;
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            assert_eq!(flaky.tried().len(), 5, "nothing is tried before its time");
            world.turn(11);
            until("the third failure", async || flaky.tried().len() == 6).await;
            world.turn(21);
            until("all arrived", async || world.is_empty().await).await;
        })
        .await;
    let mut taken = flaky.taken();
    taken.sort();
    taken.dedup();
    assert_eq!((taken.len(), flaky.tried().len()), (20, 26));
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let wait = Duration::from_secs(300);
    let busy = Letterbox::failing(1, Undelivered::Later { why: "it answered 429".to_owned(), wait });
    let world = World::new().hook("siem", busy.clone());
    put(&world.store, vec![to("siem", 1)]).await;
    world
        .run(async {
            until("it was tried and waits", async || {
                busy.tried().len() == 1 && left(&world.store).await.iter().all(|n| n.next_at > BEGIN)
            })
            .await;
            put(&world.store, vec![to("siem", 2)]).await;
            world.turn(299);
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            assert_eq!(busy.tried().len(), 1, "neither this one nor another is sent before its time");
            world.turn(2);
            until("both arrived", async || world.is_empty().await).await;
        })
        .await;
    assert_eq!(busy.tried().len(), 3);
}

#[tokio::test]
async fn one_notice_that_is_refused_holds_up_no_other() {
    let picky = Letterbox::failing(1, Undelivered::This("it answered 422".to_owned()));
    let world = World::new().hook("siem", picky.clone());
    put(&world.store, (0..5).map(|n| to("siem", n)).collect()).await;
    world.run(until("four of five arrived", async || picky.taken().len() == 4)).await;
    let rest = left(&world.store).await;
    assert_eq!(rest.iter().map(|n| n.attempts).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn gone_means_never_again() {
    let gone = Letterbox::failing(u32::MAX, Undelivered::Gone);
    let world = World::new().hook("siem", gone.clone());
    put(&world.store, (0..300).map(|n| to("siem", n)).collect()).await;
    world.run(until("the outbox is empty", async || world.is_empty().await)).await;
    assert!(gone.tried().len() <= 4, "{}", gone.tried().len());
}

#[tokio::test]
async fn nothing_is_given_up_within_a_week_and_then_it_is_evidence() {
    let dead = Letterbox::failing(u32::MAX, Undelivered::This("mailbox full".to_owned()));
    let world = World::new().hook("siem", dead.clone());
    put(&world.store, vec![to("siem", 1)]).await;
    let week = GIVEN_UP_AFTER.as_secs();
    world
        .run(async {
            world.turn(week - 60);
            until("it was tried", async || dead.tried().len() == 1).await;
            assert!(!world.is_empty().await, "not within the week");
            world.turn(60);
            until("it is given up", async || world.is_empty().await).await;
        })
        .await;
    let events = world.store.events(0, 10).await.expect("read");
    let last = events.last().expect("an event");
    assert_eq!(last.event.action, AuditAction::NoticeGivenUp);
    assert_eq!(last.event.because, "mailbox full");
    assert_eq!(last.event.details["to"], "siem".into());
}

#[tokio::test]
async fn what_nothing_is_configured_for_stays() {
    let world = World::new();
    put(&world.store, vec![to("removed", 1), notice(2, ("pigeon", "x"), "requested", json!({}))]).await;
    world.run(until("both were looked at", async || left(&world.store).await.iter().all(|n| n.attempts == 1))).await;
    assert_eq!(left(&world.store).await.len(), 2);
}

#[tokio::test]
async fn a_ledger_that_loses_its_answer_sends_nothing_twice() {
    let good = Arc::new(Letterbox::default());
    let mut world = World::new().hook("siem", good.clone());
    put(&world.store, (0..10).map(|n| to("siem", n)).collect()).await;
    let commits = AtomicU32::new(0);
    world.store = world.store.clone().with_faults(Arc::new(move |_| match commits.fetch_add(1, Ordering::SeqCst) {
        0 => Fault::FailBefore,
        1 => Fault::LoseReply,
        _ => Fault::None,
    }));
    world.run(until("the outbox is empty", async || world.is_empty().await)).await;
    assert_eq!(good.tried().len(), 10);
}

/// Puts a grant into a ledger, whatever its state.
async fn keep(store: &MemoryStore, grant: &Grant) {
    let event = grant.event(AuditAction::GrantActivated, &Subject::system(), BEGIN);
    let first = Grant { version: curfew_domain::Version::NONE, ..grant.clone() };
    store.commit(vec![Change::Grant(Box::new(Transition::new(first, event)))]).await.expect("written");
}

#[tokio::test]
async fn a_warning_after_the_end_is_not_sent() {
    for (ended, sent) in [(false, 1), (true, 0)] {
        let good = Arc::new(Letterbox::default());
        let world = World::new().hook("siem", good.clone());
        let grant = active();
        keep(&world.store, &grant).await;
        put(&world.store, vec![notice(1, ("webhook", "siem"), "ending_soon", json!({ "grant": grant }))]).await;
        if ended {
            let kept = world.store.grant(grant.id).await.expect("read").expect("a grant");
            let step = kept.ending(EndCause::Returned, &Subject::system(), "done", BEGIN).expect("ends");
            world.store.commit(vec![Change::Grant(Box::new(step))]).await.expect("written");
        }
        world.run(until("the outbox is empty", async || world.is_empty().await)).await;
        assert_eq!(good.taken().len(), sent);
    }
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way_and_records_it() {
    let world = World::new().hook("siem", Arc::new(Slow));
    put(&world.store, vec![to("siem", 1)]).await;
    let store = Arc::new(world.store.clone());
    let courier = Courier::with(store, steady(&world.hands), Arc::new(Counting::default()), world.carriers.clone());
    courier.run(tokio::time::sleep(Duration::from_millis(100))).await;
    assert!(world.is_empty().await);
}

/// Takes half a second.
struct Slow;

impl Carrier for Slow {
    fn carry<'a>(&'a self, _: &'a Notice, _: &'a Told) -> BoxFuture<'a, Result<(), Undelivered>> {
        Box::pin(async {
            Hands::default().sleep(Duration::from_millis(500)).await;
            Ok(())
        })
    }
}
