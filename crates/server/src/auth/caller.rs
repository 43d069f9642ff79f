//! From a header to an identity.

use super::token::{Presented, SESSION_PREFIX, Token, is_same_hash};
use crate::app::App;
use crate::edge::{ApiError, Source};
use crate::refusals::Refused;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use curfew_api::ErrorCode;
use curfew_domain::audit::AuditAction;
use curfew_domain::{Identity, Timestamp};
use curfew_engine::seams::store::{BoundToken, ReadError};
use http::request::Parts;

/// Somebody whose token was looked up for this very call.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Who.
    pub(crate) who: Identity,
    /// When the sign-in is over.
    pub(crate) expires_at: Timestamp,
    /// SHA-256 of the token, for signing out.
    pub(crate) token_hash: String,
    /// What a machine's sign-in is bound to; none for people.
    pub(crate) workload: Option<BoundToken>,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.ok_or_else(|| ApiError::new(ErrorCode::Unauthenticated, "this takes a sign-in"))
    }
}

/// Lets only those through whose token stands, and says who they are.
pub(crate) async fn authenticate(
    State(app): State<App>,
    source: Source,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let token = match Token::presented(request.headers(), SESSION_PREFIX) {
        Presented::Token(token) => token,
        Presented::Nothing => {
            app.refused.take(&source)?;
            return Err(ApiError::new(ErrorCode::Unauthenticated, "there is no sign-in with this call"));
        }
        Presented::Malformed => return Err(refuse(&app, &source, "the token is not one of this server").await),
    };
    let caller = match known(&app, &token).await? {
        Ok(caller) => caller,
        Err(because) => return Err(refuse(&app, &source, because).await),
    };
    tracing::Span::current().record("subject", tracing::field::display(&caller.who.subject.id));
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Who stands behind a token, or why nobody does.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn known(app: &App, token: &Token) -> Result<Result<Caller, &'static str>, ReadError> {
    let hash = token.hash();
    let session = app.engine.store().session(&hash).await?;
    let Some(session) = session.filter(|s| is_same_hash(&s.token_hash, &hash)) else {
        return Ok(Err("the sign-in is not known"));
    };
    if app.engine.now() >= session.expires_at {
        return Ok(Err("the sign-in is over"));
    }
    let who = Identity { subject: session.subject, groups: session.groups };
    Ok(Ok(Caller { who, expires_at: session.expires_at, token_hash: hash, workload: session.workload }))
}

/// Records that a token was refused, and gives the error to answer with.
pub(crate) async fn refuse(app: &App, source: &Source, because: &'static str) -> ApiError {
    if let Err(too_many) = app.refused.take(source) {
        return too_many;
    }
    app.refusals
        .note(Refused { action: AuditAction::TokenRefused, source: source.clone(), because, claimed: None })
        .await;
    ApiError::new(ErrorCode::Unauthenticated, because)
}
