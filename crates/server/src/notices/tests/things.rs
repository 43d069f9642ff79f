//! Requests, grants, notices and clocks for tests.

use crate::notices::told::{self, Told, Worth};
use curfew_domain::approval::{Approval, Verdict};
use curfew_domain::request::Origin;
use curfew_domain::{
    ActionName, Decision, Grant, Id, Outcome, Pair, Request, RequestState, ResourceName, RoleName, Scope, Seconds,
    Stage, Subject, SubjectId, SubjectKind, Timestamp, Version,
};
use curfew_engine::SteadyClock;
use curfew_engine::seams::store::{Change, Notice};
use curfew_engine::seams::{BoxFuture, Clock, Entropy, Store};
use curfew_store::MemoryStore;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// The time at which tests begin.
pub(super) const BEGIN: Timestamp = Timestamp::from_millis(1_772_445_600_000);

/// A wall clock that a test turns, beside real waiting.
#[derive(Default)]
pub(super) struct Hands(AtomicI64);

impl Hands {
    pub(super) fn turn(&self, length: Duration) {
        self.0.fetch_add(length.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(BEGIN.as_millis() + self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}

pub(super) fn steady(hands: &Arc<Hands>) -> Arc<SteadyClock> {
    Arc::new(SteadyClock::new(hands.clone()))
}

/// Bytes that differ each time.
#[derive(Default)]
pub(super) struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        buffer.iter_mut().zip(n.to_le_bytes().into_iter().cycle()).for_each(|(b, n)| *b = n);
    }
}

pub(super) fn person(email: &str) -> Subject {
    Subject {
        kind: SubjectKind::Person,
        id: SubjectId::new("development", email).expect("an id"),
        email: Some(email.parse().expect("an address")),
        name: None,
    }
}

pub(super) fn request(reason: &str) -> Request {
    let role = RoleName::new("db-debug").expect("a role");
    let pair = |action: &str| Pair {
        resource: ResourceName::new("services/db").expect("a resource"),
        action: ActionName::new(action).expect("an action"),
    };
    Request {
        id: Id::new(BEGIN, [7; 10]),
        version: Version::NONE,
        subject: person("ann@example.com"),
        groups: Default::default(),
        role: role.clone(),
        scope: Scope::new([pair("read"), pair("write")]).expect("a scope"),
        duration: Seconds::new(1_800),
        reason: reason.to_owned(),
        ticket: "OPS-17".to_owned(),
        decision: Decision {
            outcome: Outcome::NeedsApproval,
            role,
            policy_version: "00".repeat(32),
            satisfied: Vec::new(),
            unsatisfied: Vec::new(),
            failed: Vec::new(),
            stages: vec![Stage {
                name: "approval".to_owned(),
                require: 1,
                approvers: vec!["bob@example.com".to_owned()],
            }],
            approvers: vec!["bob@example.com".to_owned()],
            max_until: None,
            residual_exposure: vec!["A query that runs may end a moment later.".to_owned()],
        },
        meaning: "11".repeat(32),
        origin: Origin::Asked,
        extends: None,
        lives_with: None,
        created_at: BEGIN,
        lapses_at: BEGIN.plus(Seconds::new(86_400)),
        inputs: curfew_domain::Inputs::new(),
        course: curfew_domain::Course::default(),
        claim_within: Seconds::new(3_600),
        approvals: Vec::new(),
        state: RequestState::Pending,
    }
}

/// A request as it is after somebody said no.
pub(super) fn denied(reason: &str) -> Request {
    let request = request("orders are stuck");
    let denial = Approval {
        approver: person("bob@example.com"),
        verdict: Verdict::Deny,
        at: BEGIN,
        reason: reason.to_owned(),
        stage: "approval".to_owned(),
        narrowed: None,
        artefact: None,
        digest: request.digest(),
        groups: Default::default(),
    };
    request.deny(denial).expect("a denial").next
}

/// A grant that is active for half an hour.
pub(super) fn active() -> Grant {
    let request = request("orders are stuck");
    let (scope, duration) = (request.scope.clone(), request.duration);
    let grant = Grant::approved(Id::new(BEGIN, [9; 10]), &request, scope, duration, BEGIN).next;
    let until = BEGIN.plus(duration);
    let grant = grant.activating(Vec::new(), until, BEGIN).expect("claimed").next;
    grant.activated(BEGIN).expect("active").next
}

pub(super) fn notice(number: u32, way: (&str, &str), about: &str, data: Value) -> Notice {
    Notice {
        id: format!("ntc_{number:032x}"),
        channel: way.0.to_owned(),
        to: way.1.to_owned(),
        about: about.to_owned(),
        data,
        created_at: BEGIN,
        next_at: BEGIN,
        attempts: 0,
    }
}

/// A notice of a request, to an address.
pub(super) fn mail_of(number: u32, to: &str, request: &Request) -> Notice {
    notice(number, ("email", to), "requested", json!({ "request": request }))
}

pub(super) async fn put(store: &MemoryStore, notices: Vec<Notice>) {
    store.commit(notices.into_iter().map(Change::Notice).collect()).await.expect("written");
}

/// What the outbox still holds, due or not.
pub(super) async fn left(store: &MemoryStore) -> Vec<Notice> {
    let end = Timestamp::from_millis(i64::MAX);
    store.notices(end, usize::MAX).await.expect("read")
}

/// The facts of a notice, which are worth telling.
pub(super) async fn told(notice: &Notice) -> Told {
    told_by(&MemoryStore::new(), notice).await
}

/// The same, with what a ledger knows by now.
pub(super) async fn told_by(store: &MemoryStore, notice: &Notice) -> Told {
    match told::read(notice, store, BEGIN).await {
        Ok(Worth::Telling(told)) => *told,
        other => panic!("nothing to tell: {other:?}"),
    }
}

/// Waits until something holds, for ten seconds at most.
pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("in ten seconds it never came to this: {what}");
}
