//! What every connector and every fake must do, whatever kind of target it talks to.
//!
//! Calls and answers go through JSON on their way, so that a connector can later run near its target, away
//! from the server. A check that fails panics and says which.

use curfew_domain::lease::{Evidence, handle};
use curfew_domain::{ActionName, Id, Lease, Seconds, Timestamp};
use curfew_engine::seams::connector::{
    Access, CallError, ExtendOrder, Found, IssueOrder, Issued, LedgerMark, PublicHalf, Revocation, RevokeOrder, Target,
};
use curfew_engine::seams::{BoxFuture, Connector};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How far an expiry read from a target may be from the one ordered: two clocks and a rounding.
const EXPIRY_JITTER_MILLIS: u64 = 5_000;

/// Something done to a target behind the connector's back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddling<'a> {
    /// Somebody removes what the lease made.
    RemoveByHand(&'a str),
    /// What the lease made now bears another installation's marker.
    MarkAsAnothers(&'a str),
    /// What the lease made now bears no marker.
    RemoveMarker(&'a str),
    /// The next issue happens, and its answer is lost.
    LoseNextReply,
}

/// Whether a target can be meddled with so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddled {
    /// It was.
    Done,
    /// There is no such thing in this kind of target.
    NotApplicable,
}

/// A connector under test with its target.
pub trait Harness: Send + Sync {
    /// The connector.
    fn connector(&self) -> &dyn Connector;
    /// The target, with epoch 7 or higher.
    fn target(&self) -> Target;
    /// Actions the target has.
    fn actions(&self) -> Vec<ActionName>;
    /// A public half that is right, with a secret of its own.
    fn public_half(&self) -> PublicHalf;
    /// Now.
    fn now(&self) -> Timestamp;
    /// An id never used before.
    fn lease(&self) -> Id<Lease>;
    /// Meddles with the target.
    fn meddle<'a>(&'a self, meddling: Meddling<'a>) -> BoxFuture<'a, Meddled>;
    /// Whether the target lets the lease's subject in now; none where that cannot be tried.
    fn lets_in<'a>(&'a self, name: &'a str, issued: &'a Issued) -> BoxFuture<'a, Option<bool>>;
    /// The expiry that stands in the target, by our clock; none where a target has none.
    fn expiry<'a>(&'a self, name: &'a str, issued: &'a Issued) -> BoxFuture<'a, Option<Timestamp>>;
}

/// Runs every check.
///
/// # Panics
/// When one fails.
pub async fn run(harness: &dyn Harness) {
    kind_is_stated(harness);
    let target = harness.target();
    harness.connector().prepare(&target).await.expect("prepare");
    harness.connector().prepare(&target).await.expect("prepare again");
    harness.connector().probe(&target).await.expect("probe");
    given_and_taken(harness).await;
    twice_is_once(harness).await;
    what_lets_in_is_extended_and_nothing_else(harness).await;
    answers_keep_their_order(harness).await;
    nonsense_is_refused(harness).await;
    ending_what_is_not_there(harness).await;
    removed_by_hand(harness).await;
    reply_lost(harness).await;
    anothers_is_untouched(harness).await;
    unmarked_is_ended(harness).await;
    unknown_is_locked(harness).await;
    stale_epoch_is_refused(harness).await;
    the_ledger_is_remembered(harness).await;
}

fn kind_is_stated(harness: &dyn Harness) {
    let kind = harness.connector().kind();
    assert!(!kind.residual_exposure.is_empty(), "{}: what may outlive the end is stated", kind.name);
    assert!(
        !kind.actions.is_empty() || kind.settings.iter().any(|f| f.name == "actions"),
        "{}: it has actions",
        kind.name
    );
    assert!(kind.residual_exposure.iter().all(|sentence| !sentence.trim().is_empty()));
    assert_eq!(harness.public_half().kind, kind.public_half);
}

/// An order of the harness's own making, for an hour.
fn order(harness: &dyn Harness) -> IssueOrder {
    let now = harness.now();
    IssueOrder {
        lease: harness.lease(),
        actions: harness.actions(),
        // Whole seconds, as a marker keeps them.
        expires_at: Timestamp::from_millis(now.as_unix_seconds() * 1_000).plus(Seconds::new(3_600)),
        now,
        public_half: harness.public_half(),
        label: "ann@example.com".to_owned(),
    }
}

fn ending(harness: &dyn Harness, order: &IssueOrder, issued: Option<&Issued>) -> RevokeOrder {
    RevokeOrder {
        reach: curfew_engine::seams::connector::Reach::Leftovers,
        lease: order.lease,
        locator: issued.map(|i| i.locator.clone()),
        actions: order.actions.clone(),
        expires_at: order.expires_at,
        since: order.now,
        now: harness.now(),
    }
}

fn over_the_wire<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).expect("plain data");
    serde_json::from_str(&text).expect("reads back")
}

async fn issue(harness: &dyn Harness, target: &Target, orders: &[IssueOrder]) -> Vec<Result<Issued, CallError>> {
    let orders: Vec<_> = orders.iter().map(over_the_wire).collect();
    let answers = harness.connector().issue(target, &orders).await;
    assert_eq!(answers.len(), orders.len(), "one answer for each order");
    answers.iter().map(over_the_wire).collect()
}

async fn revoke(harness: &dyn Harness, target: &Target, orders: &[RevokeOrder]) -> Vec<Result<Revocation, CallError>> {
    let orders: Vec<_> = orders.iter().map(over_the_wire).collect();
    let answers = harness.connector().revoke(target, &orders).await;
    assert_eq!(answers.len(), orders.len(), "one answer for each order");
    answers.iter().map(over_the_wire).collect()
}

async fn issue_one(harness: &dyn Harness, order: &IssueOrder) -> Issued {
    issue(harness, &harness.target(), std::slice::from_ref(order)).await.remove(0).expect("issued")
}

async fn revoke_one(harness: &dyn Harness, order: &RevokeOrder) -> Result<Revocation, CallError> {
    revoke(harness, &harness.target(), std::slice::from_ref(order)).await.remove(0)
}

/// Ends it, and sees that it says so and shows nothing.
async fn end(harness: &dyn Harness, order: &RevokeOrder) {
    match revoke_one(harness, order).await {
        Ok(Revocation::Revoked { evidence: Evidence::Read { .. } | Evidence::Unread { .. }, .. }) => {}
        other => panic!("the end of {}: {other:?}", order.lease),
    }
    let found = found(harness, order.lease).await;
    assert!(found.iter().all(|f| f.access == Access::Locked), "nobody gets in with {} any more", order.lease);
}

async fn found(harness: &dyn Harness, lease: Id<Lease>) -> Vec<Found> {
    let observation = harness.connector().observe(&harness.target()).await.expect("observe");
    let observation = over_the_wire(&observation);
    let of_lease = |f: &Found| f.marker.as_ref().is_some_and(|m| m.lease == lease) || f.name == handle(lease);
    observation.found.into_iter().filter(of_lease).collect()
}

async fn lets_in(harness: &dyn Harness, order: &IssueOrder, issued: &Issued) -> Option<bool> {
    harness.lets_in(&handle(order.lease), issued).await
}

async fn given_and_taken(harness: &dyn Harness) {
    let order = order(harness);
    let issued = issue_one(harness, &order).await;
    assert_ne!(lets_in(harness, &order, &issued).await, Some(false), "what was issued works");
    if let Some(expiry) = harness.expiry(&handle(order.lease), &issued).await {
        let off = expiry.as_millis().abs_diff(order.expires_at.as_millis());
        assert!(off <= EXPIRY_JITTER_MILLIS, "the expiry stands in the target: {expiry} for {}", order.expires_at);
    }
    end(harness, &ending(harness, &order, Some(&issued))).await;
    assert_ne!(lets_in(harness, &order, &issued).await, Some(true), "what was ended works no more");
}

async fn twice_is_once(harness: &dyn Harness) {
    let order = order(harness);
    let first = issue_one(harness, &order).await;
    let second = issue_one(harness, &order).await;
    assert_eq!(first, second, "issuing twice is one access");
    assert!(found(harness, order.lease).await.len() <= 1, "one object for one lease");
    let ending = ending(harness, &order, Some(&first));
    end(harness, &ending).await;
    end(harness, &ending).await;
}

async fn extend_one(harness: &dyn Harness, target: &Target, order: &ExtendOrder) -> Result<Issued, CallError> {
    let answers = harness.connector().extend(target, &[over_the_wire(order)]).await;
    assert_eq!(answers.len(), 1, "one answer for each order");
    over_the_wire(&answers[0])
}

async fn what_lets_in_is_extended_and_nothing_else(harness: &dyn Harness) {
    let order = order(harness);
    let issued = issue_one(harness, &order).await;
    let longer = ExtendOrder {
        lease: order.lease,
        locator: issued.locator.clone(),
        actions: order.actions.clone(),
        connection: issued.connection.clone(),
        expires_at: order.expires_at.plus(Seconds::new(1_800)),
        now: harness.now(),
        label: order.label.clone(),
    };
    let target = harness.target();
    let older = Target { epoch: target.epoch - 1, ..target.clone() };
    let answer = extend_one(harness, &older, &longer).await;
    assert!(matches!(answer, Err(CallError::StaleEpoch { .. })), "{answer:?}");
    let over = ExtendOrder { expires_at: longer.now, ..longer.clone() };
    let answer = extend_one(harness, &target, &over).await;
    assert!(matches!(answer, Err(CallError::Invalid(_))), "{answer:?}");
    let nobodys = ExtendOrder { lease: harness.lease(), ..longer.clone() };
    extend_one(harness, &target, &nobodys).await.expect_err("what is not there is not extended");
    let extended = extend_one(harness, &target, &longer).await.expect("extended");
    assert_eq!(extended.locator, issued.locator, "it is the same access");
    extend_one(harness, &target, &longer).await.expect("twice is once");
    assert_ne!(lets_in(harness, &order, &extended).await, Some(false), "what was extended works");
    if let Some(expiry) = harness.expiry(&handle(order.lease), &extended).await {
        let off = expiry.as_millis().abs_diff(longer.expires_at.as_millis());
        assert!(off <= EXPIRY_JITTER_MILLIS, "the later end stands: {expiry} for {}", longer.expires_at);
    }
    let marked: Vec<_> = found(harness, order.lease).await.into_iter().filter_map(|f| f.marker).collect();
    let ends: Vec<_> = marked.iter().map(|marker| marker.expires_at).collect();
    assert_eq!(ends, [longer.expires_at], "its marker says so");
    let ended = RevokeOrder { expires_at: longer.expires_at, ..ending(harness, &order, Some(&issued)) };
    end(harness, &ended).await;
    for each in [&issued, &extended] {
        assert_ne!(lets_in(harness, &order, each).await, Some(true), "what was ended works no more");
    }
    extend_one(harness, &target, &longer).await.expect_err("what was ended is not extended");
    assert_ne!(lets_in(harness, &order, &extended).await, Some(true), "and nobody gets in by asking");
}

async fn answers_keep_their_order(harness: &dyn Harness) {
    let mut orders: Vec<_> = (0..4).map(|_| order(harness)).collect();
    orders[1].public_half.value = "hunter2".to_owned();
    orders[2].public_half.kind = "something_else".to_owned();
    let answers = issue(harness, &harness.target(), &orders).await;
    assert!(matches!(&answers[1], Err(CallError::Invalid(m)) if !m.contains("hunter2")), "{:?}", answers[1]);
    assert!(matches!(&answers[2], Err(CallError::Invalid(_))), "{:?}", answers[2]);
    let (first, last) = (answers[0].as_ref().expect("issued"), answers[3].as_ref().expect("issued"));
    assert_ne!(first.locator, last.locator);
    assert_ne!(lets_in(harness, &orders[0], first).await, Some(false));
    assert_ne!(lets_in(harness, &orders[3], last).await, Some(false));
    let endings = [
        ending(harness, &orders[0], Some(first)),
        ending(harness, &orders[1], None),
        ending(harness, &orders[3], Some(last)),
    ];
    for (answer, order) in revoke(harness, &harness.target(), &endings).await.iter().zip(&endings) {
        assert!(matches!(answer, Ok(Revocation::Revoked { .. })), "{}: {answer:?}", order.lease);
    }
}

async fn nonsense_is_refused(harness: &dyn Harness) {
    let unknown = ActionName::new("no.such.action").expect("a name");
    let past = order(harness);
    let orders = [
        IssueOrder { actions: vec![unknown], ..order(harness) },
        IssueOrder { actions: Vec::new(), ..order(harness) },
        IssueOrder { expires_at: past.now, ..past },
    ];
    for (answer, order) in issue(harness, &harness.target(), &orders).await.iter().zip(&orders) {
        assert!(matches!(answer, Err(CallError::Invalid(_))), "{answer:?}");
        assert_eq!(found(harness, order.lease).await, [], "nothing was made");
    }
}

async fn ending_what_is_not_there(harness: &dyn Harness) {
    let order = order(harness);
    end(harness, &ending(harness, &order, None)).await;
}

async fn removed_by_hand(harness: &dyn Harness) {
    let order = order(harness);
    let issued = issue_one(harness, &order).await;
    if harness.meddle(Meddling::RemoveByHand(&handle(order.lease))).await == Meddled::NotApplicable {
        return end(harness, &ending(harness, &order, Some(&issued))).await;
    }
    end(harness, &ending(harness, &order, Some(&issued))).await;
}

async fn reply_lost(harness: &dyn Harness) {
    let order = order(harness);
    // Where a reply cannot be lost on order, losing it is not looking at it.
    let meddled = harness.meddle(Meddling::LoseNextReply).await;
    let answer = issue(harness, &harness.target(), std::slice::from_ref(&order)).await.remove(0);
    if meddled == Meddled::Done {
        assert!(matches!(answer, Err(CallError::Lost { .. } | CallError::Unreachable { .. })), "{answer:?}");
    }
    let again = issue_one(harness, &order).await;
    assert_ne!(lets_in(harness, &order, &again).await, Some(false), "asking again reads it back");
    end(harness, &ending(harness, &order, None)).await;
    assert_ne!(lets_in(harness, &order, &again).await, Some(true), "what nobody has heard of is removed");
}

async fn anothers_is_untouched(harness: &dyn Harness) {
    let order = order(harness);
    let issued = issue_one(harness, &order).await;
    let name = handle(order.lease);
    let ending = ending(harness, &order, Some(&issued));
    if harness.meddle(Meddling::MarkAsAnothers(&name)).await == Meddled::NotApplicable {
        return end(harness, &ending).await;
    }
    let answer = revoke_one(harness, &ending).await;
    assert!(matches!(answer, Err(CallError::NotOurs { .. })), "{answer:?}");
    assert_ne!(lets_in(harness, &order, &issued).await, Some(false), "another's is not touched");
    harness.meddle(Meddling::RemoveByHand(&name)).await;
}

async fn unmarked_is_ended(harness: &dyn Harness) {
    let order = order(harness);
    let issued = issue_one(harness, &order).await;
    harness.meddle(Meddling::RemoveMarker(&handle(order.lease))).await;
    end(harness, &ending(harness, &order, Some(&issued))).await;
    assert_ne!(lets_in(harness, &order, &issued).await, Some(true), "the oid and the name are known");
}

async fn unknown_is_locked(harness: &dyn Harness) {
    let order = order(harness);
    let issued = issue_one(harness, &order).await;
    for found in found(harness, order.lease).await {
        harness.connector().lock(&harness.target(), &over_the_wire(&found)).await.expect("locked");
        assert_ne!(lets_in(harness, &order, &issued).await, Some(true), "what is locked lets nobody in");
    }
    end(harness, &ending(harness, &order, Some(&issued))).await;
}

async fn stale_epoch_is_refused(harness: &dyn Harness) {
    let order = order(harness);
    let issued = issue_one(harness, &order).await;
    let ending = ending(harness, &order, Some(&issued));
    let older = Target { epoch: harness.target().epoch - 1, ..harness.target() };
    let late = IssueOrder { lease: harness.lease(), ..order.clone() };
    let answer = issue(harness, &older, std::slice::from_ref(&late)).await.remove(0);
    assert!(matches!(answer, Err(CallError::StaleEpoch { .. })), "{answer:?}");
    let answer = revoke(harness, &older, std::slice::from_ref(&ending)).await.remove(0);
    assert!(matches!(answer, Err(CallError::StaleEpoch { .. })), "{answer:?}");
    let answer = harness.connector().prepare(&older).await;
    assert!(matches!(answer, Err(CallError::StaleEpoch { .. })), "{answer:?}");
    assert_ne!(lets_in(harness, &order, &issued).await, Some(false), "an older server changes nothing");
    assert_eq!(found(harness, late.lease).await, []);
    end(harness, &ending).await;
}

/// Whoever makes access tells the target how far the ledger had come, and an older copy of the ledger is told from it.
/// A target of several parts may say so only when they ask.
async fn the_ledger_is_remembered(harness: &dyn Harness) {
    let at = |seq: u64| LedgerMark { seq, leaf_hash: hex::encode([seq as u8; 32]) };
    let target = |seq| Target { mark: at(seq), ..harness.target() };
    let order = order(harness);
    let orders = std::slice::from_ref(&order);
    let issued = harness.connector().issue(&target(40), orders).await.remove(0).expect("issued");
    let told = harness.connector().told(&target(41)).await.expect("told");
    assert!(told.marks.iter().all(|mark| *mark == at(40)), "{told:?}");
    harness.connector().tell(&target(42)).await.expect("tell");
    harness.connector().tell(&target(41)).await.expect("a late word changes nothing");
    let told = harness.connector().told(&target(42)).await.expect("told");
    assert!(told.marks.iter().all(|mark| *mark == at(42)), "{told:?}");
    end(harness, &ending(harness, &order, Some(&issued))).await;
    harness.connector().begin_again(&target(7)).await.expect("begun again");
    let told = harness.connector().told(&target(7)).await.expect("told");
    assert!(told.marks.iter().all(|mark| *mark == at(7)), "{told:?}");
    let older = Target { epoch: harness.target().epoch - 1, ..target(50) };
    let answers = [harness.connector().tell(&older).await, harness.connector().begin_again(&older).await];
    assert!(answers.iter().all(|a| matches!(a, Err(CallError::StaleEpoch { .. }))), "{answers:?}");
    let order = self::order(harness);
    let issued = issue_one(harness, &order).await;
    end(harness, &ending(harness, &order, Some(&issued))).await;
}
