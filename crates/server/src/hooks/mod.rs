//! What providers of pipelines call when a run has ended: the second source, beside the silence of its clients.
//!
//! **Invariant:** a hook ends access and never starts any. What is not signed as configured is not read, and an answer
//! does not tell whether a run is known.

mod github;
mod gitlab;
mod signed;

use crate::app::App;
use crate::config::{Hook, Unresolved};
use crate::edge::{ApiError, Source, read_whole};
use crate::refusals::Refused;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::routing::post;
use curfew_api::ErrorCode;
use curfew_domain::audit::AuditAction;
use curfew_domain::{RunKey, limits};
use curfew_policy::Provider;
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

/// Where all of them are.
pub(crate) const PATH: &str = "/hooks/";

/// The routes.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/hooks/github", post(github::github)).route("/hooks/gitlab", post(gitlab::gitlab))
}

/// The configured hooks with their secrets.
pub(crate) struct Hooks(Vec<Known>);

struct Known {
    provider: Provider,
    issuer: String,
    secret: SecretString,
}

impl Hooks {
    /// Reads the secrets.
    ///
    /// # Errors
    /// When one cannot be had.
    pub(crate) fn new(configured: &[Hook], lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Unresolved> {
        let known = |hook: &Hook| {
            let secret = hook.secret.read(lookup)?;
            Ok(Known { provider: hook.provider, issuer: hook.issuer.clone(), secret })
        };
        configured.iter().map(known).collect::<Result<_, _>>().map(Self)
    }

    fn of(&self, provider: Provider) -> impl Iterator<Item = &Known> {
        self.0.iter().filter(move |known| known.provider == provider)
    }
}

/// A call whose signature holds, and of which issuers it then tells.
struct Call {
    issuers: Vec<String>,
    headers: HeaderMap,
    body: Bytes,
}

/// Reads a call, of a bounded length, and checks it with each secret of the provider.
///
/// # Errors
/// `unauthenticated` when none of them holds; and evidence is kept.
async fn believed(
    app: &App,
    (provider, source): (Provider, &Source),
    request: Request,
    holds: impl Fn(&SecretString, &HeaderMap, &[u8]) -> bool,
) -> Result<Call, ApiError> {
    if app.hooks.of(provider).next().is_none() {
        return Err(ApiError::new(ErrorCode::NotFound, "there is nothing at this address")
            .hint("`[[hooks]]` in the configuration says which providers call."));
    }
    let (parts, body) = read_whole(request, limits::HOOK_BYTES).await?.into_parts();
    let body = axum::body::to_bytes(body, limits::HOOK_BYTES).await;
    let body = body.map_err(|_| ApiError::new(ErrorCode::Malformed, "the body broke off"))?;
    let headers = parts.headers;
    let signed = app.hooks.of(provider).filter(|known| holds(&known.secret, &headers, &body));
    let issuers: Vec<String> = signed.map(|known| known.issuer.clone()).collect();
    if !issuers.is_empty() {
        return Ok(Call { issuers, headers, body });
    }
    app.refused.take(source)?;
    let because = format!("a call to the hook of {} is not signed with its secret", provider.word());
    let action = AuditAction::TokenRefused;
    app.refusals.note(Refused { action, source: source.clone(), because: because.clone(), claimed: None }).await;
    Err(ApiError::new(ErrorCode::Unauthenticated, because)
        .hint("The secret in the provider's settings is the one that `[[hooks]]` names."))
}

impl Call {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let read = serde_json::from_slice(&self.body);
        read.map_err(|_| ApiError::new(ErrorCode::Malformed, "the body is not what this provider sends"))
    }

    /// Ends the run of this number, known or not.
    async fn ended(&self, app: &App, provider: Provider, number: &str) -> Result<StatusCode, ApiError> {
        for issuer in &self.issuers {
            let (issuer, number) = (issuer.clone(), number.to_owned());
            app.engine.provider_ended(&RunKey { issuer, provider: provider.word().to_owned(), number }).await?;
        }
        Ok(StatusCode::ACCEPTED)
    }
}

#[cfg(test)]
mod tests;
