//! What each host was told of the ledger, and what is done when this ledger is an older copy of it.

use super::connector::{Ssh, unreadable};
use super::desk::Desk;
use super::facts;
use curfew_domain::ResourceName;
use curfew_engine::seams::connector::{CallError, LedgerMark, Target, Told};

impl Ssh {
    /// What the hosts said in their reports since this server began.
    pub(super) async fn told_hosts(&self, target: &Target) -> Result<Told, CallError> {
        let resource = &target.resource;
        let enrolled = facts::enrolled(&*self.store, resource).await.map_err(|e| unreadable(resource, e))?;
        let desk = self.desk(resource).await?;
        let state = desk.lock();
        let mut told = Told::default();
        for host in &enrolled {
            match (state.strange.get(host), state.hosts.get(host)) {
                (Some(mark), _) => told.marks.push(mark.clone()),
                // What it said was in the ledger, or was dealt with: it would not have been served otherwise.
                (None, Some(_)) => {}
                (None, None) => told.silent.push(format!("`curfew host` on {host} has not reported since")),
            }
        }
        Ok(told)
    }

    /// Whether a host may be served: everything that it was told of is in the ledger. A host that knows more keeps
    /// what it has; this ledger would have it refuse less.
    pub(super) async fn check_mark(
        &self,
        resource: &ResourceName,
        (desk, host): (&Desk, &str),
        mark: Option<&LedgerMark>,
    ) -> Result<(), CallError> {
        let Some(mark) = mark else { return Ok(()) };
        let there = self.store.events(mark.seq, 1).await.map_err(|e| unreadable(resource, e))?;
        let known = there.first().is_some_and(|event| event.seq == mark.seq && event.leaf_hash == mark.leaf_hash);
        let forgiven = || facts::forgiven(&*self.store, resource, host);
        if known || forgiven().await.map_err(|e| unreadable(resource, e))?.as_ref() == Some(mark) {
            desk.lock().strange.remove(host);
            return Ok(());
        }
        desk.lock().strange.insert(host.to_owned(), mark.clone());
        let message =
            "this ledger is an older copy of one that the host was told of; it is served again when what that \
                       leaves in doubt was ended, with the server's next look"
                .to_owned();
        Err(CallError::Refused { resource: resource.to_string(), message })
    }

    /// How far the ledger has come.
    pub(super) async fn mark(&self, resource: &ResourceName) -> Result<LedgerMark, CallError> {
        let head = self.store.tree_head().await.map_err(|e| unreadable(resource, e))?;
        let last = self.store.events(head.size.saturating_sub(1), 1).await.map_err(|e| unreadable(resource, e))?;
        let mark = |event: &curfew_domain::audit::SealedEvent| LedgerMark {
            seq: event.seq,
            leaf_hash: event.leaf_hash.clone(),
        };
        Ok(last.first().map(mark).unwrap_or_default())
    }

    /// Certificates that only a lost ledger knew cannot be named, so another authority takes the place of the one that
    /// signed them, at once.
    pub(super) async fn replace_authority(&self, target: &Target) -> Result<(), CallError> {
        let resource = &target.resource;
        self.check_epoch(target).await?;
        let desk = self.desk(resource).await?;
        let strange = desk.lock().strange.clone();
        let authority = self.next_signer(resource).await?;
        self.commit(resource, facts::begun_again(resource, authority.number, &strange)).await?;
        desk.lock().strange.retain(|host, mark| strange.get(host) != Some(mark));
        desk.duties_changed();
        Ok(())
    }
}
