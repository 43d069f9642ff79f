//! The page to sign in on, and leaving again.

use super::cookie::{Cookie, Jar};
use super::error::PageError;
use super::form::{Form, FormKey, bounded};
use super::page::{Page, bare, hidden_key, opening};
use super::visitor::Visitor;
use crate::app::App;
use crate::auth::{SESSION_PREFIX, Token, known, refuse};
use crate::config::SignInMethod;
use crate::edge::{ApiError, Body, Source};
use crate::endpoints;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use curfew_api::{ErrorCode, SignInBody};
use curfew_domain::{GroupName, Timestamp, limits};
use http::header::SET_COOKIE;
use http::{HeaderMap, Method, StatusCode, Uri};
use maud::{Markup, html};

/// What the cookie before a sign-in begins with.
const FORM_PREFIX: &str = "cff_";
/// How long the page may stand open before it is sent.
const FORM_SECONDS: u64 = 12 * 3_600;
/// Bytes of an address to go on to.
const NEXT_BYTES: usize = 512;

/// Why the page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    First,
    /// The session is over.
    Over,
}

/// `GET /sign-in`
pub(super) async fn show(State(app): State<App>, source: Source, request: Request) -> Response {
    first(&app, &request, &source)
}

/// The page for somebody who is not signed in.
pub(super) fn first(app: &App, request: &Request, source: &Source) -> Response {
    answer(app, request, source, Why::First)
}

/// The page for somebody whose sign-in is over.
pub(super) fn again(app: &App, request: &Request, source: &Source) -> Response {
    let mut response = answer(app, request, source, Why::Over);
    if let Some(cookie) = Jar::of(app, request.headers()).clear(Cookie::Session) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Opens the page once more, from here.
pub(super) fn hop(uri: &Uri) -> Page {
    opening(&next_of(uri))
}

fn answer(app: &App, request: &Request, source: &Source, why: Why) -> Response {
    let jar = Jar::of(app, request.headers());
    let kept = jar.read(Cookie::Form, request.headers()).and_then(|text| Token::of(text, FORM_PREFIX));
    let token = kept.unwrap_or_else(|| Token::fresh(FORM_PREFIX, &*app.entropy));
    let next = if request.method() == Method::GET { next_of(request.uri()) } else { "/".to_owned() };
    let page = bare("Sign in", &forms(app, source, (&FormKey::of(&token), &next), why));
    let status = if request.method() == Method::GET { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    let mut response = (status, page).into_response();
    if let Some(cookie) = jar.set(Cookie::Form, &token.reveal(), FORM_SECONDS) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn forms(app: &App, source: &Source, (key, next): (&FormKey, &str), why: Why) -> Markup {
    let as_anybody = match app.config.sign_in {
        SignInMethod::Development => source.is_loopback(),
    };
    html! {
        div.narrow {
            h1 { "Sign in" }
            @if why == Why::Over { p.status role="status" { "Your sign-in is over. Sign in again; what you had typed was not sent." } }
            @if as_anybody {
                form.card method="post" action="/sign-in" {
                    (hidden_key(key))
                    input type="hidden" name="next" value=(next);
                    p { "This server takes your word for who you are: it is for trying things out on one machine." }
                    div.field {
                        label for="email" { "E-mail" }
                        input #email name="email" type="email" required autocomplete="email" maxlength=(limits::EMAIL_BYTES);
                    }
                    div.field {
                        label for="groups" { "Groups (may be left out)" }
                        input #groups name="groups" autocomplete="off" aria-describedby="groups-hint";
                        p.hint #groups-hint { "As an identity provider would say them, with blanks between." }
                    }
                    button.primary type="submit" { "Sign in" }
                }
            }
            form.card method="post" action="/sign-in" {
                (hidden_key(key))
                input type="hidden" name="next" value=(next);
                h2 { "With a token" }
                div.field {
                    label for="token" { "Token" }
                    input #token name="token" type="password" required autocomplete="off" aria-describedby="token-hint";
                    p.hint #token-hint { code { "curfew login --as EMAIL --print-token" } " prints one." }
                }
                button.primary[!as_anybody] type="submit" { "Use the token" }
            }
        }
    }
}

/// `POST /sign-in`
pub(super) async fn submit(State(app): State<App>, source: Source, request: Request) -> Result<Response, PageError> {
    let back = |error: PageError| error.back_to("/sign-in".to_owned(), "Back to the sign-in");
    let jar = Jar::of(&app, request.headers());
    let token = jar.read(Cookie::Form, request.headers()).and_then(|text| Token::of(text, FORM_PREFIX));
    let token = token.ok_or_else(|| {
        let hint = "Allow this server's cookies, open the page again and send the form from there.";
        back(ApiError::new(ErrorCode::OriginRefused, "your browser did not send this page's cookie").hint(hint).into())
    })?;
    let form = Form::read(request, &FormKey::of(&token)).await.map_err(back)?;
    let (text, expires_at) = match form.text("token").trim() {
        "" => by_email(&app, source, &form).await.map_err(back)?,
        text => by_token(&app, &source, text).await.map_err(back)?,
    };
    let seconds = expires_at.millis_since(app.engine.now()) / 1_000;
    let mut response = Redirect::to(&safe_next(form.text("next"))).into_response();
    for cookie in [jar.set(Cookie::Session, &text, seconds), jar.clear(Cookie::Form)].into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn by_email(app: &App, source: Source, form: &Form) -> Result<(String, Timestamp), PageError> {
    let groups: Result<Vec<GroupName>, _> = form.text("groups").split_whitespace().map(str::parse).collect();
    let groups = groups.map_err(|error: curfew_domain::names::NotAName| {
        ApiError::new(ErrorCode::Malformed, error.to_string()).hint("Go back and write the groups with blanks between.")
    })?;
    let body = bounded(SignInBody { email: form.text("email").trim().to_owned(), groups })?;
    let signed = endpoints::sign_in::sign_in(State(app.clone()), source, Body(body)).await?.0;
    Ok((signed.token, signed.expires_at))
}

async fn by_token(app: &App, source: &Source, text: &str) -> Result<(String, Timestamp), PageError> {
    app.sign_ins.take(source)?;
    let Some(token) = Token::of(text, SESSION_PREFIX) else {
        return Err(refuse(app, source, "the token is not one of this server").await.into());
    };
    match known(app, &token).await.map_err(ApiError::from)? {
        Ok(caller) => Ok((token.reveal(), caller.expires_at)),
        Err(why) => Err(refuse(app, source, why).await.into()),
    }
}

/// `POST /sign-out`
pub(super) async fn sign_out(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    _: Form,
) -> Result<Response, PageError> {
    endpoints::sign_out::sign_out(State(app.clone()), visitor.caller).await.map(drop)?;
    let mut response = Redirect::to("/sign-in").into_response();
    if let Some(cookie) = Jar::of(&app, &headers).clear(Cookie::Session) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Where to go on to: the page that was asked for.
fn next_of(uri: &Uri) -> String {
    match uri.path() {
        "/sign-in" | "/sign-out" => "/".to_owned(),
        _ => safe_next(uri.path_and_query().map_or("/", |path| path.as_str())),
    }
}

/// A path on this server, or the overview: nobody is sent elsewhere.
fn safe_next(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-?=&%+".contains(&b);
    let ours = text.starts_with('/') && !text.starts_with("//") && text.len() <= NEXT_BYTES && text.bytes().all(plain);
    if ours { text.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::safe_next;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for ours in ["/", "/requests/req_0", "/audit?q=a%20b&cursor=0"] {
            assert_eq!(safe_next(ours), ours);
        }
        for foreign in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\r\nb", "/x;y"]
        {
            assert_eq!(safe_next(foreign), "/", "{foreign}");
        }
    }
}
