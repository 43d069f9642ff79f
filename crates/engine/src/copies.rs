//! A ledger that is an older copy of the one a target was served by: a backup that was restored.
//!
//! Each target remembers how far the ledger had come when access was made there, and at each look. What it remembers
//! and the ledger does not have was lost with it; then nobody can tell which of the grants that the copy holds were
//! used and ended since. All of those for that target end.

use crate::Engine;
use crate::ending::{EndOrder, OrderError};
use crate::lanes::Lane;
use crate::seams::connector::{CallError, LedgerMark, Target, Told};
use curfew_domain::{EndCause, Grant, GrantState, Subject};

/// What a target shows of the ledger's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// The ledger has everything that the target was told of.
    Whole,
    /// It had not, and what that leaves in doubt was ended a moment ago.
    WasLost,
}

impl Engine {
    /// Makes what Curfew keeps in a target, once per server and definition, and compares the ledger with what the
    /// target was told. Comes before the first issue.
    pub(crate) async fn prepare(&self, lane: &Lane, target: &Target) -> Result<Past, CallError> {
        if lane.is_prepared() {
            return Ok(Past::Whole);
        }
        lane.connector.prepare(target).await?;
        let (past, _) = self.compare(lane, target).await?;
        lane.set_prepared();
        Ok(past)
    }

    /// Compares the ledger with what a target was told, and tells it how far the ledger has come.
    pub(crate) async fn compare(&self, lane: &Lane, target: &Target) -> Result<(Past, Told), CallError> {
        let told = lane.connector.told(target).await?;
        for mark in &told.marks {
            if !self.has(lane, mark).await? {
                self.begin_again(lane).await?;
                return Ok((Past::WasLost, told));
            }
        }
        if told.marks != [target.mark.clone()] {
            lane.connector.tell(target).await?;
        }
        Ok((Past::Whole, told))
    }

    /// Whether a grant that was approved before this server started may still be claimed: every part of the target
    /// has to say that the ledger is not an older copy, in which the grant may have ended since.
    pub(crate) async fn may_be_old(&self, lane: &Lane, grant: &Grant) -> Result<(), CallError> {
        if grant.approved_at > self.standing().began {
            return Ok(());
        }
        let target = self.target(lane)?;
        self.prepare(lane, &target).await?;
        let (_, told) = self.compare(lane, &target).await?;
        match told.silent.first() {
            None => Ok(()),
            Some(silent) => {
                let message =
                    format!("it was approved before this server started, and {silent}: try again, or ask again");
                Err(CallError::Refused { resource: lane.resource.to_string(), message })
            }
        }
    }

    async fn has(&self, lane: &Lane, mark: &LedgerMark) -> Result<bool, CallError> {
        let unread = |error: crate::seams::store::ReadError| CallError::Refused {
            resource: lane.resource.to_string(),
            message: error.to_string(),
        };
        let there = self.store.events(mark.seq, 1).await.map_err(unread)?;
        Ok(there.first().is_some_and(|event| event.seq == mark.seq && event.leaf_hash == mark.leaf_hash))
    }

    /// Ends what the copy holds for the target, then lets the target go on with it.
    async fn begin_again(&self, lane: &Lane) -> Result<(), CallError> {
        let _one = self.beginning_again.lock().await;
        let resource = &lane.resource;
        self.alarm(
            resource,
            "the ledger is an older copy of one that served it: what the copy had open there is ended",
        )
        .await;
        let refused = |message: String| CallError::Refused { resource: resource.to_string(), message };
        for grant in self.store.open_grants().await.map_err(|error| refused(error.to_string()))? {
            let Some(because) = self.why_not(&grant).filter(|_| is_for(&grant, lane)) else { continue };
            let order = EndOrder { cause: EndCause::Revoked, actor: &Subject::system(), because };
            match self.order_end(grant, &order).await {
                Ok(_) | Err(OrderError::AlreadyEnding(..)) => {}
                Err(error) => return Err(refused(error.to_string())),
            }
        }
        lane.connector.begin_again(&self.target(lane)?).await
    }

    /// Why a grant does not outlast that a target begins again: it may have ended since the copy, or what it gave opens
    /// nothing there any more, as a certificate of the authority before.
    fn why_not(&self, grant: &Grant) -> Option<&'static str> {
        if grant.approved_at <= self.standing().began {
            return Some("the ledger was restored from an older copy, in which it may have ended since");
        }
        let given = matches!(grant.state, GrantState::Active { .. });
        given.then_some("the ledger was restored from an older copy, and its target takes nothing that was made before")
    }
}

fn is_for(grant: &Grant, lane: &Lane) -> bool {
    let open = match grant.state {
        GrantState::Approved { .. } | GrantState::Activating { .. } | GrantState::Active { .. } => true,
        GrantState::Ending { .. } | GrantState::Ended { .. } => false,
    };
    open && grant.scope.by_resource().contains_key(&lane.resource)
}
