//! Claiming, using up and ending access. Ids may be `grt_...` or the `req_...` it came from.

use super::session::empty;
use super::{Client, ClientError};
use crate::bodies::{ActivateBody, ExtendBody, ReviewBody, RevocationBody, RevokeBody};
use crate::queries::{AboutResource, GrantsQuery};
use crate::views::{ActivationView, GrantView, Listing, WantedHalfView};

impl Client {
    /// One page of grants, newest first.
    ///
    /// # Errors
    /// See [`ClientError`], as for every method here.
    pub async fn grants(&self, query: &GrantsQuery) -> Result<Listing<GrantView>, ClientError> {
        self.get(&["grants"], query).await
    }

    /// One grant with its leases.
    ///
    /// # Errors
    /// `not_found`, also when the caller may not see it.
    pub async fn show_grant(&self, id: &str) -> Result<GrantView, ClientError> {
        self.get(&["grants", id], &()).await
    }

    /// What activating it takes: the kind of public half for each resource of its scope.
    ///
    /// # Errors
    /// `not_found`, also when the grant is somebody else's.
    pub async fn wanted_halves(&self, id: &str) -> Result<Listing<WantedHalfView>, ClientError> {
        self.get(&["grants", id, "public-halves"], &()).await
    }

    /// Claims it. The same public halves again are the same activation.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn activate(&self, id: &str, body: &ActivateBody) -> Result<ActivationView, ClientError> {
        self.post(&["grants", id, "activate"], body).await
    }

    /// The subject's own "done". Called `return` on the wire.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn give_back(&self, id: &str) -> Result<GrantView, ClientError> {
        self.post(&["grants", id, "return"], &empty()).await
    }

    /// Orders its end.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke(&self, id: &str, body: &RevokeBody) -> Result<GrantView, ClientError> {
        self.post(&["grants", id, "revoke"], body).await
    }

    /// Asks for more time. `more_time` in the answer says whether people have to approve it.
    ///
    /// # Errors
    /// `not_extensible` when the role does not give it, with the decision.
    pub async fn extend(&self, id: &str, body: &ExtendBody) -> Result<GrantView, ClientError> {
        self.post(&["grants", id, "extend"], body).await
    }

    /// Says what became of a use of emergency access.
    ///
    /// # Errors
    /// `already_final` when somebody has.
    pub async fn review(&self, id: &str, body: &ReviewBody) -> Result<GrantView, ClientError> {
        self.post(&["grants", id, "review"], body).await
    }

    /// Orders the end of every grant of a subject, of a role, or on a resource. Answers with those.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_all(&self, body: &RevocationBody) -> Result<Listing<GrantView>, ClientError> {
        self.post(&["revocations"], body).await
    }

    /// Who has access to a resource now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn who_has(&self, query: &AboutResource) -> Result<Listing<GrantView>, ClientError> {
        self.get(&["who-has"], query).await
    }
}
