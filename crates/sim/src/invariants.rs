//! The public invariants of the design, each with its checker. Numbers are those of ARCHITECTURE.md.

use crate::script::resources;
use crate::world::World;
use curfew_domain::audit::{AuditAction, Detail, SealedEvent};
use curfew_domain::lease::Evidence;
use curfew_domain::request::Verdict;
use curfew_domain::{Grant, GrantState, Id, Lease, LeaseState, Request, RequestState};
use curfew_engine::seams::connector::Marker;
use curfew_engine::seams::store::{Ended, GrantFilter, Page, RequestFilter, Store};
use futures::executor::block_on;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An invariant that did not hold, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its number in ARCHITECTURE.md.
    pub invariant: u8,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {}: {}", self.invariant, self.seen)
    }
}

fn broken<T>(invariant: u8, seen: impl Into<String>) -> Result<T, Broken> {
    Err(Broken { invariant, seen: seen.into() })
}

struct Ledger {
    requests: Vec<Request>,
    grants: Vec<Grant>,
    leases: BTreeMap<Id<Lease>, Lease>,
    events: Vec<SealedEvent>,
}

fn read(world: &World) -> Ledger {
    let page = || Page { before: None, limit: usize::MAX };
    let filter = GrantFilter { ended: Ended::Listed, ..GrantFilter::default() };
    let requests = block_on(world.store.requests(&RequestFilter::default(), page())).unwrap_or_default();
    let grants = block_on(world.store.grants(&filter, page())).unwrap_or_default();
    let ids: Vec<Id<Lease>> = grants.iter().flat_map(|g| g.leases.iter().copied()).collect();
    let leases = block_on(world.store.leases(&ids)).unwrap_or_default();
    Ledger { requests, grants, leases: leases.into_iter().map(|l| (l.id, l)).collect(), events: Vec::new() }
}

/// What holds at every moment, whatever is broken.
pub(crate) fn check_now(world: &World) -> Result<(), Broken> {
    check_ledger(world, &read(world))
}

/// What holds at every moment, and that the events say the same.
pub(crate) fn check_all(world: &World) -> Result<(), Broken> {
    let mut ledger = read(world);
    ledger.events = block_on(world.store.events(0, usize::MAX)).unwrap_or_default();
    check_ledger(world, &ledger)?;
    events_give_the_state(&ledger)?;
    final_states_stay(&ledger)
}

fn check_ledger(world: &World, ledger: &Ledger) -> Result<(), Broken> {
    intent_before_effect(world, ledger)?;
    provenance(ledger)?;
    verdicts(ledger)?;
    limits(ledger)?;
    ended_means_looked(world, ledger)
}

/// 1: nothing of ours stands in a target without an intent in the ledger; 12: names are used once.
fn intent_before_effect(world: &World, ledger: &Ledger) -> Result<(), Broken> {
    for resource in resources() {
        let mut names = BTreeSet::new();
        for role in world.targets.roles(&resource) {
            let marker = role.comment.as_deref().and_then(Marker::parse);
            let Some(marker) = marker.filter(|m| m.installation == world.engine.installation()) else { continue };
            let Some(lease) = ledger.leases.get(&marker.lease) else {
                return broken(1, format!("{} stands in {resource} without an intent", role.name));
            };
            if lease.version.get() < 2 {
                return broken(
                    1,
                    format!("{} stands in {resource} and its lease is only {}", role.name, lease.state.word()),
                );
            }
            if !names.insert(role.name.clone()) {
                return broken(12, format!("{} stands in {resource} twice", role.name));
            }
            let offset = role.valid_until.as_millis() - lease.expires_at.as_millis();
            if offset > 2_000 {
                return broken(8, format!("{} may log in {offset} ms beyond its lease", role.name));
            }
        }
    }
    Ok(())
}

/// 2: every lease traces to one grant, every grant to one request, and a request to one grant at most.
fn provenance(ledger: &Ledger) -> Result<(), Broken> {
    let mut seen = BTreeSet::new();
    for grant in &ledger.grants {
        let Some(request) = ledger.requests.iter().find(|r| r.id == grant.request_id) else {
            return broken(2, format!("{} has no request", grant.id));
        };
        if request.grant_id() != Some(grant.id) || !seen.insert(request.id) {
            return broken(2, format!("{} is not the one grant of {}", grant.id, request.id));
        }
        if !grant.scope.is_within(&request.scope) {
            return broken(3, format!("{} gives more than was asked", grant.id));
        }
        let giving = grant.leases.iter().filter_map(|id| ledger.leases.get(id));
        let giving = giving.filter(|l| matches!(l.state, LeaseState::Live { .. })).count();
        if giving > grant.scope.by_resource().len() {
            return broken(2, format!("{} has {giving} live leases", grant.id));
        }
        if let Some(lease) = grant.leases.iter().find(|id| !ledger.leases.contains_key(id)) {
            return broken(2, format!("{} names {lease}, which does not exist", grant.id));
        }
    }
    Ok(())
}

/// 3 and 4: an approval counts only for the digest it saw, never from the requester, once a person.
fn verdicts(ledger: &Ledger) -> Result<(), Broken> {
    for request in &ledger.requests {
        let mut people = BTreeSet::new();
        let yes: Vec<_> = request.approvals.iter().filter(|a| a.verdict == Verdict::Approve).collect();
        for approval in &yes {
            if approval.approver.is_same_as(&request.subject) {
                return broken(4, format!("{} was approved by its subject", request.id));
            }
            if !people.insert(approval.approver.id.clone()) {
                return broken(4, format!("{} counts a person twice", request.id));
            }
            if approval.digest != request.digest() {
                return broken(3, format!("{} counts an approval of another digest", request.id));
            }
        }
        let needed: usize = request.decision.stages.iter().map(|s| s.require as usize).sum();
        if matches!(request.state, RequestState::Approved { .. }) && yes.len() < needed {
            return broken(3, format!("{} was approved with {} of {needed} approvals", request.id, yes.len()));
        }
    }
    Ok(())
}

/// 7: the end is never later than the activation and the least of all limits.
fn limits(ledger: &Ledger) -> Result<(), Broken> {
    for grant in &ledger.grants {
        let request = ledger.requests.iter().find(|r| r.id == grant.request_id);
        let Some(least) = request.and_then(|r| r.narrowed().ok()).map(|(_, duration)| duration) else { continue };
        let (from, until) = match grant.state {
            GrantState::Activating { activated_at, until, .. } | GrantState::Active { activated_at, until } => {
                (activated_at, until)
            }
            GrantState::Ending { activated_at: Some(from), until: Some(until), .. }
            | GrantState::Ended { activated_at: Some(from), until: Some(until), .. } => (from, until),
            GrantState::Approved { .. } | GrantState::Ending { .. } | GrantState::Ended { .. } => continue,
        };
        if until > from.plus(least) {
            return broken(7, format!("{} would last until {until}, longer than {least} from {from}", grant.id));
        }
        for lease in grant.leases.iter().filter_map(|id| ledger.leases.get(id)) {
            if matches!(lease.state, LeaseState::Live { .. }) && lease.expires_at > until {
                return broken(7, format!("{} outlives {}", lease.id, grant.id));
            }
        }
    }
    Ok(())
}

/// 9: what the ledger says has ended shows no login and no session.
fn ended_means_looked(world: &World, ledger: &Ledger) -> Result<(), Broken> {
    for lease in ledger.leases.values() {
        let Some(Evidence::Read { .. }) = lease.evidence() else { continue };
        for role in world.targets.roles(&lease.resource).into_iter().filter(|r| r.name == lease.handle()) {
            let sessions = world.targets.sessions(&lease.resource, role.oid);
            if role.login || sessions > 0 {
                return broken(
                    9,
                    format!("{} has ended, and the target still lets it in ({sessions} sessions)", lease.id),
                );
            }
        }
    }
    for grant in &ledger.grants {
        let GrantState::Ended { evidence: Evidence::Read { .. }, .. } = grant.state else { continue };
        let open = grant.leases.iter().filter_map(|id| ledger.leases.get(id)).find(|l| l.evidence().is_none());
        if let Some(lease) = open {
            return broken(9, format!("{} has ended, and {} is {}", grant.id, lease.id, lease.state.word()));
        }
    }
    Ok(())
}

/// 19: replaying the events gives the state.
fn events_give_the_state(ledger: &Ledger) -> Result<(), Broken> {
    let mut after: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    for sealed in &ledger.events {
        if let Some(state @ Detail::Map(map)) = sealed.event.details.get("after")
            && let Some(Detail::Text(id)) = map.get("id")
        {
            after.insert(id.clone(), state.clone().into());
        }
    }
    for request in &ledger.requests {
        same(&after, &request.id.to_string(), request)?;
    }
    for grant in &ledger.grants {
        same(&after, &grant.id.to_string(), grant)?;
    }
    for lease in ledger.leases.values() {
        same(&after, &lease.id.to_string(), lease)?;
    }
    Ok(())
}

fn same<T: serde::de::DeserializeOwned + PartialEq>(
    after: &BTreeMap<String, serde_json::Value>,
    id: &str,
    state: &T,
) -> Result<(), Broken> {
    match after.get(id).cloned().map(serde_json::from_value::<T>) {
        Some(Ok(replayed)) if replayed == *state => Ok(()),
        Some(Ok(_)) => broken(19, format!("the events of {id} give another state")),
        Some(Err(error)) => broken(19, format!("the last event of {id} cannot be read back: {error}")),
        None => broken(19, format!("{id} has no event")),
    }
}

/// 6: a final state is never left.
fn final_states_stay(ledger: &Ledger) -> Result<(), Broken> {
    let mut last: BTreeMap<String, AuditAction> = BTreeMap::new();
    for sealed in &ledger.events {
        let Some(Detail::Map(map)) = sealed.event.details.get("after") else { continue };
        let Some(Detail::Text(id)) = map.get("id") else { continue };
        let is_final = |action: &AuditAction| {
            matches!(
                action,
                AuditAction::RequestApproved
                    | AuditAction::RequestDenied
                    | AuditAction::RequestWithdrawn
                    | AuditAction::RequestLapsed
                    | AuditAction::GrantEnded
                    | AuditAction::LeaseRevoked
            )
        };
        if last.get(id).is_some_and(is_final) {
            return broken(6, format!("{id} left its final state by {}", sealed.event.action.as_str()));
        }
        last.insert(id.clone(), sealed.event.action);
    }
    Ok(())
}

/// With all trouble gone for a while: what the ledger says is what the targets show.
pub(crate) fn check_quiet(world: &World) -> Result<(), Broken> {
    let ledger = read(world);
    let now = world.clock.truth();
    for lease in ledger.leases.values() {
        let role = world.targets.roles(&lease.resource).into_iter().find(|r| r.name == lease.handle());
        match (&lease.state, role) {
            (LeaseState::Live { .. }, Some(role)) if !role.login => {
                return broken(9, format!("{} is live and may not log in", lease.id));
            }
            (LeaseState::Live { .. }, Some(_)) | (LeaseState::Revoked { .. }, None) => {}
            (LeaseState::Live { .. }, None) => {
                return broken(1, format!("{} is live and the target does not show it", lease.id));
            }
            (state, role) => {
                let there = if role.is_some() { "there" } else { "gone" };
                return broken(10, format!("{} is {} at quiet, its role {there}", lease.id, state.word()));
            }
        }
    }
    for grant in &ledger.grants {
        match grant.state {
            GrantState::Active { until, .. } if until > now => {
                let current = grant.leases.iter().rev().take(grant.scope.by_resource().len());
                let live = current
                    .filter_map(|id| ledger.leases.get(id))
                    .filter(|l| matches!(l.state, LeaseState::Live { .. }));
                if live.count() != grant.scope.by_resource().len() {
                    return broken(2, format!("{} is active without all of its leases", grant.id));
                }
            }
            GrantState::Active { until, .. } => {
                return broken(23, format!("{} is active at {now}, after {until}", grant.id));
            }
            GrantState::Activating { .. } | GrantState::Ending { .. } => {
                return broken(10, format!("{} is {} at quiet", grant.id, grant.state_word()));
            }
            GrantState::Approved { .. } | GrantState::Ended { .. } => {}
        }
    }
    Ok(())
}

/// After every limit: nothing that gives access is left, anywhere.
pub(crate) fn check_nothing_left(world: &World) -> Result<(), Broken> {
    let ledger = read(world);
    if let Some(grant) = ledger.grants.iter().find(|g| !matches!(g.state, GrantState::Ended { .. })) {
        return broken(10, format!("{} is {} after every limit", grant.id, grant.state_word()));
    }
    if let Some(request) = ledger.requests.iter().find(|r| matches!(r.state, RequestState::Pending)) {
        return broken(10, format!("{} is pending after every limit", request.id));
    }
    for resource in resources() {
        for role in world.targets.roles(&resource) {
            let marker = role.comment.as_deref().and_then(Marker::parse);
            if marker.is_some_and(|m| m.installation == world.engine.installation()) {
                return broken(9, format!("{} is left in {resource}", role.name));
            }
        }
    }
    Ok(())
}
