//! What can be said for good of a run: that it is over, what was given with it, and how the end of each is known.

use super::run::Lives;
use super::runs::{ALL, SeenRun, WhichRun};
use crate::Engine;
use crate::seams::store::{BoundToken, Ended, GrantFilter, ReadError, RequestFilter};
use curfew_domain::approval::Verdict;
use curfew_domain::lease::Evidence;
use curfew_domain::{Approval, Grant, GrantState, Id, Identity, Lease, Request, Run, RunEnd, RunState, Timestamp};
use std::collections::BTreeSet;
use std::fmt;

/// A run that is over, with every grant of it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedRun {
    /// The run.
    pub run: Run,
    /// Since when it is over.
    pub over_at: Timestamp,
    /// Why.
    pub over_because: RunEnd,
    /// What the caller may see of what was given, oldest first.
    pub grants: Vec<ClosedGrant>,
    /// How many more there were.
    pub withheld: usize,
    /// How many ends are not verified, of those that the caller may see and of the others.
    pub unverified: usize,
}

/// A grant that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedGrant {
    /// The grant.
    pub grant: Grant,
    /// Every lease ever made under it, oldest first.
    pub leases: Vec<Lease>,
    /// Who said yes to it, or to more time for it, and to which request; nobody where policy alone gave it.
    pub approvals: Vec<(Id<Request>, Approval)>,
}

/// Grants that have not ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StillOpen {
    /// Those that the caller may see, with the words of their states.
    pub seen: Vec<(Id<Grant>, &'static str)>,
    /// How many others.
    pub others: usize,
}

impl fmt::Display for StillOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.seen.iter().map(|(id, state)| format!("{id} is {state}"));
        let others = (self.others > 0).then(|| format!("{} more that you may not see", self.others));
        f.write_str(&seen.chain(others).collect::<Vec<_>>().join(", "))
    }
}

/// Why nothing can be said for good of a run.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    /// There is none, or none that the caller may see.
    #[error("there is no such run")]
    NotFound,
    /// A client of it beats.
    #[error("the run is not over: a client of it beats{}", also(.0))]
    Live(StillOpen),
    /// Something of it has not ended.
    #[error("not everything that was given with the run has ended: {0}")]
    Open(StillOpen),
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Engine {
    /// A run of which everything has ended, for those who may see it, with as much of it as they may see.
    ///
    /// # Errors
    /// When there is none that the caller may see, it is not over, a grant of it has not ended, or the ledger cannot be read.
    pub async fn closed_run(
        &self,
        who: &Identity,
        client: Option<&BoundToken>,
        which: &WhichRun,
    ) -> Result<ClosedRun, AttestError> {
        let seen = self.find_run(who, client, which).await?.ok_or(AttestError::NotFound)?;
        let SeenRun { lives: Lives { run, .. }, grants, .. } = seen;
        let visible: BTreeSet<_> = grants.iter().map(|grant| grant.id).collect();
        // Nothing is given to a run that is over: once it is, these are all there will ever be.
        let given = GrantFilter { run: Some(run.id), ended: Ended::Listed, ..GrantFilter::default() };
        let mut all = self.store.grants(&given, ALL).await?;
        all.reverse();
        let open = still_open(&all, &visible);
        let RunState::Over { at: over_at, why: over_because } = run.state else {
            return Err(AttestError::Live(open));
        };
        if open != StillOpen::default() {
            return Err(AttestError::Open(open));
        }
        let unverified = all.iter().filter(|grant| !is_verified_gone(grant)).count();
        let withheld = all.iter().filter(|grant| !visible.contains(&grant.id)).count();
        let asked = RequestFilter { run: Some(run.id), ..RequestFilter::default() };
        let requests = self.store.requests(&asked, ALL).await?;
        let mut grants = Vec::new();
        for grant in all.into_iter().filter(|grant| visible.contains(&grant.id)) {
            let leases = self.store.leases(&grant.leases).await?;
            let approvals = approvals(&grant, &requests);
            grants.push(ClosedGrant { grant, leases, approvals });
        }
        Ok(ClosedRun { run, over_at, over_because, grants, withheld, unverified })
    }
}

/// What else is to be said while a run lives.
fn also(open: &StillOpen) -> String {
    let open = open.to_string();
    if open.is_empty() { open } else { format!("; {open}") }
}

fn still_open(all: &[Grant], visible: &BTreeSet<Id<Grant>>) -> StillOpen {
    let mut open = StillOpen::default();
    for grant in all {
        match &grant.state {
            GrantState::Ended { .. } => {}
            GrantState::Approved { .. }
            | GrantState::Activating { .. }
            | GrantState::Active { .. }
            | GrantState::Ending { .. } => {
                if visible.contains(&grant.id) {
                    open.seen.push((grant.id, grant.state_word()));
                } else {
                    open.others += 1;
                }
            }
        }
    }
    open
}

/// Whether every target was read after the end, and shows no access.
fn is_verified_gone(grant: &Grant) -> bool {
    match &grant.state {
        GrantState::Ended { evidence: Evidence::Read { .. }, .. } => true,
        GrantState::Ended { evidence: Evidence::Unread { .. }, .. }
        | GrantState::Approved { .. }
        | GrantState::Activating { .. }
        | GrantState::Active { .. }
        | GrantState::Ending { .. } => false,
    }
}

/// Every yes to the request that it came from, and to those for more time that it got, oldest first.
fn approvals(grant: &Grant, requests: &[Request]) -> Vec<(Id<Request>, Approval)> {
    let mut given: Vec<_> = requests
        .iter()
        .filter(|request| request.grant_id() == Some(grant.id))
        .flat_map(|request| request.approvals.iter().map(move |approval| (request.id, approval.clone())))
        .filter(|(_, approval)| approval.verdict == Verdict::Approve)
        .collect();
    given.sort_by_key(|(_, approval)| approval.at);
    given
}
