//! What is known about a request beside what it says. Each fact comes in here, and what no part of this server can
//! know stays unknown: policy denies by it.

use crate::Engine;
use crate::seams::store::{Ended, GrantFilter, Page, ReadError};
use curfew_domain::{Grant, GrantState, RoleName, Seconds, Subject, Timestamp, limits};
use curfew_policy::{Facts, Grants, Role};
use futures::lock::MutexGuard;
use std::net::IpAddr;

/// Grants of a subject that are read at once.
const ROWS: usize = 200;

impl Engine {
    /// What is known of a request of this subject; `about` is the grant that it became, if it did.
    pub(crate) async fn facts(
        &self,
        role: &Role,
        subject: &Subject,
        source_ip: Option<IpAddr>,
        about: Option<&Grant>,
    ) -> Result<Facts, ReadError> {
        let mut facts = Facts { source_ip: source_ip.map(|address| address.to_canonical()), ..Facts::default() };
        if counts(role) {
            facts.grants = Some(self.grants_beside(role, subject, about).await?);
        }
        Ok(facts)
    }

    /// Makes whoever wants a role that counts its grants wait for the one before, from the count to the commit.
    pub(crate) async fn counting(&self, role: &RoleName) -> Option<MutexGuard<'_, ()>> {
        let counts = self.policy().role(role).is_some_and(counts);
        if counts { Some(self.counting.lock().await) } else { None }
    }

    async fn grants_beside(&self, role: &Role, subject: &Subject, about: Option<&Grant>) -> Result<Grants, ReadError> {
        let mut grants = Grants::default();
        let filter = GrantFilter { role: Some(role.name.clone()), ..GrantFilter::default() };
        for grant in self.store.grants(&filter, Page { before: None, limit: usize::MAX }).await? {
            if stands_before(&grant, about) {
                grants.in_all += 1;
                grants.of_subject += u32::from(grant.subject.is_same_as(subject));
            }
        }
        let (budget, cooldown) = (&role.constraints.budget, &role.constraints.cooldown);
        if budget.is_none() && cooldown.is_none() {
            return Ok(grants);
        }
        let now = self.clock.now();
        let per = budget.as_ref().map_or(Seconds::new(0), |budget| budget.per);
        let wait = cooldown.as_ref().map_or(Seconds::new(0), |cooldown| cooldown.wait);
        let since = before(now, per);
        let mut spent: u64 = 0;
        for grant in self.grants_since(role, subject, before(now, per.max(wait))).await? {
            // An extension is judged as a request for all of it.
            if about.is_some_and(|about| about.id == grant.id) {
                continue;
            }
            let Some((from, to)) = access(&grant) else { continue };
            spent = spent.saturating_add(to.millis_since(from.max(since)).div_ceil(1_000));
            if matches!(grant.state, GrantState::Ending { .. } | GrantState::Ended { .. }) {
                grants.last_ended = grants.last_ended.max(Some(to));
            }
        }
        grants.spent = Seconds::new(u32::try_from(spent).unwrap_or(u32::MAX));
        Ok(grants)
    }

    /// Every grant of the role and subject that may have given access since then.
    async fn grants_since(&self, role: &Role, subject: &Subject, since: Timestamp) -> Result<Vec<Grant>, ReadError> {
        // No grant was made earlier than its claim and its longest life before that.
        let claimed_by = before(since, limits::LONGEST_GRANT);
        let filter = GrantFilter {
            subject: Some(subject.id.clone()),
            role: Some(role.name.clone()),
            ended: Ended::Listed,
            ..GrantFilter::default()
        };
        let (mut grants, mut next) = (Vec::new(), None);
        loop {
            let rows = self.store.grants(&filter, Page { before: next, limit: ROWS }).await?;
            let whole = rows.len() == ROWS;
            for grant in rows {
                next = Some(grant.id.as_u128());
                if grant.approved_at < before(claimed_by, role.activation.claim_within) {
                    return Ok(grants);
                }
                grants.push(grant);
            }
            if !whole {
                return Ok(grants);
            }
        }
    }
}

/// Whether a role says how many grants of it there may be, or how much they may come to.
fn counts(role: &Role) -> bool {
    let c = &role.constraints;
    c.concurrency.is_some() || c.budget.is_some() || c.cooldown.is_some()
}

/// Whether a grant counts beside the one that the question is about: of those that wait for their subjects, the ones
/// that were approved earlier.
fn stands_before(grant: &Grant, about: Option<&Grant>) -> bool {
    match grant.state {
        GrantState::Activating { .. } | GrantState::Active { .. } => about.is_none_or(|about| about.id != grant.id),
        GrantState::Approved { .. } => {
            about.is_none_or(|about| (grant.approved_at, grant.id) < (about.approved_at, about.id))
        }
        GrantState::Ending { .. } | GrantState::Ended { .. } => false,
    }
}

/// From when to when a grant gave access, or will.
fn access(grant: &Grant) -> Option<(Timestamp, Timestamp)> {
    match &grant.state {
        GrantState::Approved { .. } => None,
        GrantState::Activating { activated_at, until, .. } | GrantState::Active { activated_at, until, .. } => {
            Some((*activated_at, *until))
        }
        GrantState::Ending { activated_at, since, .. } => Some(((*activated_at)?, *since)),
        GrantState::Ended { activated_at, evidence, .. } => Some(((*activated_at)?, evidence.at())),
    }
}

fn before(now: Timestamp, length: Seconds) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_sub(i64::from(length.as_secs()) * 1_000))
}
