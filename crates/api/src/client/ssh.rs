//! What SSH hosts need.

use super::{Client, ClientError, IdempotencyKey};
use crate::bodies::{HostBody, HostReportBody, RotateBody};
use crate::queries::OfResource;
use crate::views::{AuthoritiesView, HostDutiesView, HostTokenView};
use reqwest::Method;

impl Client {
    /// The certificate authorities that hosts must trust. Open to anybody.
    ///
    /// # Errors
    /// See [`ClientError`], as for every method here.
    pub async fn ssh_ca(&self, query: &OfResource) -> Result<AuthoritiesView, ClientError> {
        self.get(&["ssh", "ca"], query).await
    }

    /// The key revocation list that hosts must read, in OpenSSH's binary form. Open to anybody.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn ssh_krl(&self, query: &OfResource) -> Result<Vec<u8>, ClientError> {
        let call = self.call(Method::GET, self.api(&["ssh", "krl"])).query(query);
        let answer = self.send(call).await?;
        Ok(answer.bytes().await.map_err(|e| self.unreachable(&e))?.to_vec())
    }

    /// Makes the next authority of a resource; the one before stays trusted for the overlap.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn ssh_rotate(&self, body: &RotateBody) -> Result<AuthoritiesView, ClientError> {
        self.post(&["ssh", "ca", "rotate"], body).await
    }

    /// Lets a host report, and expects it to from then on. A second token replaces the first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn ssh_host(&self, body: &HostBody) -> Result<HostTokenView, ClientError> {
        self.post(&["ssh", "hosts"], body).await
    }

    /// No longer expects a host to report.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn ssh_host_gone(&self, body: &HostBody) -> Result<(), ClientError> {
        let call = self.call(Method::DELETE, self.api(&["ssh", "hosts"]));
        let call = call.header("Idempotency-Key", IdempotencyKey::fresh().as_str()).json(body);
        self.send(call).await.map(drop)
    }

    /// A host's report, answered with its duties after at most 15 s. The client's token is the host's.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn ssh_sync(&self, report: &HostReportBody) -> Result<HostDutiesView, ClientError> {
        let call = self.call(Method::POST, self.api(&["ssh", "hosts", "sync"])).json(report);
        self.read(self.send(call).await?).await
    }
}
