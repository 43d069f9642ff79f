//! Ending a grant: order it, have its leases taken, and say `Ended` only after having looked.

use crate::Engine;
use crate::activation::ATTEMPTS;
use crate::engine::Changes;
use crate::seams::connector::Revocation;
use crate::seams::store::{CommitError, Page, ReadError, RequestFilter};
use curfew_domain::{EndCause, Grant, GrantState, Id, Lease, LeaseState, Request, Subject, Timestamp, limits};
use std::sync::PoisonError;

/// Why a grant's end could not be ordered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("the grant is already {0}")]
    AlreadyEnding(&'static str, Box<Grant>),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(CommitError),
}

/// An order to end a grant.
pub(crate) struct EndOrder<'a> {
    pub(crate) cause: EndCause,
    pub(crate) actor: &'a Subject,
    pub(crate) because: &'a str,
}

impl Engine {
    /// Orders the end of a grant and of everything made under it, in one commit.
    pub(crate) async fn order_end(&self, mut grant: Grant, order: &EndOrder<'_>) -> Result<Grant, OrderError> {
        for attempt in 1..=ATTEMPTS {
            let leases = self.store.leases(&grant.leases).await?;
            let now = self.clock.now();
            let mut changes = Changes::default();
            let before = grant.clone();
            let word = grant.state_word();
            let Ok(step) = grant.ending(order.cause, order.actor, order.because, now) else {
                return Err(OrderError::AlreadyEnding(word, Box::new(before)));
            };
            let mut next = changes.grant(step);
            // Somebody who decides the request over and over cannot hold up the end by that.
            if attempt < ATTEMPTS && order.cause.is_before_its_time() {
                self.lapse_more_time(&mut changes, &next, now).await;
            }
            let mut ending = Vec::new();
            let mut standing = Vec::new();
            for lease in leases {
                match lease.clone().revoking(order.actor, order.because, now) {
                    Ok(step) => ending.push(changes.lease(step)),
                    Err(_) => standing.push(lease),
                }
            }
            if ending.is_empty()
                && let Ok(step) = next.clone().ended(&standing, now)
            {
                next = changes.grant(step);
                changes.notices(self.notices_of_grant("ended", &next, now).await);
            }
            match self.commit(changes).await {
                Ok(_) => {
                    self.waiters.tell(next.id, &Err(crate::Failure::Ended));
                    self.extensions.tell(next.id, &Err(crate::Failure::Ended));
                    self.forget(&next.leases);
                    if next.leases.is_empty() && order.cause != EndCause::Lapsed {
                        // No target was called, so that each hears of it with a look.
                        self.look.give();
                    }
                    self.take(ending);
                    return Ok(next);
                }
                Err(CommitError::Conflict(_)) => grant = self.store.grant(before.id).await?.unwrap_or(before),
                Err(other) => {
                    // Taking access away does not wait for the ledger: what was carried out is recorded when
                    // it can be, and until then the order is tried again.
                    self.take(ending);
                    return Err(OrderError::Commit(other));
                }
            }
        }
        Err(OrderError::Commit(CommitError::Conflict("the grant".to_owned())))
    }

    /// Adds that nobody needs to decide any more whether the grant is to last longer. An end does not wait for that: what
    /// cannot be read now lapses by itself, at the grant's old hour at the latest.
    pub(crate) async fn lapse_more_time(&self, changes: &mut Changes, grant: &Grant, now: Timestamp) {
        let filter = RequestFilter {
            subject: Some(grant.subject.id.clone()),
            state: Some("pending"),
            ..RequestFilter::default()
        };
        let page = Page { before: None, limit: limits::PENDING_REQUESTS };
        let Ok(pending) = self.store.requests(&filter, page).await else { return };
        let is_about = |request: &Request| request.extends.as_ref().is_some_and(|extends| extends.grant == grant.id);
        for request in pending.into_iter().filter(is_about) {
            let Ok(step) = request.lapse_with_grant(now) else { continue };
            let request = changes.request(step);
            changes.notices(self.notices_of_request("lapsed", &request, now));
        }
    }

    /// Records what a revocation came to. Gives the lease back when there is more to do.
    pub(crate) async fn lease_taken(&self, lease: Lease, revocation: Revocation) -> Option<Lease> {
        let mut lease = lease;
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let mut changes = Changes::default();
            let next = self.step_taken(&mut changes, lease.clone(), &revocation, now)?;
            let grant = self.end_with(&mut changes, &next, now).await;
            if changes.0.is_empty() {
                return unfinished(next);
            }
            match self.commit(changes).await {
                Ok(_) => {
                    if grant.is_none() {
                        // Also when its end was never ordered: half an access is none that was approved.
                        self.end_without(next.grant_id, "what it gave is gone").await;
                    }
                    if matches!(revocation, Revocation::Revoked { ref leftovers, .. } if !leftovers.is_empty()) {
                        // What it left may have stood as drift; new grants need not wait a minute to see it gone.
                        self.look.give();
                    }
                    return unfinished(next);
                }
                Err(CommitError::Conflict(_) | CommitError::KeyUsed(_)) => match self.store.lease(lease.id).await {
                    Ok(Some(recorded)) => lease = recorded,
                    Ok(None) | Err(_) => return Some(lease),
                },
                Err(CommitError::Unavailable(message)) => {
                    tracing::error!(lease_id = %lease.id, because = message, "an end was carried out that the ledger could not record yet");
                    return Some(lease);
                }
            }
        }
        Some(lease)
    }

    /// The steps from where the lease stands to what the target shows. None when the ledger has it final.
    fn step_taken(&self, changes: &mut Changes, lease: Lease, seen: &Revocation, now: Timestamp) -> Option<Lease> {
        let mut lease = lease;
        match lease.state {
            LeaseState::Revoked { .. } => return None,
            LeaseState::Revoking { .. } | LeaseState::LockedOut { .. } => {}
            // The ledger could not be written when its end was carried out.
            LeaseState::Wanted | LeaseState::Issuing { .. } | LeaseState::Live { .. } => {
                let step = lease.revoking(&Subject::system(), "its end was due and was carried out", now).ok()?;
                lease = changes.lease(step);
            }
        }
        match seen {
            Revocation::Revoked { evidence, leftovers } => {
                let step = lease.revoked(evidence.clone(), leftovers.clone(), now).ok()?;
                Some(changes.lease(step))
            }
            Revocation::LockedOut { evidence, because } => {
                self.retries.failed(lease.id, because);
                match lease.clone().locked_out(evidence.clone(), because, now) {
                    Ok(step) => Some(changes.lease(step)),
                    Err(_) => Some(lease),
                }
            }
        }
    }

    /// Adds the grant's own end when this was the last of its leases.
    async fn end_with(&self, changes: &mut Changes, lease: &Lease, now: Timestamp) -> Option<Grant> {
        lease.evidence()?;
        let grant = self.store.grant(lease.grant_id).await.ok()??;
        let GrantState::Ending { .. } = grant.state else { return None };
        let mut leases = self.store.leases(&grant.leases).await.ok()?;
        for recorded in leases.iter_mut().filter(|l| l.id == lease.id) {
            *recorded = lease.clone();
        }
        let step = grant.ended(&leases, now).ok()?;
        let grant = changes.grant(step);
        changes.notices(self.notices_of_grant("ended", &grant, now).await);
        Some(grant)
    }

    /// Ends a grant whose leases are all ended already.
    pub(crate) async fn settle_end(&self, grant_id: Id<Grant>) {
        for _ in 0..ATTEMPTS {
            let Ok(Some(grant)) = self.store.grant(grant_id).await else { return };
            let Ok(leases) = self.store.leases(&grant.leases).await else { return };
            let now = self.clock.now();
            let Ok(step) = grant.ended(&leases, now) else { return };
            let mut changes = Changes::default();
            let grant = changes.grant(step);
            changes.notices(self.notices_of_grant("ended", &grant, now).await);
            match self.commit(changes).await {
                Err(CommitError::Conflict(_)) => {}
                Ok(_) | Err(CommitError::Unavailable(_) | CommitError::KeyUsed(_)) => return,
            }
        }
    }

    /// A lease of this grant gives nothing any more: the grant follows, wherever it stands.
    pub(crate) async fn end_without(&self, grant: Id<Grant>, because: &str) {
        let Ok(Some(grant)) = self.store.grant(grant).await else { return };
        match grant.state {
            GrantState::Active { .. } => {
                // What an activation left that came to nothing says nothing of the one that followed.
                let Ok(leases) = self.store.leases(grant.current_leases()).await else { return };
                if leases.iter().all(|lease| matches!(lease.state, LeaseState::Live { .. })) {
                    return;
                }
                let order = EndOrder { cause: EndCause::Revoked, actor: &Subject::system(), because };
                // Whoever ended it at the same moment did it for a better reason.
                let _ = self.order_end(grant, &order).await;
            }
            GrantState::Activating { .. } => self.settle_activation(grant.id).await,
            GrantState::Ending { .. } => self.settle_end(grant.id).await,
            GrantState::Approved { .. } | GrantState::Ended { .. } => {}
        }
    }

    pub(crate) fn remember(&self, lease: &Lease) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).insert(lease.id, lease.clone());
        self.due_at(lease.expires_at);
    }

    fn forget(&self, leases: &[Id<Lease>]) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        for id in leases {
            live.remove(id);
        }
    }
}

fn unfinished(lease: Lease) -> Option<Lease> {
    match lease.state {
        LeaseState::Revoked { .. } => None,
        LeaseState::Wanted
        | LeaseState::Issuing { .. }
        | LeaseState::Live { .. }
        | LeaseState::Revoking { .. }
        | LeaseState::LockedOut { .. } => Some(lease),
    }
}
