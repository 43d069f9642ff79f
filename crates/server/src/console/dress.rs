//! What keeps a browser from doing more with a page than it should.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};

/// Nothing but our own style and icon; forms go to this server only; nobody frames a page.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Puts the headers of pages on every answer.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Not `no-referrer`: browsers then send `Origin: null` with our own forms (Fetch standard, "append a request
    // `Origin` header"), which is what a foreign page's looks like.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
