//! What becomes of an activation: all of its leases are live, or none stays.

use crate::Engine;
use crate::engine::Changes;
use crate::seams::connector::{CallError, Issued};
use crate::seams::store::CommitError;
use curfew_domain::{Grant, GrantState, Id, Lease, LeaseState, Subject};
use futures::channel::oneshot;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Why an activation came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// A target did not give it.
    #[error(transparent)]
    Target(#[from] CallError),
    /// The ledger could not record it, so it was taken away again.
    #[error("the ledger could not record it: {0}")]
    Ledger(String),
    /// It was ended while it was being made.
    #[error("it was ended while it was being made")]
    Ended,
}

type Waiter = oneshot::Sender<Result<(), Failure>>;

/// Callers that wait for an activation.
#[derive(Default)]
pub(crate) struct Waiters(Mutex<BTreeMap<Id<Grant>, Vec<Waiter>>>);

impl Waiters {
    pub(crate) fn wait(&self, grant: Id<Grant>) -> oneshot::Receiver<Result<(), Failure>> {
        let (sender, receiver) = oneshot::channel();
        self.lock().entry(grant).or_default().push(sender);
        receiver
    }

    pub(crate) fn tell(&self, grant: Id<Grant>, outcome: &Result<(), Failure>) {
        for waiter in self.lock().remove(&grant).unwrap_or_default() {
            // A caller that hung up does not need the answer.
            let _ = waiter.send(outcome.clone());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Id<Grant>, Vec<Waiter>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// The target shows exactly what was meant: commit `Live`, and with the last of them the grant.
    pub(crate) async fn lease_issued(&self, lease: Lease, issued: Issued) {
        let (id, grant_id) = (lease.id, lease.grant_id);
        let outcome = self.commit_live(lease.clone(), issued).await;
        self.busy.done(id);
        match outcome {
            Ok(live) => {
                self.remember(&live);
                self.settle_activation(grant_id).await;
            }
            Err(CommitError::Unavailable(message)) => {
                // Without a record there is no access: the intent is in the ledger, the target is cleared.
                self.waiters.tell(grant_id, &Err(Failure::Ledger(message)));
                self.take([lease]);
            }
            Err(CommitError::Conflict(_) | CommitError::KeyUsed(_)) => {
                // Its end was ordered while it was made; that order waits for us to let go.
                self.waiters.tell(grant_id, &Err(Failure::Ended));
                self.take_as_recorded(id).await;
            }
        }
    }

    async fn commit_live(&self, lease: Lease, issued: Issued) -> Result<Lease, CommitError> {
        let now = self.clock.now();
        let mut changes = Changes::default();
        let step = lease.issued(issued.locator, issued.connection, now);
        let live = changes.lease(step.map_err(|e| CommitError::Conflict(e.to_string()))?);
        let sole = match self.store.grant(live.grant_id).await {
            Ok(Some(grant)) if grant.scope.by_resource().len() == 1 => Some(grant),
            Ok(_) | Err(_) => None,
        };
        if let Some(step) = sole.and_then(|grant| grant.activated(now).ok()) {
            let grant = changes.grant(step);
            changes.notices(self.notices_of_grant("activated", &grant, now).await);
        }
        self.commit(changes).await.map(|_| live)
    }

    /// A lease could not be made: it is ended (it may exist), and with it the whole activation.
    pub(crate) async fn lease_failed(&self, lease: Lease, failure: Failure) {
        let (id, grant_id) = (lease.id, lease.grant_id);
        let because = failure.to_string();
        let mut changes = Changes::default();
        let step = lease.clone().revoking(&Subject::system(), &because, self.clock.now());
        let ending = step.map(|step| changes.lease(step));
        let committed = self.commit(changes).await;
        self.busy.done(id);
        match (ending, committed) {
            (Ok(ending), Ok(_)) => self.take([ending]),
            (Err(_), _) | (_, Err(CommitError::Conflict(_) | CommitError::KeyUsed(_))) => {
                self.take_as_recorded(id).await
            }
            (Ok(_), Err(CommitError::Unavailable(_))) => self.take([lease]),
        }
        self.fail_activation(grant_id, failure).await;
    }

    /// Makes the grant `Active` once every lease of its activation is live, or fails it once one cannot be.
    pub(crate) async fn settle_activation(&self, grant_id: Id<Grant>) {
        for _ in 0..ATTEMPTS {
            let Ok(Some(grant)) = self.store.grant(grant_id).await else { return };
            match grant.state {
                GrantState::Activating { .. } => {}
                GrantState::Active { until, .. } => {
                    self.due_at(until);
                    return self.waiters.tell(grant_id, &Ok(()));
                }
                GrantState::Approved { .. } => return,
                GrantState::Ending { .. } | GrantState::Ended { .. } => {
                    return self.waiters.tell(grant_id, &Err(Failure::Ended));
                }
            }
            let current = current_leases(&grant);
            // Before they are read: what is not being made any more is in the ledger as it came out.
            if current.iter().any(|lease| self.busy.is_making(*lease)) {
                return;
            }
            let Ok(leases) = self.store.leases(&current).await else { return };
            if !leases.iter().all(|l| matches!(l.state, LeaseState::Live { .. })) {
                return self.fail_activation(grant_id, Failure::Ended).await;
            }
            let now = self.clock.now();
            let mut changes = Changes::default();
            let Ok(step) = grant.activated(now) else { return };
            let grant = changes.grant(step);
            changes.notices(self.notices_of_grant("activated", &grant, now).await);
            match self.commit(changes).await {
                Ok(_) | Err(CommitError::Conflict(_) | CommitError::KeyUsed(_)) => {}
                Err(CommitError::Unavailable(_)) => return,
            }
        }
    }

    /// Ends what an activation has made so far; the grant is `Approved` again.
    async fn fail_activation(&self, grant_id: Id<Grant>, failure: Failure) {
        for _ in 0..ATTEMPTS {
            let Ok(Some(grant)) = self.store.grant(grant_id).await else { break };
            let GrantState::Activating { .. } = grant.state else { break };
            let Ok(leases) = self.store.leases(&current_leases(&grant)).await else { break };
            let now = self.clock.now();
            let mut changes = Changes::default();
            let Ok(step) = grant.activation_failed(&failure.to_string(), now) else { break };
            changes.grant(step);
            let mut ending = Vec::new();
            // Also what is still being made: its giver then finds that its end was ordered, and hands it over.
            for lease in leases {
                if let Ok(step) = lease.revoking(&Subject::system(), "another part of the grant could not be made", now)
                {
                    ending.push(changes.lease(step));
                }
            }
            match self.commit(changes).await {
                Ok(_) => {
                    self.take(ending);
                    break;
                }
                Err(CommitError::Conflict(_) | CommitError::KeyUsed(_)) => {}
                // The order may stand or not, and access ends meanwhile.
                Err(CommitError::Unavailable(_)) => {
                    self.take(ending);
                    break;
                }
            }
        }
        self.waiters.tell(grant_id, &Err(failure));
    }

    /// Puts a lease into its taking lane as the ledger has it, if the ledger has its end ordered.
    pub(crate) async fn take_as_recorded(&self, id: Id<Lease>) {
        match self.store.lease(id).await {
            Ok(Some(lease)) => match lease.state {
                LeaseState::Revoking { .. } | LeaseState::LockedOut { .. } => self.take([lease]),
                LeaseState::Wanted | LeaseState::Issuing { .. } | LeaseState::Live { .. } => self.look.give(),
                LeaseState::Revoked { .. } => {}
            },
            Ok(None) | Err(_) => self.look.give(),
        }
    }
}

/// How often a step that lost a race is decided again.
pub(crate) const ATTEMPTS: usize = 16;

/// The leases of the newest activation: one for each resource of the scope.
pub(crate) fn current_leases(grant: &Grant) -> Vec<Id<Lease>> {
    grant.current_leases().to_vec()
}
