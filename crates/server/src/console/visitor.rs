//! Who looks at a page: the session behind the cookie.

use super::cookie::{Cookie, Jar};
use super::error::PageError;
use super::form::FormKey;
use super::sign_in;
use crate::app::{App, Readiness};
use crate::auth::{Caller, SESSION_PREFIX, Token, known, refuse};
use crate::edge::{ApiError, CallerAddress, Source};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use curfew_api::ErrorCode;
use curfew_engine::Sight;
use http::Method;
use http::request::Parts;

/// A signed-in person, and what their forms are bound to.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) caller: Caller,
    pub(super) key: FormKey,
    pub(super) address: CallerAddress,
}

impl Visitor {
    /// Whether they may read everything.
    pub(super) fn sees_everything(&self, app: &App) -> bool {
        match app.engine.sight(&self.caller.who) {
            Sight::Everything => true,
            Sight::Own => false,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let address = CallerAddress::from_request_parts(parts, state).await?;
        let caller = parts.extensions.get::<Caller>().cloned();
        let key = parts.extensions.get::<FormKey>().cloned();
        match (caller, key) {
            (Some(caller), Some(key)) => Ok(Self { caller, key, address }),
            (None, _) | (_, None) => Err(ApiError::new(ErrorCode::Unauthenticated, "this page takes a sign-in").into()),
        }
    }
}

/// Lets those through whose session stands; everybody else gets the page to sign in on.
pub(super) async fn visit(
    State(app): State<App>,
    source: Source,
    mut request: Request,
    next: Next,
) -> Result<Response, PageError> {
    match app.phase.get() {
        Readiness::Ready => {}
        Readiness::Starting => return Err(unavailable("the server is starting")),
        Readiness::Stopping => return Err(unavailable("the server is stopping")),
    }
    let Some(text) = Jar::of(&app, request.headers()).read(Cookie::Session, request.headers()) else {
        return Ok(stranger(&app, &request, &source));
    };
    let token = Token::of(text, SESSION_PREFIX);
    let found = match &token {
        Some(token) => known(&app, token).await.map_err(ApiError::from)?,
        None => Err("the token is not one of this server"),
    };
    let (token, caller) = match (token, found) {
        (Some(token), Ok(caller)) => (token, caller),
        (_, Err(why)) => {
            // Evidence, as for any other token; the page says the same in its own words.
            let _refused = refuse(&app, &source, why).await;
            return Ok(sign_in::again(&app, &request, &source));
        }
        (None, Ok(_)) => return Ok(stranger(&app, &request, &source)),
    };
    tracing::Span::current().record("subject", tracing::field::display(&caller.who.subject.id));
    request.extensions_mut().insert(FormKey::of(&token));
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// No cookie came. From another site's link that says nothing: browsers keep a strict cookie back then. So the
/// page is opened once more from here, which changes nothing.
fn stranger(app: &App, request: &Request, source: &Source) -> Response {
    let site = request.headers().get("sec-fetch-site").and_then(|v| v.to_str().ok());
    match (request.method(), site) {
        (&Method::GET, Some("cross-site")) => sign_in::hop(request.uri()).into_response(),
        _ => sign_in::first(app, request, source),
    }
}

fn unavailable(why: &str) -> PageError {
    ApiError::new(ErrorCode::Unavailable, why).retry_after(1).into()
}
