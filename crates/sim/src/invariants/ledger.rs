//! What the ledger alone has to show.

use super::{Broken, broken};
use crate::memory::{Ledger, Promise};
use crate::world::World;
use curfew_domain::approval::Verdict;
use curfew_domain::{Grant, GrantState, Id, Lease, LeaseState, Request, RequestState, Seconds, Timestamp};
use curfew_engine::seams::Store;
use futures::executor::block_on;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(ledger: &Ledger) -> Result<(), Broken> {
    provenance(ledger)?;
    verdicts(ledger)?;
    limits(ledger)?;
    ends_are_whole(ledger)
}

/// 2: every lease traces to one grant, every grant to one request, and a request to one grant at most.
fn provenance(ledger: &Ledger) -> Result<(), Broken> {
    let mut seen = BTreeSet::new();
    for grant in ledger.grants.values() {
        let Some(request) = ledger.requests.get(&grant.request_id) else {
            return broken(2, format!("{} has no request", grant.id));
        };
        if request.grant_id() != Some(grant.id) || !seen.insert(request.id) {
            return broken(2, format!("{} is not the one grant of {}", grant.id, request.id));
        }
        if request.narrowed().ok().is_none_or(|(scope, _)| scope != grant.scope) {
            return broken(3, format!("{} does not give what was approved", grant.id));
        }
        if let Some(lease) = grant.leases.iter().find(|id| !ledger.leases.contains_key(id)) {
            return broken(2, format!("{} names {lease}, which does not exist", grant.id));
        }
        let leases: Vec<&Lease> = grant.leases.iter().filter_map(|id| ledger.leases.get(id)).collect();
        for (resource, actions) in grant.scope.by_resource() {
            let of_resource = leases.iter().filter(|l| l.resource == resource);
            let live = of_resource.clone().filter(|l| matches!(l.state, LeaseState::Live { .. })).count();
            if live > 1 {
                return broken(2, format!("{} has {live} live leases for {resource}", grant.id));
            }
            if let Some(lease) = of_resource.clone().find(|l| l.actions != actions) {
                return broken(3, format!("{} gives other actions than its grant", lease.id));
            }
        }
    }
    Ok(())
}

/// 3 and 4: an approval counts only for the digest it saw, never from the requester, once a person.
fn verdicts(ledger: &Ledger) -> Result<(), Broken> {
    for request in ledger.requests.values() {
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
    for grant in ledger.grants.values() {
        let request = ledger.requests.get(&grant.request_id);
        let Some(first) = request.and_then(|r| r.narrowed().ok()).map(|(_, duration)| duration) else { continue };
        let least = with_more_time(ledger, grant, first);
        let (from, until) = match grant.state {
            GrantState::Activating { activated_at, until, .. } | GrantState::Active { activated_at, until, .. } => {
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

/// How long a grant may last in all: what it was given first, or what an approved request for more time let it.
pub(super) fn with_more_time(ledger: &Ledger, grant: &Grant, first: Seconds) -> Seconds {
    let of_it = |r: &&Request| r.extends.as_ref().is_some_and(|e| e.grant == grant.id) && r.grant_id().is_some();
    let totals = ledger.requests.values().filter(of_it).filter_map(|r| r.narrowed().ok()).map(|(_, total)| total);
    totals.fold(first, Seconds::max)
}

/// 6: the end of a grant, or of an attempt to activate it, is that of all it gave, in one commit.
fn ends_are_whole(ledger: &Ledger) -> Result<(), Broken> {
    let ends = |g: &&Grant| match g.state {
        GrantState::Approved { .. } | GrantState::Ending { .. } | GrantState::Ended { .. } => true,
        GrantState::Activating { .. } | GrantState::Active { .. } => false,
    };
    for grant in ledger.grants.values().filter(ends) {
        let gives = |lease: &&Lease| match lease.state {
            LeaseState::Wanted | LeaseState::Issuing { .. } | LeaseState::Live { .. } => true,
            LeaseState::Revoking { .. } | LeaseState::LockedOut { .. } | LeaseState::Revoked { .. } => false,
        };
        let mut leases = grant.leases.iter().filter_map(|id| ledger.leases.get(id));
        if let Some(lease) = leases.find(gives) {
            return broken(
                6,
                format!("{} is {}, and {} is {}", grant.id, grant.state_word(), lease.id, lease.state.word()),
            );
        }
    }
    Ok(())
}

/// What people were told stays true: of two verdicts the no wins, an end is an end, and nothing is told twice.
pub(super) fn promises(world: &World, ledger: &Ledger) -> Result<(), Broken> {
    let mut keys: BTreeMap<String, Id<Request>> = BTreeMap::new();
    for promise in world.memory.promises.all() {
        match promise {
            Promise::Asked { key, request } => {
                if !ledger.requests.contains_key(&request) {
                    return broken(2, format!("{request} was told of and does not exist"));
                }
                if keys.insert(key, request).is_some_and(|first| first != request) {
                    return broken(2, format!("one click more made {request}"));
                }
            }
            Promise::Approved { request, by } => {
                let taken = ledger
                    .requests
                    .get(&request)
                    .is_some_and(|r| r.approvals.iter().any(|a| a.verdict == Verdict::Approve && a.approver.id == by));
                if !taken {
                    return broken(3, format!("the approval of {request} by {by} is lost"));
                }
            }
            Promise::Denied(request) if !is_denied(ledger, request) => {
                return broken(6, format!("{request} was denied, and that is lost"));
            }
            Promise::Withdrawn(request) if !is_withdrawn(ledger, request) => {
                return broken(6, format!("{request} was withdrawn, and that is lost"));
            }
            Promise::Ended(grant) if !is_ending(ledger, grant) => {
                return broken(6, format!("the end of {grant} was ordered, and that is lost"));
            }
            Promise::Denied(_) | Promise::Withdrawn(_) | Promise::Ended(_) => {}
            Promise::Done { run, beat } => {
                if block_on(world.store.beat(run, &beat)).ok().flatten().is_some() {
                    return broken(23, format!("{beat} of {run} said that it is done, and is waited for"));
                }
            }
            Promise::RunEnded(key) => {
                if block_on(world.store.newest_run(&key)).ok().flatten().is_some_and(|run| run.is_live()) {
                    return broken(23, format!("{key} has ended, and goes on"));
                }
            }
            Promise::Extended { grant, until } => extended(ledger, grant, until)?,
            Promise::Activated { leases, wrong } => activated(ledger, &leases, wrong)?,
        }
    }
    Ok(())
}

fn extended(ledger: &Ledger, grant: Id<Grant>, until: Timestamp) -> Result<(), Broken> {
    let end = ledger.grants.get(&grant).and_then(|grant| match grant.state {
        GrantState::Approved { .. } | GrantState::Activating { .. } => None,
        GrantState::Active { until, .. } => Some(until),
        GrantState::Ending { until, .. } | GrantState::Ended { until, .. } => until,
    });
    match end.is_some_and(|end| end >= until) {
        true => Ok(()),
        false => broken(7, format!("{grant} was given the end {until}, and that is lost")),
    }
}

fn activated(ledger: &Ledger, leases: &[Id<Lease>], wrong: Option<String>) -> Result<(), Broken> {
    if let Some(wrong) = wrong {
        return broken(5, format!("access was given, and what stands behind it is not there: {wrong}"));
    }
    for id in leases {
        let was_live = ledger.leases.get(id).is_some_and(|lease| match lease.state {
            LeaseState::Wanted | LeaseState::Issuing { .. } => false,
            LeaseState::Live { .. } | LeaseState::Revoked { .. } => true,
            LeaseState::Revoking { .. } | LeaseState::LockedOut { .. } => lease.locator().is_some(),
        });
        if !was_live {
            return broken(1, format!("{id} was given before it was recorded as live"));
        }
    }
    Ok(())
}

fn is_denied(ledger: &Ledger, request: Id<Request>) -> bool {
    ledger.requests.get(&request).is_some_and(|r| match r.state {
        RequestState::Denied { .. } => true,
        RequestState::Approved { grant_id, .. } => is_ending(ledger, grant_id),
        RequestState::Pending | RequestState::Withdrawn { .. } | RequestState::Lapsed { .. } => false,
    })
}

fn is_withdrawn(ledger: &Ledger, request: Id<Request>) -> bool {
    ledger.requests.get(&request).is_some_and(|r| matches!(r.state, RequestState::Withdrawn { .. }))
}

fn is_ending(ledger: &Ledger, grant: Id<Grant>) -> bool {
    let state = ledger.grants.get(&grant).map(|g| &g.state);
    state.is_some_and(|state| matches!(state, GrantState::Ending { .. } | GrantState::Ended { .. }))
}
