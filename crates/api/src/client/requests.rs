//! Asking and deciding.

use super::session::empty;
use super::{Client, ClientError, IdempotencyKey};
use crate::bodies::{ApproveBody, AskBody, BundleBody, DenyBody};
use crate::queries::RequestsQuery;
use crate::views::{BundlePartView, BundleView, DecisionView, Listing, RequestView};

impl Client {
    /// What policy would say; nothing is asked.
    ///
    /// # Errors
    /// See [`ClientError`], as for every method here.
    pub async fn decide(&self, body: &AskBody) -> Result<DecisionView, ClientError> {
        self.post(&["decisions"], body).await
    }

    /// Asks. The same key with the same body is the same request.
    ///
    /// # Errors
    /// `denied` with the decision, when policy does not allow it.
    pub async fn request(&self, body: &AskBody, key: &IdempotencyKey) -> Result<RequestView, ClientError> {
        self.post_with(&["requests"], body, key).await
    }

    /// The bundles of which the caller may ask for something.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn bundles(&self) -> Result<Listing<BundleView>, ClientError> {
        self.get(&["bundles"], &()).await
    }

    /// Asks for every role of a bundle. The same key with the same body asks once.
    ///
    /// # Errors
    /// `denied` when policy denies every role of it.
    pub async fn request_bundle(
        &self,
        bundle: &str,
        body: &BundleBody,
        key: &IdempotencyKey,
    ) -> Result<Listing<BundlePartView>, ClientError> {
        self.post_with(&["bundles", bundle, "requests"], body, key).await
    }

    /// Takes emergency access. The same key with the same body is the same use.
    ///
    /// # Errors
    /// `denied` with the decision, or `unreviewed`.
    pub async fn break_glass(&self, body: &AskBody, key: &IdempotencyKey) -> Result<RequestView, ClientError> {
        self.post_with(&["break-glass"], body, key).await
    }

    /// One page of requests, newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn requests(&self, query: &RequestsQuery) -> Result<Listing<RequestView>, ClientError> {
        self.get(&["requests"], query).await
    }

    /// One request.
    ///
    /// # Errors
    /// `not_found`, also when the caller may not see it.
    pub async fn show_request(&self, id: &str) -> Result<RequestView, ClientError> {
        self.get(&["requests", id], &()).await
    }

    /// Says yes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn approve(&self, id: &str, body: &ApproveBody) -> Result<RequestView, ClientError> {
        self.post(&["requests", id, "approve"], body).await
    }

    /// Says no.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn deny(&self, id: &str, body: &DenyBody) -> Result<RequestView, ClientError> {
        self.post(&["requests", id, "deny"], body).await
    }

    /// Takes it back.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn withdraw(&self, id: &str) -> Result<RequestView, ClientError> {
        self.post(&["requests", id, "withdraw"], &empty()).await
    }
}
