//! Nouns to write into a ledger.

use curfew_domain::approval::{Approval, Verdict};
use curfew_domain::lease::{Definition, Evidence};
use curfew_domain::request::Origin;
use curfew_domain::{
    ActionName, Decision, EndCause, Grant, Id, Lease, LeaseState, Outcome, Pair, Request, RequestState, ResourceName,
    RoleName, Run, RunKey, RunState, Scope, Seconds, Stage, Subject, SubjectId, SubjectKind, Timestamp, Transition,
    Version, WorkloadToken,
};
use curfew_engine::seams::store::{Beat, Change, Notice, SealedKey, Session, TokenUse};
use std::collections::BTreeMap;

/// So many seconds after the beginning of the tests' time.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_764_000_000_000 + seconds as i64 * 1_000)
}

/// The nth id of a noun; a greater n is a later id.
pub(crate) fn id<T>(n: u64) -> Id<T> {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    Id::new(at(n), random)
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject {
        kind: SubjectKind::Person,
        id: SubjectId::new("https://idp.example", name).expect("an id"),
        email: Some(format!("{name}@example.com").parse().expect("an address")),
        name: Some(name.to_owned()),
    }
}

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::new(name).expect("a role")
}

pub(crate) fn resource(name: &str) -> ResourceName {
    ResourceName::new(name).expect("a resource")
}

pub(crate) fn action(name: &str) -> ActionName {
    ActionName::new(name).expect("an action")
}

fn decision(role: &RoleName) -> Decision {
    let stage = Stage { name: "owners".to_owned(), require: 1, approvers: vec!["eve@example.com".to_owned()] };
    Decision {
        outcome: Outcome::NeedsApproval,
        role: role.clone(),
        policy_version: "f".repeat(64),
        satisfied: Vec::new(),
        unsatisfied: Vec::new(),
        failed: Vec::new(),
        stages: vec![stage],
        approvers: vec!["eve@example.com".to_owned()],
        max_until: None,
        residual_exposure: vec!["none".to_owned()],
    }
}

/// What the nth request asks for.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) who: &'a str,
    pub(crate) role: &'a str,
    pub(crate) resources: &'a [&'a str],
}

pub(crate) const ASK: Ask<'static> = Ask { who: "ann", role: "db-reader", resources: &["services/db"] };

/// The nth request, asked at second n, lapsing a hundred seconds later.
pub(crate) fn asked(n: u64, ask: Ask<'_>) -> Transition<Request> {
    let pairs = ask.resources.iter().map(|r| Pair { resource: resource(r), action: action("read") });
    Request::created(Request {
        id: id(n),
        version: Version::NONE,
        subject: subject(ask.who),
        groups: [curfew_domain::GroupName::new("dba").expect("a group")].into(),
        role: role(ask.role),
        scope: Scope::new(pairs).expect("a scope"),
        duration: Seconds::new(600),
        reason: "orders are stuck — \u{202e}look\0".to_owned(),
        ticket: "OPS-1".to_owned(),
        decision: decision(&role(ask.role)),
        meaning: "m".repeat(64),
        origin: Origin::Asked,
        extends: None,
        lives_with: None,
        created_at: at(n),
        lapses_at: at(n + 100),
        inputs: curfew_domain::Inputs::new(),
        course: curfew_domain::Course::default(),
        claim_within: Seconds::new(1_000),
        approvals: Vec::new(),
        state: RequestState::Pending,
    })
}

pub(crate) fn verdict(request: &Request, who: &str, verdict: Verdict) -> Approval {
    Approval {
        approver: subject(who),
        groups: Default::default(),
        verdict,
        at: request.created_at,
        reason: "because".to_owned(),
        stage: "owners".to_owned(),
        narrowed: None,
        artefact: None,
        digest: request.digest(),
    }
}

pub(crate) fn approved(request: &Request) -> Transition<Request> {
    request.clone().approve(verdict(request, "eve", Verdict::Approve)).expect("it counts")
}

pub(crate) fn denied(request: &Request) -> Transition<Request> {
    request.clone().deny(verdict(request, "mallory", Verdict::Deny)).expect("it counts")
}

/// The grant of the same number as the request, to be claimed within a thousand seconds after `now`.
pub(crate) fn granted(n: u64, request: &Request, now: Timestamp) -> Transition<Grant> {
    Grant::approved(id(n), request, request.scope.clone(), request.duration, now)
}

pub(crate) fn wanted(n: u64, grant: &Grant, now: Timestamp) -> Transition<Lease> {
    let first = grant.scope.pairs().next().expect("a scope is not empty");
    let lease = Lease {
        id: id(n),
        version: Version::NONE,
        grant_id: grant.id,
        subject: grant.subject.clone(),
        resource: first.resource.clone(),
        connector: "postgres".to_owned(),
        actions: vec![first.action.clone()],
        definition: Definition {
            admin: Some("env:ADMIN".to_owned()),
            settings: serde_json::json!({"port": 5432, "databases": ["orders"]}),
        },
        expires_at: now.plus(grant.duration),
        extends_to: None,
        public_half: "a".repeat(64),
        residual_exposure: vec!["none".to_owned()],
        state: LeaseState::Wanted,
    };
    Lease::wanted(lease, &grant.subject, now)
}

pub(crate) fn connection() -> BTreeMap<String, String> {
    BTreeMap::from([("host".to_owned(), "127.0.0.1".to_owned()), ("user".to_owned(), "cf_x".to_owned())])
}

pub(crate) fn read_at(now: Timestamp) -> Evidence {
    Evidence::Read { at: now }
}

pub(crate) fn ending(grant: &Grant, now: Timestamp) -> Transition<Grant> {
    grant.clone().ending(EndCause::Revoked, &subject("eve"), "enough", now).expect("it can end")
}

pub(crate) fn request_step(step: Transition<Request>) -> Change {
    Change::Request(Box::new(step))
}

pub(crate) fn grant_step(step: Transition<Grant>) -> Change {
    Change::Grant(Box::new(step))
}

pub(crate) fn lease_step(step: Transition<Lease>) -> Change {
    Change::Lease(Box::new(step))
}

/// The nth thing that happened, with no state of its own.
pub(crate) fn happened(n: u64) -> Change {
    use curfew_domain::audit::{AuditAction, AuditEvent};
    let event = AuditEvent::new(at(n), subject("ann"), AuditAction::SignInRefused).because("no").with("n", n as i64);
    Change::Event(Box::new(event))
}

pub(crate) fn notice(name: &str, created: u64) -> Notice {
    Notice {
        id: name.to_owned(),
        channel: "email".to_owned(),
        to: "eve@example.com".to_owned(),
        about: "requested".to_owned(),
        data: serde_json::json!({"request_id": "req_x", "flag": true, "part": 0.5}),
        created_at: at(created),
        next_at: at(created),
        attempts: 0,
    }
}

pub(crate) fn session(name: &str, created: u64) -> Session {
    Session {
        workload: None,
        token_hash: name.to_owned(),
        subject: subject("ann"),
        groups: [curfew_domain::GroupName::new("dba").expect("a group")].into(),
        created_at: at(created),
        expires_at: at(created + 3_600),
    }
}

pub(crate) fn token_used(token: &str, key: &str, until: u64) -> Change {
    let key_thumbprint = key.to_owned();
    Change::TokenUsed(TokenUse { token_id: token.to_owned(), key_thumbprint, until: at(until) })
}

pub(crate) fn key(name: &str, number: u32) -> SealedKey {
    SealedKey {
        name: name.to_owned(),
        number,
        public: "b".repeat(64),
        sealed: format!("sealed {number}"),
        created_at: at(u64::from(number)),
    }
}

pub(crate) fn fact(name: &str, value: Option<&str>) -> Change {
    Change::Fact { name: name.to_owned(), value: value.map(str::to_owned) }
}

/// A run that begins at second n.
pub(crate) fn begun(n: u64, number: &str) -> Transition<Run> {
    let key = RunKey { issuer: "ci".to_owned(), provider: "github".to_owned(), number: number.to_owned() };
    let claims = BTreeMap::from([("sha".to_owned(), vec!["abc".to_owned()])]);
    let workload = Subject { kind: SubjectKind::Workload, email: None, ..subject("repo") };
    Run::begun(Run {
        id: id(n),
        version: Version::NONE,
        subject: workload,
        token: WorkloadToken { run: key, claims },
        began_at: at(n),
        fired: Vec::new(),
        state: RunState::Live,
    })
}

/// The nth client of a run, silent at a second.
pub(crate) fn beat(run: &Run, n: u64, until: u64) -> Beat {
    Beat {
        run: run.id,
        beat: format!("{n:032x}").try_into().expect("a beat's id"),
        owner: format!("key {n}"),
        token: run.token.clone(),
        until: at(until),
    }
}
