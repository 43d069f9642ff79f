//! Every step of every noun: what it allows, what it refuses, and that what is written reads back the same.

use curfew_domain::approval::{Approval, Narrowed, Verdict};
use curfew_domain::audit::{AuditAction, Detail};
use curfew_domain::course::{ApproverReason, Counted, OnTimeout};
use curfew_domain::lease::{Definition, Evidence, WrongLeaseState};
use curfew_domain::request::{Extends, Origin, VerdictError};
use curfew_domain::{
    Course, Decision, EndCause, Grant, GrantState, Id, InputValue, Lease, LeaseState, Opening, Outcome, Pair, Request,
    RequestState, Scope, Seconds, Stage, StageCourse, Subject, SubjectId, SubjectKind, Timestamp, Transition, Version,
};
use std::collections::{BTreeMap, BTreeSet};

const NOW: Timestamp = Timestamp::from_millis(1_772_442_000_000);

fn id<T>(n: u8) -> Id<T> {
    Id::new(NOW, [n; 10])
}

fn person(name: &str) -> Subject {
    let email = format!("{name}@example.com");
    let id = SubjectId::new("test", &email).expect("an id");
    Subject { kind: SubjectKind::Person, id, email: Some(email.parse().expect("an address")), name: None }
}

fn scope(actions: &[&str]) -> Scope {
    let resource: curfew_domain::ResourceName = "services/db".parse().expect("a name");
    let pair = |a: &&str| Pair { resource: resource.clone(), action: a.parse().expect("an action") };
    Scope::new(actions.iter().map(pair)).expect("a scope")
}

fn pending(require: u32) -> Request {
    let stages = vec![Stage { name: "approval".into(), require, approvers: vec!["ann@example.com".into()] }];
    let decision = Decision {
        outcome: Outcome::NeedsApproval,
        role: "debug".parse().expect("a role"),
        policy_version: "v1".into(),
        satisfied: vec![],
        unsatisfied: vec![],
        failed: vec![],
        stages,
        approvers: vec!["ann@example.com".into()],
        max_until: Some(NOW.plus(Seconds::new(7_200))),
        residual_exposure: vec![],
    };
    let request = Request {
        id: id(1),
        version: Version::NONE,
        subject: person("dev"),
        groups: BTreeSet::new(),
        role: "debug".parse().expect("a role"),
        scope: scope(&["read", "write"]),
        duration: Seconds::new(7_200),
        reason: "stuck".into(),
        ticket: String::new(),
        decision,
        meaning: "m1".into(),
        origin: Origin::Asked,
        extends: None,
        lives_with: None,
        created_at: NOW,
        lapses_at: NOW.plus(Seconds::new(86_400)),
        inputs: curfew_domain::Inputs::new(),
        course: curfew_domain::Course::default(),
        claim_within: Seconds::new(3_600),
        approvals: vec![],
        state: RequestState::Pending,
    };
    Request::created(request).next
}

fn yes(request: &Request, who: &str, narrowed: Option<Narrowed>) -> Approval {
    Approval {
        approver: person(who),
        verdict: Verdict::Approve,
        at: NOW,
        reason: String::new(),
        stage: "approval".into(),
        narrowed,
        artefact: None,
        digest: request.digest(),
        groups: BTreeSet::new(),
    }
}

fn approved() -> Request {
    let request = pending(1);
    let yes = yes(&request, "ann", None);
    let request = request.approve(yes).expect("counts").next;
    request.settle(id(2), NOW).expect("pending").expect("complete").next
}

fn grant() -> Grant {
    let request = approved();
    Grant::approved(id(2), &request, request.scope.clone(), request.duration, NOW).next
}

fn lease() -> Lease {
    let lease = Lease {
        id: id(3),
        version: Version::NONE,
        grant_id: id(2),
        subject: person("dev"),
        resource: "services/db".parse().expect("a name"),
        connector: "postgres".into(),
        actions: vec!["read".parse().expect("an action")],
        definition: Definition { admin: None, settings: serde_json::json!({"schemas": ["public"]}) },
        expires_at: NOW.plus(Seconds::new(60)),
        extends_to: None,
        public_half: "00".into(),
        residual_exposure: vec![],
        state: LeaseState::Wanted,
    };
    Lease::wanted(lease, &person("dev"), NOW).next
}

fn live() -> Lease {
    let issuing = lease().issuing(7, &person("dev"), NOW).expect("wanted").next;
    issuing.issued("16385".into(), BTreeMap::from([("host".into(), "db".into())]), NOW).expect("issuing").next
}

/// What a transition writes into its event reads back as the state it leads to.
fn reads_back<T>(step: &Transition<T>)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let after: serde_json::Value = step.event.details.get("after").cloned().map(Detail::into).expect("an after-image");
    assert_eq!(serde_json::from_value::<T>(after).expect("reads back"), step.next);
    let text = serde_json::to_string(&step.next).expect("writes");
    assert_eq!(serde_json::from_str::<T>(&text).expect("reads back"), step.next);
}

#[test]
fn every_state_reads_back() {
    let request = pending(1);
    let narrowed =
        Some(Narrowed { duration_seconds: Some(Seconds::new(60)), actions: Some(scope(&["read"]).actions()) });
    let approval = yes(&request, "ann", narrowed);
    let step = request.clone().approve(approval).expect("counts");
    reads_back(&step);
    reads_back(&step.next.settle(id(2), NOW).expect("pending").expect("complete"));
    reads_back(
        &request.clone().deny(Approval { verdict: Verdict::Deny, ..yes(&request, "ann", None) }).expect("counts"),
    );
    reads_back(&request.clone().withdraw(&person("dev"), NOW).expect("pending"));
    reads_back(&request.lapse(NOW).expect("pending"));

    let step = grant().activating(vec![id(3)], NOW.plus(Seconds::new(60)), NOW).expect("approved");
    reads_back(&step);
    reads_back(&step.next.clone().activation_failed("down", NOW).expect("activating"));
    let active = step.next.activated(NOW).expect("activating");
    reads_back(&active);
    let ending = active.next.ending(EndCause::Expired, &Subject::system(), "over", NOW).expect("active");
    reads_back(&ending);
    let revoking = live().revoking(&Subject::system(), "over", NOW).expect("live");
    reads_back(&revoking);
    let locked = revoking.next.clone().locked_out(Evidence::Read { at: NOW }, "a table", NOW).expect("revoking");
    reads_back(&locked);
    let unread = Evidence::Unread { at: NOW, because: "no host".into() };
    reads_back(&revoking.next.clone().revoked(unread.clone(), vec![], NOW).expect("revoking"));
    let revoked = locked.next.revoked(unread, vec![], NOW.plus(Seconds::new(9))).expect("locked out");
    reads_back(&revoked);
    assert_eq!(revoked.next.evidence(), Some(&Evidence::Read { at: NOW }), "access ended when it was locked out");
    reads_back(&ending.next.ended(&[revoked.next], NOW).expect("all gone"));
}

#[test]
fn a_transition_counts_up_and_carries_its_event() {
    let step = pending(1).lapse(NOW).expect("pending");
    assert_eq!((step.from, step.next.version), (Version::new(1), Version::new(2)));
    assert_eq!(step.event.action, AuditAction::RequestLapsed);
    assert_eq!(step.event.request_id, Some(step.next.id));
}

#[test]
fn nobody_decides_their_own() {
    let request = pending(1);
    let mut own = yes(&request, "dev", None);
    assert_eq!(request.clone().approve(own.clone()).err(), Some(VerdictError::OwnRequest));
    own.approver.id = SubjectId::new("another issuer", "7").expect("an id");
    assert_eq!(
        request.clone().approve(own).err(),
        Some(VerdictError::OwnRequest),
        "the same e-mail is the same person"
    );
    let mut robot = yes(&request, "ann", None);
    robot.approver.kind = SubjectKind::Workload;
    assert_eq!(request.approve(robot).err(), Some(VerdictError::NotAPerson));
}

#[test]
fn a_person_counts_once_and_for_what_they_saw() {
    let request = pending(2);
    let first = request.clone().approve(yes(&request, "ann", None)).expect("counts").next;
    assert_eq!(first.clone().approve(yes(&first, "ann", None)).err(), Some(VerdictError::AlreadyCounted));
    assert!(first.clone().settle(id(2), NOW).expect("pending").is_none(), "one of two is not enough");
    let other = Approval { digest: "0".repeat(64), ..yes(&first, "bob", None) };
    assert_eq!(first.clone().approve(other).err(), Some(VerdictError::OtherDigest));
    let both = first.clone().approve(yes(&first, "bob", None)).expect("counts").next;
    assert!(both.settle(id(2), NOW).expect("pending").is_some());
}

#[test]
fn the_digest_covers_everything_that_is_asked() {
    let request = pending(1);
    let mut changed: Vec<Request> = vec![request.clone(); 8];
    changed[0].reason.push('!');
    changed[1].ticket.push('1');
    changed[2].meaning.push('2');
    changed[3].duration = Seconds::new(7_201);
    changed[4].scope = scope(&["read"]);
    changed[5].subject = person("eve");
    changed[6].decision.policy_version = "v2".into();
    changed[7].id = id(9);
    let digests: BTreeSet<String> = changed.iter().map(Request::digest).chain([request.digest()]).collect();
    assert_eq!(digests.len(), 9);
    let approved = request.clone().approve(yes(&request, "ann", None)).expect("counts").next;
    assert_eq!(approved.digest(), request.digest(), "an approval is no edit");
}

#[test]
fn approvers_narrow_and_never_widen() {
    let request = pending(2);
    let refused = |duration, actions: Option<&[&str]>| {
        let actions = actions.map(|a| a.iter().map(|a| a.parse().expect("an action")).collect());
        let narrowed = Narrowed { duration_seconds: duration, actions };
        request.clone().approve(yes(&request, "ann", Some(narrowed))).is_err()
    };
    assert!(refused(Some(Seconds::new(7_201)), None));
    assert!(refused(Some(Seconds::new(0)), None));
    assert!(refused(None, Some(&["ddl"])));
    assert!(refused(None, Some(&[])));
    let narrowed = |seconds, actions: &[&str]| {
        let actions = Some(actions.iter().map(|a| a.parse().expect("an action")).collect());
        Some(Narrowed { duration_seconds: Some(Seconds::new(seconds)), actions })
    };
    let first = request.clone().approve(yes(&request, "ann", narrowed(600, &["read"]))).expect("narrows").next;
    let nothing = yes(&first, "bob", narrowed(900, &["write"]));
    assert!(first.clone().approve(nothing).is_err(), "the caps of two approvers intersect in nothing");
    let both = first.clone().approve(yes(&first, "bob", narrowed(900, &["read", "write"]))).expect("narrows").next;
    assert_eq!(both.narrowed(), Ok((scope(&["read"]), Seconds::new(600))));
}

#[test]
fn final_requests_stay() {
    let done = [
        approved(),
        pending(1).withdraw(&person("dev"), NOW).expect("pending").next,
        pending(1).lapse(NOW).expect("pending").next,
    ];
    for request in done {
        assert!(request.clone().approve(yes(&request, "bob", None)).is_err());
        assert!(request.clone().deny(yes(&request, "bob", None)).is_err());
        assert!(request.clone().withdraw(&person("dev"), NOW).is_err());
        assert!(request.clone().lapse(NOW).is_err());
        assert!(request.settle(id(2), NOW).is_err());
    }
}

#[test]
fn a_grant_lasts_from_its_activation_and_no_longer() {
    let late = NOW.plus(Seconds::new(3_599));
    let step = grant().activating(vec![id(3)], Timestamp::from_millis(i64::MAX), late).expect("in time");
    assert_eq!(step.next.until(), Some(late.plus(Seconds::new(7_200))));
    let too_late = NOW.plus(Seconds::new(3_600));
    assert!(grant().activating(vec![id(3)], too_late, too_late).is_err(), "it was not claimed in time");
}

#[test]
fn a_grant_ends_only_when_every_lease_was_looked_at() {
    let active = grant().activating(vec![id(3)], NOW.plus(Seconds::new(60)), NOW).expect("approved").next;
    let active = active.activated(NOW).expect("activating").next;
    let ending = active.ending(EndCause::Returned, &person("dev"), "done", NOW).expect("active").next;
    assert!(ending.clone().ended(&[], NOW).is_err(), "its lease is missing");
    assert!(ending.clone().ended(&[live()], NOW).is_err(), "its lease is live");
    let revoking = live().revoking(&Subject::system(), "done", NOW).expect("live").next;
    assert!(ending.clone().ended(std::slice::from_ref(&revoking), NOW).is_err(), "nobody has looked");
    let unread = Evidence::Unread { at: NOW, because: "no host reports".into() };
    let blind = revoking.clone().revoked(unread, vec![], NOW).expect("revoking").next;
    let ended = ending.clone().ended(&[blind], NOW).expect("ended").next;
    assert!(
        matches!(ended.state, GrantState::Ended { evidence: Evidence::Unread { .. }, .. }),
        "it is not called verified"
    );
    assert!(ended.clone().ending(EndCause::Revoked, &person("ann"), "again", NOW).is_err());
}

#[test]
fn leases_go_one_way() {
    let wrong = |is, becomes| Some(WrongLeaseState { is, becomes });
    assert_eq!(lease().issued("1".into(), BTreeMap::new(), NOW).err(), wrong("wanted", "live"));
    assert_eq!(live().issuing(8, &person("dev"), NOW).err(), wrong("live", "issuing"));
    assert_eq!(live().locked_out(Evidence::Read { at: NOW }, "", NOW).err(), wrong("live", "locked_out"));
    assert_eq!(live().revoked(Evidence::Read { at: NOW }, vec![], NOW).err(), wrong("live", "revoked"));
    let interrupted = lease().issuing(7, &person("dev"), NOW).expect("wanted").next;
    let revoking = interrupted.revoking(&Subject::system(), "stopped", NOW).expect("issuing").next;
    assert_eq!(revoking.locator(), None);
    assert_eq!(revoking.clone().issued("1".into(), BTreeMap::new(), NOW).err(), wrong("revoking", "live"));
    let gone = revoking.revoked(Evidence::Read { at: NOW }, vec![], NOW).expect("revoking").next;
    assert_eq!(gone.clone().revoking(&Subject::system(), "", NOW).err(), wrong("revoked", "revoking"));
    assert_eq!(gone.revoked(Evidence::Read { at: NOW }, vec![], NOW).err(), wrong("revoked", "revoked"));
}

/// Two stages, `peer` with two persons and ten minutes, then `security`.
fn staged(course: Course, on_timeout: OnTimeout) -> Request {
    let stage = |name: &str, require| Stage { name: name.into(), require, approvers: vec![] };
    let goes = |name: &str, timeout: Option<u32>, on_timeout| StageCourse {
        name: name.into(),
        opening: Opening::Own,
        timeout: timeout.map(Seconds::new),
        on_timeout,
        opened_at: None,
    };
    let mut request = pending(1);
    let values = [InputValue::Text("true".into()), InputValue::Integer(-7), InputValue::Boolean(true)];
    request.inputs = ["a", "b", "c"].map(str::to_owned).into_iter().zip(values).collect();
    request.decision.stages = vec![stage("peer", 2), stage("security", 1)];
    request.course = Course {
        stages: vec![goes("peer", Some(600), on_timeout), goes("security", Some(60), OnTimeout::Reject)],
        ..course
    };
    Request::created(request).next
}

fn says_yes(request: Request, who: &str, stage: &str, second: u32) -> Result<Request, VerdictError> {
    let yes = Approval { stage: stage.into(), at: NOW.plus(Seconds::new(second)), ..yes(&request, who, None) };
    request.approve(yes).map(|step| step.next)
}

#[test]
fn stages_have_their_turns() {
    let request = staged(Course::default(), OnTimeout::Reject);
    let early = says_yes(request.clone(), "sam", "security", 1);
    assert_eq!(early.err(), Some(VerdictError::NotItsTurn("security".into())));
    let request = says_yes(request, "ann", "peer", 1).expect("counts");
    assert_eq!(says_yes(request.clone(), "ann", "peer", 2).err(), Some(VerdictError::AlreadyCounted));
    let request = says_yes(request, "bob", "peer", 100).expect("counts");
    let done = says_yes(request.clone(), "eve", "peer", 101);
    assert_eq!(done.err(), Some(VerdictError::NotItsTurn("peer".into())));
    assert_eq!(says_yes(request.clone(), "ann", "security", 101).err(), Some(VerdictError::AlreadyCounted));
    assert_eq!(request.due_at(), Some(NOW.plus(Seconds::new(160))), "its minute begins with its turn");
    assert_eq!(request.clone().settle(id(2), NOW).expect("pending"), None);
    let request = says_yes(request, "sam", "security", 101).expect("counts");
    assert!(request.settle(id(2), NOW).expect("pending").is_some());
}

#[test]
fn one_person_may_count_in_several_stages_where_the_role_says_so() {
    let request = staged(Course { counted: Counted::InEachStage, ..Course::default() }, OnTimeout::Reject);
    let request = says_yes(request, "ann", "peer", 1).expect("counts");
    assert_eq!(says_yes(request.clone(), "ann", "peer", 1).err(), Some(VerdictError::AlreadyCounted));
    let request = says_yes(request, "bob", "peer", 1).expect("counts");
    let request = says_yes(request, "ann", "security", 1).expect("counts");
    assert!(request.settle(id(2), NOW).expect("pending").is_some());
}

#[test]
fn a_stage_that_waited_its_time_denies_or_opens_to_others() {
    let (before, then) = (NOW.plus(Seconds::new(599)), NOW.plus(Seconds::new(600)));
    let request = staged(Course::default(), OnTimeout::Reject);
    assert_eq!(request.due_at(), Some(then));
    assert_eq!(request.clone().time_out(before).err(), Some(VerdictError::NotDue));
    let denied = request.time_out(then).expect("due");
    reads_back(&denied);
    assert_eq!((denied.next.state_word(), denied.event.action), ("denied", AuditAction::RequestDenied));

    let request = staged(Course::default(), OnTimeout::Escalate);
    let escalated = request.time_out(then).expect("due");
    reads_back(&escalated);
    assert_eq!((escalated.next.state_word(), escalated.event.action), ("pending", AuditAction::RequestEscalated));
    assert_eq!(escalated.next.course.stages[0].opening, Opening::Escalated);
    assert_eq!(escalated.next.due_at(), Some(escalated.next.lapses_at), "once");
    assert_eq!(escalated.next.time_out(then).err(), Some(VerdictError::NotDue));
}

#[test]
fn the_one_behind_a_run_never_counts_and_a_wanted_reason_has_to_be_given() {
    let behind = person("ann").email;
    let request =
        staged(Course { behind, approver_reason: ApproverReason::Required, ..Course::default() }, OnTimeout::Reject);
    assert_eq!(says_yes(request.clone(), "ann", "peer", 1).err(), Some(VerdictError::OwnRequest));
    assert_eq!(says_yes(request, "bob", "peer", 1).err(), Some(VerdictError::ReasonRequired));
}

/// A request for more time of an active grant, approved by ann with this cap.
fn more(grant: &Grant, cap: Option<u32>) -> Request {
    let until = grant.until().expect("active");
    let extends = Extends { grant: grant.id, until, earlier: grant.extensions, source_ip: None };
    let duration = Seconds::new(180);
    let request = Request { extends: Some(extends), duration, version: Version::NONE, ..pending(1) };
    let request = Request::created(request).next;
    let narrowed = cap.map(|cap| Narrowed { duration_seconds: Some(Seconds::new(cap)), actions: None });
    let yes = yes(&request, "ann", narrowed);
    let request = request.approve(yes).expect("counts").next;
    request.settle(grant.id, NOW).expect("pending").expect("complete").next
}

fn active() -> Grant {
    let step = grant().activating(vec![id(3)], NOW.plus(Seconds::new(60)), NOW).expect("approved");
    step.next.activated(NOW).expect("activating").next
}

#[test]
fn a_later_end_counts_when_every_lease_has_it() {
    let (before, after) = (NOW.plus(Seconds::new(60)), NOW.plus(Seconds::new(120)));
    let request = more(&active(), Some(120));
    let step = active().extending(&request, after, NOW).expect("active");
    reads_back(&step);
    let extending = step.next;
    assert_eq!((extending.until(), extending.extensions, extending.cap), (Some(before), 1, Some(Seconds::new(120))));
    assert!(extending.clone().extending(&request, NOW.plus(Seconds::new(180)), NOW).is_err(), "one at a time");
    let step = live().extending(after, &person("dev"), NOW).expect("live");
    reads_back(&step);
    let lease = step.next;
    assert_eq!((lease.expires_at, lease.latest_end()), (before, after));
    assert!(extending.clone().extended(std::slice::from_ref(&lease), NOW).is_err(), "its target was not read");
    assert!(extending.clone().extended(&[], NOW).is_err(), "nor any");
    let step = lease.clone().extended("16385".into(), BTreeMap::new(), NOW).expect("extending");
    reads_back(&step);
    let extended = extending.extended(std::slice::from_ref(&step.next), NOW).expect("everywhere");
    reads_back(&extended);
    assert_eq!((extended.next.until(), step.next.expires_at, step.next.extends_to), (Some(after), after, None));
    let ended = lease.revoking(&Subject::system(), "over", NOW).expect("live").next;
    assert_eq!(ended.latest_end(), after, "what may stand in the target is what a revocation list goes by");
    assert!(ended.extended("16385".into(), BTreeMap::new(), NOW).is_err(), "an end is never left");
}

#[test]
fn nothing_else_is_given_more_time() {
    let (after, late) = (NOW.plus(Seconds::new(120)), NOW.plus(Seconds::new(60)));
    let request = more(&active(), None);
    assert!(grant().extending(&request, after, NOW).is_err(), "its clock has not started");
    assert!(active().extending(&request, late, NOW).is_err(), "that is no more");
    assert!(active().extending(&request, after, late).is_err(), "its time is over");
    let ending = active().ending(EndCause::Returned, &person("dev"), "done", NOW).expect("active").next;
    assert!(ending.extending(&request, after, NOW).is_err());
    assert!(active().extended(&[], NOW).is_err(), "nobody ordered it");
    assert!(
        lease().extending(after, &person("dev"), NOW).is_err() && live().extending(late, &person("dev"), NOW).is_err()
    );
}

#[test]
fn an_approval_of_more_time_is_bound_to_the_grant_and_its_end() {
    let digest = |change: &dyn Fn(&mut Extends)| {
        let until = NOW.plus(Seconds::new(60));
        let mut extends = Extends { grant: id(2), until, earlier: 0, source_ip: None };
        change(&mut extends);
        Request { extends: Some(extends), ..pending(1) }.digest()
    };
    let one = digest(&|_| {});
    assert_ne!(one, pending(1).digest());
    assert_ne!(one, digest(&|e| e.grant = id(9)));
    assert_ne!(one, digest(&|e| e.until = NOW));
    assert_ne!(one, digest(&|e| e.earlier = 1));
}
