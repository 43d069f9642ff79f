//! Signing in, and what the server says about itself.

use super::{Client, ClientError};
use crate::bodies::{PolicyApplyBody, SignInBody};
use crate::views::{
    ConnectorView, DoctorView, Listing, PolicyAppliedView, PolicyView, RoleView, SignInMethodsView, SignedInView,
    WhoAmIView,
};
use reqwest::Method;

impl Client {
    /// Who the caller is.
    ///
    /// # Errors
    /// See [`ClientError`], as for every method here.
    pub async fn whoami(&self) -> Result<WhoAmIView, ClientError> {
        self.get(&["whoami"], &()).await
    }

    /// Signs in on a development server.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn sign_in(&self, body: &SignInBody) -> Result<SignedInView, ClientError> {
        self.post(&["sign-in"], body).await
    }

    /// How one signs in here, and for whom the tokens of pipelines' jobs have to be. Open to anybody.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn sign_in_methods(&self) -> Result<SignInMethodsView, ClientError> {
        self.get(&["sign-in-methods"], &()).await
    }

    /// Gives the sign-in up; the token is worth nothing any more.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn sign_out(&self) -> Result<(), ClientError> {
        self.post::<serde_json::Value>(&["sign-out"], &empty()).await.map(drop)
    }

    /// The roles the caller may ask for.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn roles(&self) -> Result<Listing<RoleView>, ClientError> {
        self.get(&["roles"], &()).await
    }

    /// The kinds of target the server can serve.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn connectors(&self) -> Result<Listing<ConnectorView>, ClientError> {
        self.get(&["connectors"], &()).await
    }

    /// Looks at every target, the clock and the ledger.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn doctor(&self) -> Result<DoctorView, ClientError> {
        self.post(&["doctor"], &empty()).await
    }

    /// The policy in force, with its text.
    ///
    /// # Errors
    /// `forbidden` to all but auditors and administrators.
    pub async fn policy(&self) -> Result<PolicyView, ClientError> {
        self.get(&["policy"], &()).await
    }

    /// Puts a policy in force, from where the server takes it.
    ///
    /// # Errors
    /// `policy_refused` when it cannot be in force.
    pub async fn apply_policy(&self, body: &PolicyApplyBody) -> Result<PolicyAppliedView, ClientError> {
        self.post(&["policy", "apply"], body).await
    }

    /// Whether the server is ready to serve.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.send(self.call(Method::GET, self.url(&["readyz"]))).await.map(drop)
    }

    /// The OpenAPI document.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn openapi(&self) -> Result<serde_json::Value, ClientError> {
        self.get(&["openapi.json"], &()).await
    }
}

/// The body of a POST that says nothing.
pub(super) fn empty() -> serde_json::Value {
    serde_json::json!({})
}
