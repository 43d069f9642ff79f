//! From a header to an identity.

use super::proof::{Proving, proof_of, use_up};
use super::token::{Authorization, SESSION_PREFIX, Token, WORKLOAD_PREFIX, is_same_hash};
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
use http::HeaderMap;
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
    /// What a machine's token said of it, and the key that this call has proved; none for people.
    pub(crate) workload: Option<BoundToken>,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.ok_or_else(|| ApiError::new(ErrorCode::Unauthenticated, "this takes a sign-in"))
    }
}

/// What a call shows of who makes it.
enum Shown {
    Nothing,
    Person(Token),
    Machine(Token),
    Wrong(&'static str),
}

/// Lets only those through whose token stands, and says who they are.
pub(crate) async fn authenticate(
    State(app): State<App>,
    source: Source,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let caller = match shown(&parts.headers) {
        Shown::Nothing => {
            app.refused.take(&source)?;
            return Err(ApiError::new(ErrorCode::Unauthenticated, "there is no sign-in with this call"));
        }
        Shown::Wrong(because) => return Err(refuse(&app, &source, because).await),
        Shown::Person(token) => match known(&app, &token).await? {
            Ok(caller) => caller,
            Err(because) => return Err(refuse(&app, &source, because).await),
        },
        Shown::Machine(token) => proven(&app, &source, &token, &parts).await?,
    };
    tracing::Span::current().record("subject", tracing::field::display(&caller.who.subject.id));
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

fn shown(headers: &HeaderMap) -> Shown {
    let (scheme, text) = match Authorization::of(headers) {
        Authorization::Absent => return Shown::Nothing,
        Authorization::Unreadable => return Shown::Wrong("the token is not one of this server"),
        Authorization::Of { scheme, text } => (scheme, text),
    };
    let (is_bearer, is_bound) = (scheme.eq_ignore_ascii_case("bearer"), scheme.eq_ignore_ascii_case("dpop"));
    match (Token::of(text, SESSION_PREFIX), Token::of(text, WORKLOAD_PREFIX)) {
        (Some(token), _) if is_bearer => Shown::Person(token),
        (_, Some(token)) if is_bound => Shown::Machine(token),
        (_, Some(_)) => {
            Shown::Wrong("a machine's sign-in takes a proof of its key with each call (`Authorization: DPoP`)")
        }
        (Some(_), None) => Shown::Wrong("a person's sign-in is not bound to a key (`Authorization: Bearer`)"),
        (None, None) => Shown::Wrong("the token is not one of this server"),
    }
}

/// The person behind a token, or why there is none.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn known(app: &App, token: &Token) -> Result<Result<Caller, &'static str>, ReadError> {
    let found = look_up(app, token).await?;
    // The prefixes tell the two kinds apart; this holds whatever they say.
    let is_machine = found.as_ref().is_ok_and(|caller| caller.workload.is_some());
    Ok(if is_machine { Err("the token is a machine's") } else { found })
}

/// The machine behind a token, once the call has proved the key that its sign-in is bound to.
async fn proven(app: &App, source: &Source, token: &Token, parts: &Parts) -> Result<Caller, ApiError> {
    let caller = match look_up(app, token).await? {
        Ok(caller) => caller,
        Err(because) => return Err(refuse(app, source, because).await),
    };
    let Some(bound) = &caller.workload else { return Err(refuse(app, source, "the token is a person's").await) };
    let proof = proof_of(app, &Proving::of(parts)?, Some(token));
    let held = match proof {
        Ok(proof) if proof.is_of(&bound.key_thumbprint) => {
            app.bound_calls.take(&caller.token_hash)?;
            use_up(app, &proof)?
        }
        Ok(_) => Err(crate::workload::ProofRefused::OtherKey),
        Err(why) => Err(why),
    };
    match held {
        Ok(()) => Ok(caller),
        Err(why) => Err(refuse_as(app, source, ErrorCode::ProofRefused, why.to_string()).await),
    }
}

async fn look_up(app: &App, token: &Token) -> Result<Result<Caller, &'static str>, ReadError> {
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
    refuse_as(app, source, ErrorCode::Unauthenticated, because.to_owned()).await
}

async fn refuse_as(app: &App, source: &Source, code: ErrorCode, because: String) -> ApiError {
    if let Err(too_many) = app.refused.take(source) {
        return too_many;
    }
    let action = AuditAction::TokenRefused;
    app.refusals.note(Refused { action, source: source.clone(), because: because.clone(), claimed: None }).await;
    ApiError::new(code, because)
}

/// Lets only people through: a machine asks, and what it was given it uses and returns. It never decides, reviews, revokes,
/// administers or audits.
pub(crate) async fn people_only(caller: Caller, request: Request, next: Next) -> Result<Response, ApiError> {
    match caller.workload {
        None => Ok(next.run(request).await),
        Some(_) => Err(ApiError::new(ErrorCode::Forbidden, "this is for people: a machine may only ask")
            .hint("Somebody signs in as a person and does it.")),
    }
}
