//! Seeing: who may see what, and listings that show just that.

use super::decide::DecideError;
use crate::Engine;
use crate::engine::{GrantRef, Unnamed};
use crate::seams::store::{Ended, GrantFilter, Page, ReadError, RequestFilter};
use curfew_domain::{Grant, Id, Identity, Request, ResourceName};

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

/// Rows looked at for one page before giving what was found.
const SCAN: usize = 1_000;
/// Rows read at once.
const ROWS: usize = 200;

impl Engine {
    /// Whether somebody may revoke anything and apply policy.
    pub fn may_administer(&self, who: &Identity) -> bool {
        let policy = self.policy();
        if policy.names_administrators() { policy.may_administer(who) } else { self.unnamed == Unnamed::Everybody }
    }

    /// How much somebody may see: auditors and administrators see everything.
    pub fn sight(&self, who: &Identity) -> Sight {
        let policy = self.policy();
        let auditor = if policy.names_auditors() { policy.may_audit(who) } else { self.unnamed == Unnamed::Everybody };
        if auditor || self.may_administer(who) { Sight::Everything } else { Sight::Own }
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
        let subject = (which == Which::Mine).then(|| who.subject.id.clone());
        let filter = RequestFilter { subject, state };
        let keep = |request: &Request| match which {
            Which::Visible | Which::Pending => self.may_see(who, request),
            Which::Mine => true,
            Which::ToApprove => self.may_decide(who, request),
        };
        let mut found = Vec::new();
        let mut next = page.before;
        for _ in 0..SCAN / ROWS {
            let rows = self.store.requests(&filter, Page { before: next, limit: ROWS }).await?;
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
        let everything = all == Sight::Everything && self.sight(who) == Sight::Everything;
        let subject = (!everything).then(|| who.subject.id.clone());
        self.store.grants(&GrantFilter { subject, resource: None, role: None, ended }, page).await
    }

    /// Everything that gives, or may still give, access to a resource.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn who_has(&self, resource: &ResourceName) -> Result<Vec<Grant>, ReadError> {
        let filter = GrantFilter { resource: Some(resource.clone()), ..GrantFilter::default() };
        self.store.grants(&filter, Page { before: None, limit: 10_000 }).await
    }

    /// Whether the caller could decide this request, or could have.
    pub fn may_decide(&self, who: &Identity, request: &Request) -> bool {
        let policy = self.policy();
        let mut stages = request.decision.stages.iter();
        stages.any(|stage| policy.may_approve(&request.role, &stage.name, who, &request.subject).is_ok())
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

    fn may_decide_grant(&self, who: &Identity, grant: &Grant) -> bool {
        let policy = self.policy();
        let Some(role) = policy.role(&grant.role) else { return false };
        role.approval
            .stages()
            .iter()
            .any(|stage| policy.may_approve(&grant.role, &stage.name, who, &grant.subject).is_ok())
    }
}
