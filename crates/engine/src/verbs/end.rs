//! Returning and revoking.

use super::decide::{DecideError, check_reason};
use crate::Engine;
use crate::ending::{EndOrder, OrderError};
use crate::engine::GrantRef;
use crate::seams::store::{CommitError, GrantFilter, Page, ReadError};
use curfew_domain::{Email, EndCause, Grant, GrantState, Identity, ResourceName, RoleName};

/// What to revoke.
#[derive(Debug, Clone)]
pub enum RevokeWhat {
    /// One grant.
    One(GrantRef),
    /// Everything of this person.
    AllOf(Email),
    /// Everything of this role.
    Role(RoleName),
    /// Everything with this resource in scope.
    Resource(ResourceName),
}

/// Why nothing was ended.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// There is none, or none that the caller may see.
    #[error("there is no such grant")]
    NotFound,
    /// The request behind it has no grant.
    #[error("the request is {0}")]
    NotApproved(&'static str),
    /// There is no such role or resource, in the policy or in the ledger.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It is somebody else's.
    #[error("{0}")]
    NotTheirs(&'static str),
    /// It has ended, or is ending, for another reason.
    #[error("the grant is already {0}")]
    AlreadyFinal(&'static str),
    /// A text is missing or too long.
    #[error("{0}")]
    Reason(&'static str),
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger did not take it.
    #[error(transparent)]
    Commit(CommitError),
}

impl Engine {
    /// Gives one's own grant back before its time. Again, it changes nothing.
    ///
    /// # Errors
    /// When it is not the caller's, or it ended for another reason.
    pub async fn give_back(&self, who: &Identity, which: GrantRef) -> Result<Grant, EndError> {
        let grant = self.endable(who, which).await?;
        if !grant.subject.is_same_as(&who.subject) {
            return Err(EndError::NotTheirs("only the one who has it may return it; others revoke"));
        }
        let order = EndOrder { cause: EndCause::Returned, actor: &who.subject, because: "returned by its subject" };
        self.end_once(grant, &order).await
    }

    /// Revokes. Approvers may revoke what came of a request they could decide, administrators anything.
    /// What the caller may not revoke is left out of a listing, and refused by itself.
    ///
    /// # Errors
    /// When there is nothing to revoke, or the caller may not.
    pub async fn revoke(&self, who: &Identity, what: RevokeWhat, reason: &str) -> Result<Vec<Grant>, EndError> {
        check_reason(reason).map_err(|_| EndError::Reason("a reason may have 2,000 characters at most"))?;
        if reason.trim().is_empty() {
            return Err(EndError::Reason("a revocation needs a reason"));
        }
        let order = EndOrder { cause: EndCause::Revoked, actor: &who.subject, because: reason };
        if let RevokeWhat::One(which) = what {
            let grant = self.endable(who, which).await?;
            if !self.may_revoke(who, &grant) {
                return Err(EndError::Forbidden("only its approvers and administrators may revoke it"));
            }
            return Ok(vec![self.end_once(grant, &order).await?]);
        }
        let matching = self.matching(&what).await?;
        if matching.is_empty() {
            self.check_known(&what).await?;
        }
        let mut ended = Vec::new();
        for grant in matching {
            if !self.may_revoke(who, &grant) {
                continue;
            }
            match self.order_end(grant, &order).await {
                Ok(grant) => ended.push(grant),
                Err(OrderError::AlreadyEnding(..)) => {}
                Err(OrderError::Read(error)) => return Err(error.into()),
                Err(OrderError::Commit(error)) => return Err(EndError::Commit(error)),
            }
        }
        Ok(ended)
    }

    async fn matching(&self, what: &RevokeWhat) -> Result<Vec<Grant>, ReadError> {
        let mut filter = GrantFilter::default();
        let mut email = None;
        match what {
            RevokeWhat::One(_) => return Ok(Vec::new()),
            RevokeWhat::AllOf(of) => email = Some(of),
            RevokeWhat::Role(role) => filter.role = Some(role.clone()),
            RevokeWhat::Resource(resource) => filter.resource = Some(resource.clone()),
        }
        let grants = self.store.grants(&filter, Page { before: None, limit: usize::MAX }).await?;
        let wanted = |grant: &Grant| email.is_none() || grant.subject.email.as_ref() == email;
        Ok(grants.into_iter().filter(wanted).collect())
    }

    /// In an emergency a mistyped name must not look like success.
    async fn check_known(&self, what: &RevokeWhat) -> Result<(), EndError> {
        match what {
            RevokeWhat::One(_) | RevokeWhat::AllOf(_) => Ok(()),
            RevokeWhat::Role(role) if self.knows_role(role).await? => Ok(()),
            RevokeWhat::Role(_) => Err(EndError::Unknown("role")),
            RevokeWhat::Resource(resource) if self.knows_resource(resource).await? => Ok(()),
            RevokeWhat::Resource(_) => Err(EndError::Unknown("resource")),
        }
    }

    pub(crate) async fn endable(&self, who: &Identity, which: GrantRef) -> Result<Grant, EndError> {
        if let Some(grant) = self.find_grant(who, which).await? {
            return Ok(grant);
        }
        let GrantRef::Request(id) = which else { return Err(EndError::NotFound) };
        let request = self.find_request(who, id).await?.ok_or(EndError::NotFound)?;
        Err(EndError::NotApproved(request.state_word()))
    }

    async fn end_once(&self, grant: Grant, order: &EndOrder<'_>) -> Result<Grant, EndError> {
        match self.order_end(grant, order).await {
            Ok(grant) => Ok(grant),
            Err(OrderError::AlreadyEnding(word, grant)) => match grant.state {
                GrantState::Ending { cause, .. } | GrantState::Ended { cause, .. } if cause == order.cause => {
                    Ok(*grant)
                }
                GrantState::Approved { .. }
                | GrantState::Activating { .. }
                | GrantState::Active { .. }
                | GrantState::Ending { .. }
                | GrantState::Ended { .. } => Err(EndError::AlreadyFinal(word)),
            },
            Err(OrderError::Read(error)) => Err(error.into()),
            Err(OrderError::Commit(error)) => Err(EndError::Commit(error)),
        }
    }
}

impl From<DecideError> for EndError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::NotFound => Self::NotFound,
            DecideError::NotTheirs(why) => Self::NotTheirs(why),
            DecideError::Forbidden(_) | DecideError::Verdict(_) | DecideError::Extension(_) => {
                Self::Forbidden("you may not")
            }
            DecideError::Reason(text) => Self::Reason(text),
            DecideError::Read(error) => Self::Read(error),
            DecideError::Commit(error) => Self::Commit(error),
        }
    }
}
