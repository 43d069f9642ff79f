//! The sign-in of machines: a provider's token, exchanged once for a sign-in bound to a key.

use super::{Client, ClientError, ProofKey, Shows, proof};
use crate::bodies::WorkloadSignInBody;
use crate::views::WorkloadSignedInView;
use reqwest::Method;

impl Client {
    /// A client whose every call proves this key. The token is what [`Client::sign_in_workload`] gave for it.
    ///
    /// # Errors
    /// As for [`Client::new`].
    pub fn new_bound(base: &str, token: String, key: ProofKey) -> Result<Self, ClientError> {
        Self::showing(base, Shows::Bound(token, key))
    }

    /// Exchanges a provider's token for a sign-in that is bound to this key. The same token with the same key is the same
    /// sign-in again, under a new `cfw_` token each time; with another key it is refused.
    ///
    /// # Errors
    /// `sign_in_refused` when the token is not one that this server takes; see [`ClientError`].
    pub async fn sign_in_workload(
        &self,
        body: &WorkloadSignInBody,
        key: &ProofKey,
    ) -> Result<WorkloadSignedInView, ClientError> {
        let url = self.api(&["sign-in", "workload"]);
        let proof = key.prove(&Method::POST, &url, None);
        let call = self.call(Method::POST, url).header(proof::HEADER, proof);
        self.read(self.send(call.json(body)).await?).await
    }
}
