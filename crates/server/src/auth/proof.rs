//! The proof of a key that a call carries, checked against the very call.

use super::Token;
use crate::app::App;
use crate::edge::{ApiError, Peer, host_of};
use crate::workload::{Call, Proof, ProofRefused, Use, prove};
use axum::extract::{FromRequestParts, OriginalUri};
use curfew_api::ErrorCode;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method};

/// Of a call, what a proof in it is compared with.
pub(crate) struct Proving {
    method: Method,
    headers: HeaderMap,
    path: String,
    host: Authority,
    peer: Peer,
}

impl Proving {
    /// Of a call that came in under a name of ours.
    ///
    /// # Errors
    /// When it came in otherwise than through the listener.
    pub(super) fn of(parts: &Parts) -> Result<Self, ApiError> {
        let host = host_of(&parts.headers, &parts.uri);
        let (Some(host), Some(peer)) = (host, parts.extensions.get::<Peer>().copied()) else {
            return Err(ApiError::new(ErrorCode::Internal, "a call without a connection"));
        };
        // The router takes the beginning of the path away.
        let whole = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        let path = whole.path().to_owned();
        Ok(Self { method: parts.method.clone(), headers: parts.headers.clone(), path, host, peer })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Proving {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(parts)
    }
}

/// The proof in a call, if it holds for this call, this minute and this token (none where one is to be had). It is good once
/// more as long as nobody has used it up with [`use_up`].
///
/// # Errors
/// See [`ProofRefused`].
pub(crate) fn proof_of(app: &App, call: &Proving, token: Option<&Token>) -> Result<Proof, ProofRefused> {
    let is_at = |url: &url::Url| {
        url.path() == call.path && url.username().is_empty() && app.names.knows_address(url, &call.host, &call.peer)
    };
    let now = app.engine.now();
    let token = token.map(Token::text);
    prove(&call.headers, &Call { method: &call.method, is_at: &is_at, token, now, since: app.proofs.since() })
}

/// Takes a proof as used. Only what came from who has the sign-in's key is remembered: nobody else can fill the memory.
///
/// # Errors
/// When it was used before, or more are used than can be told apart.
pub(crate) fn use_up(app: &App, proof: &Proof) -> Result<Result<(), ProofRefused>, ApiError> {
    match app.proofs.note(&proof.thumbprint, &proof.id, app.engine.now()) {
        Ok(Use::First) => Ok(Ok(())),
        Ok(Use::Again) => Ok(Err(ProofRefused::Again)),
        Err(too_many) => Err(ApiError::new(ErrorCode::RateLimited, too_many.to_string()).retry_after(10)),
    }
}
