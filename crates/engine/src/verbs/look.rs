//! Seeing: who may see what, and listings that show just that.

use super::decide::DecideError;
use crate::Engine;
use crate::engine::{GrantRef, Unnamed};
use crate::seams::store::{Ended, GrantFilter, Page, ReadError, RequestFilter};
use curfew_domain::audit::AuditAction;
use curfew_domain::{
    Grant, GrantState, Id, Identity, Lease, LeaseState, Opening, Request, ResourceName, RoleName, Subject, SubjectId,
    SubjectKind, Timestamp,
};
use curfew_policy::Approver;
use std::time::Duration;

/// Whose requests are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Everything the caller may see.
    Visible,
    /// Undecided ones the caller may see.
    Pending,
    /// The caller's own.
    Mine,
    /// Undecided ones the caller may decide.
    ToApprove,
}

/// How much somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Their own, and what they may decide.
    Own,
    /// Everything.
    Everything,
}

/// A page of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What the caller may see.
    pub requests: Vec<Request>,
    /// Where to go on from, as 128 bits of an id; none at the end.
    pub next: Option<u128>,
}

/// Somebody's order to end a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndOrdered {
    /// Who gave it; Curfew itself when the time was over.
    pub by: Subject,
    /// Why.
    pub because: String,
    /// When.
    pub at: Timestamp,
}

/// Why a lease's end is not done yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldUp {
    /// What stood in the way of the last try.
    pub because: String,
    /// When it is tried again; none while the target is probed every second: then as soon as it answers.
    pub next_at: Option<Timestamp>,
}

/// Rows looked at for one page before giving what was found.
const SCAN: usize = 1_000;
/// Rows read at once.
const ROWS: usize = 200;

impl Engine {
    /// Whether somebody may revoke anything and apply policy.
    pub fn may_administer(&self, who: &Identity) -> bool {
        let policy = self.policy();
        if policy.names_administrators() { policy.may_administer(who) } else { self.everybody_may(who) }
    }

    /// How much somebody may see: auditors and administrators see everything.
    pub fn sight(&self, who: &Identity) -> Sight {
        let policy = self.policy();
        let auditor = if policy.names_auditors() { policy.may_audit(who) } else { self.everybody_may(who) };
        if auditor || self.may_administer(who) { Sight::Everything } else { Sight::Own }
    }

    /// Where the policy names nobody, a development server lets every person; a machine never.
    fn everybody_may(&self, who: &Identity) -> bool {
        self.unnamed == Unnamed::Everybody && who.subject.kind == SubjectKind::Person
    }

    /// A request, if there is one that the caller may see.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn find_request(&self, who: &Identity, id: Id<Request>) -> Result<Option<Request>, ReadError> {
        Ok(self.store.request(id).await?.filter(|request| self.may_see(who, request)))
    }

    /// A grant, if there is one that the caller may see.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn find_grant(&self, who: &Identity, which: GrantRef) -> Result<Option<Grant>, ReadError> {
        let grant = match which {
            GrantRef::Grant(id) => self.store.grant(id).await?,
            GrantRef::Request(id) => match self.store.request(id).await?.and_then(|r| r.grant_id()) {
                Some(id) => self.store.grant(id).await?,
                None => None,
            },
        };
        Ok(grant.filter(|grant| self.may_see_grant(who, grant)))
    }

    /// Requests the caller may see, newest first. A page may be short, or empty, and still have a place to go on
    /// from: other people's requests are looked through a bounded number at a time.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn list_requests(&self, who: &Identity, which: Which, page: Page) -> Result<Found, ReadError> {
        let state = match which {
            Which::Pending | Which::ToApprove => Some("pending"),
            Which::Visible | Which::Mine => None,
        };
        let mine = (which == Which::Mine).then(|| who.subject.ids());
        let filter = RequestFilter { state, ..RequestFilter::default() };
        let keep = |request: &Request| match which {
            Which::Visible | Which::Pending => self.may_see(who, request),
            Which::Mine => true,
            Which::ToApprove => self.may_decide(who, request),
        };
        let mut found = Vec::new();
        let mut next = page.before;
        for _ in 0..SCAN / ROWS {
            let whole_page = Page { before: next, limit: ROWS };
            let rows = match &mine {
                Some(ids) => self.requests_of(ids, whole_page).await?,
                None => self.store.requests(&filter, whole_page).await?,
            };
            let whole = rows.len() == ROWS;
            for request in rows {
                if found.len() == page.limit {
                    return Ok(Found { requests: found, next });
                }
                next = Some(request.id.as_u128());
                if keep(&request) {
                    found.push(request);
                }
            }
            if !whole {
                return Ok(Found { requests: found, next: None });
            }
        }
        Ok(Found { requests: found, next })
    }

    /// Grants the caller may see, newest first: their own, or with [`Sight::Everything`] asked for, all.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn list_grants(
        &self,
        who: &Identity,
        all: Sight,
        ended: Ended,
        page: Page,
    ) -> Result<Vec<Grant>, ReadError> {
        if all == Sight::Everything && self.sight(who) == Sight::Everything {
            return self.store.grants(&GrantFilter { ended, ..GrantFilter::default() }, page).await;
        }
        let mut found = Vec::new();
        for id in who.subject.ids() {
            let filter = GrantFilter { subject: Some(id), ended, ..GrantFilter::default() };
            found.extend(self.store.grants(&filter, page.clone()).await?);
        }
        found.sort_by_key(|one| std::cmp::Reverse(one.id));
        found.truncate(page.limit);
        Ok(found)
    }

    /// What was asked under any of these ids, newest first: a trigger may have asked for somebody before they ever
    /// signed in.
    async fn requests_of(&self, ids: &[SubjectId], page: Page) -> Result<Vec<Request>, ReadError> {
        let mut found = Vec::new();
        for id in ids {
            let filter = RequestFilter { subject: Some(id.clone()), ..RequestFilter::default() };
            found.extend(self.store.requests(&filter, page.clone()).await?);
        }
        found.sort_by_key(|one| std::cmp::Reverse(one.id));
        found.truncate(page.limit);
        Ok(found)
    }

    /// Everything that gives, or may still give, access to a resource.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn who_has(&self, resource: &ResourceName) -> Result<Vec<Grant>, ReadError> {
        let filter = GrantFilter { resource: Some(resource.clone()), ..GrantFilter::default() };
        self.store.grants(&filter, Page { before: None, limit: 10_000 }).await
    }

    /// Whether the policy in force or any grant there ever was names this resource.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn knows_resource(&self, resource: &ResourceName) -> Result<bool, ReadError> {
        let filter = GrantFilter { resource: Some(resource.clone()), ended: Ended::Listed, ..GrantFilter::default() };
        Ok(self.policy().names_resource(resource) || self.is_granted(&filter).await?)
    }

    /// Whether the policy in force has this role, or any grant there ever was is of it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn knows_role(&self, role: &RoleName) -> Result<bool, ReadError> {
        let filter = GrantFilter { role: Some(role.clone()), ended: Ended::Listed, ..GrantFilter::default() };
        Ok(self.policy().role(role).is_some() || self.is_granted(&filter).await?)
    }

    async fn is_granted(&self, filter: &GrantFilter) -> Result<bool, ReadError> {
        Ok(!self.store.grants(filter, Page { before: None, limit: 1 }).await?.is_empty())
    }

    /// Who ordered the end of a grant, when and why; none while nobody has.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn end_order(&self, grant: &Grant) -> Result<Option<EndOrdered>, ReadError> {
        if !matches!(grant.state, GrantState::Ending { .. } | GrantState::Ended { .. }) {
            return Ok(None);
        }
        let events = self.store.events_about(&grant.id.to_string()).await?;
        let order = events.into_iter().map(|sealed| sealed.event).find(|e| e.action == AuditAction::GrantEnding);
        Ok(order.map(|event| EndOrdered { by: event.actor, because: event.because, at: event.at }))
    }

    /// What holds up the end of a lease, as the last try saw it; none when no try of this server failed.
    pub fn held_up(&self, lease: &Lease) -> Option<HeldUp> {
        match lease.state {
            LeaseState::Revoking { .. } | LeaseState::LockedOut { .. } => {}
            LeaseState::Wanted | LeaseState::Issuing { .. } | LeaseState::Live { .. } | LeaseState::Revoked { .. } => {
                return None;
            }
        }
        let (because, wait) = self.retries.standing(lease.id, self.clock.monotonic())?;
        let after = |wait: Duration| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let next_at = wait.map(|wait| Timestamp::from_millis(self.clock.now().as_millis().saturating_add(after(wait))));
        Some(HeldUp { because, next_at })
    }

    /// Whether the caller could decide this request, or could have.
    pub fn may_decide(&self, who: &Identity, request: &Request) -> bool {
        if request.is_behind(&who.subject) {
            return false;
        }
        let policy = self.policy();
        let approver = Approver { who, oncall: None };
        let mut stages =
            request.decision.stages.iter().map(|stage| (stage.name.as_str(), request.opening(&stage.name)));
        stages.any(|stage| policy.may_decide(&request.role, stage, approver, &request.subject).is_ok())
    }

    pub(crate) async fn visible_request(&self, who: &Identity, id: Id<Request>) -> Result<Request, DecideError> {
        self.find_request(who, id).await?.ok_or(DecideError::NotFound)
    }

    /// Whether the caller may see this request.
    pub fn may_see(&self, who: &Identity, request: &Request) -> bool {
        request.subject.is_same_as(&who.subject)
            || self.sight(who) == Sight::Everything
            || self.may_decide(who, request)
    }

    /// Whether the caller may see this grant.
    pub fn may_see_grant(&self, who: &Identity, grant: &Grant) -> bool {
        grant.subject.is_same_as(&who.subject)
            || self.sight(who) == Sight::Everything
            || self.may_decide_grant(who, grant)
    }

    pub(crate) fn may_revoke(&self, who: &Identity, grant: &Grant) -> bool {
        self.may_administer(who) || self.may_decide_grant(who, grant)
    }

    /// Whether the role names them among those who approve, in whatever list: whoever may come to give it may end it.
    fn may_decide_grant(&self, who: &Identity, grant: &Grant) -> bool {
        let policy = self.policy();
        let Some(role) = policy.role(&grant.role) else { return false };
        let approver = Approver { who, oncall: None };
        let lists = [Opening::Escalated, Opening::FallbackEscalated];
        let mut stages = role.approval.stages().iter().flat_map(|stage| lists.map(|list| (stage.name.as_str(), list)));
        stages.any(|stage| policy.may_decide(&grant.role, stage, approver, &grant.subject).is_ok())
    }
}
