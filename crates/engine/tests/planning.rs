//! The plan, case by case. Whole histories are the simulator's.

use curfew_domain::lease::Definition;
use curfew_domain::{
    EndCause, Grant, GrantState, Id, Lease, LeaseState, Pair, ResourceName, Scope, Seconds, Subject, SubjectId,
    SubjectKind, Timestamp, Version,
};
use curfew_engine::plan::{Action, CLOCKS_DIFFER_MILLIS, INTERRUPTED, MISSING, OVER_THERE, Picture, UNWANTED, plan};
use curfew_engine::seams::connector::{Access, Found, Marker, Observation};
use std::collections::{BTreeMap, BTreeSet};

const NOW: Timestamp = Timestamp::from_millis(1_772_442_000_000);
const OURS: &str = "00112233aabbccdd";

struct Case {
    grants: Vec<Grant>,
    leases: Vec<Lease>,
    settled: BTreeSet<Id<Lease>>,
    known: BTreeSet<Id<Lease>>,
    busy: BTreeSet<Id<Lease>>,
    found: Vec<Found>,
    hour: Timestamp,
}

impl Case {
    /// One active grant with a live lease that its target shows.
    fn healthy() -> Self {
        let lease = lease(1, LeaseState::Live { since: NOW, locator: "16385".into(), connection: BTreeMap::new() });
        let active = GrantState::Active { activated_at: NOW, until: NOW.plus(Seconds::new(60)), extends_to: None };
        let found = vec![shown(&lease, "16385")];
        Self {
            grants: vec![grant(active, &[lease.id])],
            settled: BTreeSet::from([lease.id]),
            known: BTreeSet::from([lease.id]),
            busy: BTreeSet::new(),
            leases: vec![lease],
            found,
            hour: NOW,
        }
    }

    fn plan(&self) -> Vec<Action> {
        self.plan_at(NOW, 20)
    }

    fn plan_at(&self, now: Timestamp, limit: usize) -> Vec<Action> {
        let observation = Observation { found: self.found.clone(), drift: vec![], clock_offset_millis: 0, epoch: 1 };
        let observed = BTreeMap::from([(resource(), observation)]);
        let picture = Picture {
            installation: OURS,
            grants: &self.grants,
            leases: &self.leases,
            settled: &self.settled,
            known: &self.known,
            busy: &self.busy,
            hours: &BTreeMap::from([(resource(), self.hour)]),
        };
        plan(&picture, &observed, limit, now)
    }
}

fn resource() -> ResourceName {
    "services/db".parse().expect("a name")
}

fn subject() -> Subject {
    let id = SubjectId::new("test", "dev").expect("an id");
    Subject { kind: SubjectKind::Person, id, email: None, name: None }
}

fn lease(n: u8, state: LeaseState) -> Lease {
    Lease {
        id: Id::new(NOW, [n; 10]),
        version: Version::new(3),
        grant_id: Id::new(NOW, [200; 10]),
        subject: subject(),
        resource: resource(),
        connector: "postgres".into(),
        actions: vec![],
        definition: Definition { admin: None, settings: serde_json::Value::Null },
        expires_at: NOW.plus(Seconds::new(60)),
        extends_to: None,
        public_half: String::new(),
        residual_exposure: vec![],
        state,
    }
}

fn grant(state: GrantState, leases: &[Id<Lease>]) -> Grant {
    let pair = Pair { resource: resource(), action: "read".parse().expect("an action") };
    Grant {
        id: Id::new(NOW, [200; 10]),
        version: Version::new(2),
        request_id: Id::new(NOW, [201; 10]),
        subject: subject(),
        role: "debug".parse().expect("a role"),
        scope: Scope::new([pair]).expect("a scope"),
        duration: Seconds::new(60),
        meaning: String::new(),
        policy_version: String::new(),
        origin: curfew_domain::request::Origin::Asked,
        lives_with: None,
        presented: Vec::new(),
        cap: None,
        extensions: 0,
        approved_at: NOW,
        leases: leases.to_vec(),
        state,
    }
}

fn shown(lease: &Lease, locator: &str) -> Found {
    let marker = Marker { installation: OURS.into(), lease: lease.id, expires_at: lease.expires_at };
    Found { name: lease.handle(), locator: locator.into(), marker: Some(marker), access: Access::Open }
}

fn alarms(actions: &[Action]) -> usize {
    actions.iter().filter(|a| matches!(a, Action::Alarm { .. })).count()
}

#[test]
fn nothing_is_done_where_all_is_well() {
    assert_eq!(Case::healthy().plan(), vec![]);
}

#[test]
fn a_later_end_that_does_not_count_yet_is_gone_on_with_until_the_end_there_is() {
    let mut case = Case::healthy();
    let until = NOW.plus(Seconds::new(60));
    let extends_to = Some(NOW.plus(Seconds::new(120)));
    case.grants[0].state = GrantState::Active { activated_at: NOW, until, extends_to };
    case.leases[0].extends_to = extends_to;
    let id = case.grants[0].id;
    assert_eq!(case.plan(), vec![Action::Extend(id)]);
    assert_eq!(case.plan_at(until, 20), vec![Action::End { grant: id, cause: EndCause::Expired }]);
    case.leases[0].state = LeaseState::Revoking { since: NOW, locator: None };
    assert!(!case.plan().contains(&Action::Extend(id)), "half of it is gone");
}

#[test]
fn what_is_over_by_the_clock_of_its_target_ends_although_ours_was_set_back() {
    let mut case = Case::healthy();
    let end = case.leases[0].expires_at.as_millis();
    case.hour = Timestamp::from_millis(end + CLOCKS_DIFFER_MILLIS as i64);
    assert_eq!(case.plan(), vec![], "a difference that is trusted");
    case.hour = Timestamp::from_millis(end + CLOCKS_DIFFER_MILLIS as i64 + 1);
    assert_eq!(case.plan(), vec![Action::Revoke { lease: case.leases[0].id, because: OVER_THERE }]);
}

#[test]
fn what_is_over_ends() {
    let case = Case::healthy();
    let over = NOW.plus(Seconds::new(60));
    assert_eq!(case.plan_at(over, 20), vec![Action::End { grant: case.grants[0].id, cause: EndCause::Expired }]);
    let unclaimed = Case { grants: vec![grant(GrantState::Approved { claim_until: NOW }, &[])], ..Case::healthy() };
    assert!(unclaimed.plan().contains(&Action::End { grant: unclaimed.grants[0].id, cause: EndCause::Lapsed }));
}

#[test]
fn an_interrupted_issue_is_revoked_and_one_under_way_is_not() {
    let mut case = Case::healthy();
    let until = NOW.plus(Seconds::new(60));
    case.leases[0].state = LeaseState::Issuing { since: NOW, epoch: 1 };
    case.grants[0].state = GrantState::Activating { activated_at: NOW, until, claim_until: until };
    let id = case.leases[0].id;
    assert!(case.plan().contains(&Action::Revoke { lease: id, because: INTERRUPTED }));
    case.busy.insert(id);
    assert!(!case.plan().iter().any(|a| matches!(a, Action::Revoke { .. })));
}

#[test]
fn a_lease_that_serves_nothing_is_revoked() {
    let mut case = Case::healthy();
    case.grants[0].state = GrantState::Approved { claim_until: NOW.plus(Seconds::new(60)) };
    assert_eq!(case.plan(), vec![Action::Revoke { lease: case.leases[0].id, because: UNWANTED }]);
}

#[test]
fn only_a_lease_that_stood_before_the_look_can_be_missing() {
    let mut case = Case::healthy();
    case.found.clear();
    assert_eq!(case.plan(), vec![Action::Revoke { lease: case.leases[0].id, because: MISSING }]);
    case.settled.clear();
    assert_eq!(case.plan(), vec![]);
}

#[test]
fn an_active_grant_without_its_lease_ends() {
    let mut case = Case::healthy();
    (case.leases, case.found) = (vec![], vec![]);
    assert_eq!(case.plan(), vec![Action::EndWithout(case.grants[0].id)]);
}

#[test]
fn a_removed_marker_does_not_hide_a_lease() {
    let mut case = Case::healthy();
    case.found[0].marker = None;
    assert_eq!(case.plan(), vec![]);
}

#[test]
fn what_is_not_ours_is_reported_and_untouched() {
    let mut case = Case::healthy();
    let stranger = lease(9, LeaseState::Wanted);
    let mut theirs = shown(&stranger, "1");
    theirs.marker = theirs.marker.map(|m| Marker { installation: "ffffffffffffffff".into(), ..m });
    let mut nameless = shown(&stranger, "2");
    nameless.marker = None;
    let mut twin = shown(&case.leases[0], "99999");
    twin.name = "another".into();
    case.found.extend([theirs, nameless, twin]);
    let actions = case.plan();
    assert_eq!((actions.len(), alarms(&actions)), (3, 3));
}

#[test]
fn what_bears_our_marker_and_is_unknown_is_locked() {
    let mut case = Case::healthy();
    let stranger = lease(9, LeaseState::Wanted);
    case.found.push(shown(&stranger, "7"));
    assert!(matches!(case.plan().as_slice(), [Action::LockUnknown { .. }]));
    case.known.insert(stranger.id);
    assert_eq!(case.plan(), vec![]);
}

#[test]
fn beyond_the_blast_limit_nothing_unordered_is_touched() {
    let mut case = Case::healthy();
    for n in 10..40 {
        case.found.push(shown(&lease(n, LeaseState::Wanted), "7"));
    }
    let actions = case.plan();
    assert_eq!((actions.len(), alarms(&actions)), (1, 1), "30 unknown roles: stop and tell people");
    let over = case.plan_at(NOW.plus(Seconds::new(60)), 20);
    assert!(
        over.contains(&Action::End { grant: case.grants[0].id, cause: EndCause::Expired }),
        "what is ordered goes on"
    );
    assert_eq!(case.plan_at(NOW, 30).len(), 30);
}
