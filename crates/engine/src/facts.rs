//! What is known about a request beside what it says. Each fact comes in here, and what no part of this server can
//! know stays unknown: policy denies by it.

use crate::Engine;
use crate::seams::store::{Ended, GrantFilter, Page, ReadError};
use curfew_domain::{Grant, GrantState, LivesWith, RoleName, Seconds, Subject, Timestamp, WorkloadToken, limits};
use curfew_policy::{Claims, Facts, Grants, Provider, Role, Token};
use futures::lock::MutexGuard;
use std::net::IpAddr;

/// What policy is asked about a run by; none when this version does not know its provider.
pub fn token_of(said: &WorkloadToken) -> Option<Token> {
    let provider = Provider::of(&said.run.provider)?;
    Some(Token { provider, issuer: Some(said.run.issuer.clone()), claims: Claims::from_flat(said.claims.clone()) })
}

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

    /// The token of the run that something of a role lives with: that of the client it lives with or, for people, the
    /// one that fired it. None when that is gone, and for what lives with nothing.
    pub(crate) async fn token_behind(
        &self,
        lives: Option<&LivesWith>,
        role: &RoleName,
    ) -> Result<Option<Token>, ReadError> {
        let Some(lives) = lives else { return Ok(None) };
        let said = match &lives.beat {
            Some(beat) => self.store.beat(lives.run, beat).await?.map(|held| held.token),
            None => self.store.run(lives.run).await?.map(|run| run.token_for(role).clone()),
        };
        Ok(said.as_ref().and_then(token_of))
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
        let made_by = before(claimed_by, role.activation.claim_within);
        let mut grants = Vec::new();
        for id in subject.ids() {
            let filter = GrantFilter {
                subject: Some(id),
                role: Some(role.name.clone()),
                ended: Ended::Listed,
                ..GrantFilter::default()
            };
            self.grants_of(&filter, made_by, &mut grants).await?;
        }
        Ok(grants)
    }

    async fn grants_of(
        &self,
        filter: &GrantFilter,
        made_by: Timestamp,
        grants: &mut Vec<Grant>,
    ) -> Result<(), ReadError> {
        let mut next = None;
        loop {
            let rows = self.store.grants(filter, Page { before: next, limit: ROWS }).await?;
            let whole = rows.len() == ROWS;
            for grant in rows {
                next = Some(grant.id.as_u128());
                if grant.approved_at < made_by {
                    return Ok(());
                }
                grants.push(grant);
            }
            if !whole {
                return Ok(());
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
