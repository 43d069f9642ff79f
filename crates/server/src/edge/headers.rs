//! Bounds on every call, headers on every answer, and an answer even when a handler panics.

use super::ApiError;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use curfew_api::ErrorCode;
use curfew_domain::limits;
use futures::FutureExt;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};
use hyper::body::Body as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// How long an answer may take to begin. The body of an answer may take longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(15);
/// Bytes of a path with its query.
const URI_BYTES: usize = 8 * 1024;
/// The one path whose body may be longer. Its handler reads it, once it knows that the caller is a host.
const REPORT_PATH: &str = "/api/v1/ssh/hosts/sync";

/// Reads the body within its bounds, and gives up on an answer that does not come.
pub(crate) async fn bounded(request: Request, next: Next) -> Result<Response, ApiError> {
    if request.uri().to_string().len() > URI_BYTES {
        return Err(ApiError::new(ErrorCode::UriTooLong, "the address is too long"));
    }
    let path = request.uri().path();
    // These read theirs themselves.
    let reads_itself = path == REPORT_PATH || path.starts_with(crate::hooks::PATH);
    let request = if reads_itself { request } else { read_whole(request, limits::BODY_BYTES).await? };
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => Ok(response),
        Err(_) => Err(ApiError::new(ErrorCode::TimedOut, "there was no answer within 30 seconds")),
    }
}

/// Reads the body, of at most so many bytes, in the time that a body may take.
///
/// # Errors
/// When it is longer, breaks off, or does not arrive in time.
pub(crate) async fn read_whole(request: Request, most: usize) -> Result<Request, ApiError> {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return Ok(Request::from_parts(parts, Body::empty()));
    }
    let too_large = || ApiError::new(ErrorCode::TooLarge, format!("the body is longer than {most} bytes"));
    let said = parts.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    if said.is_some_and(|said| said > most) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_WITHIN, axum::body::to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(error)) if is_length(&error) => Err(too_large()),
        Ok(Err(_)) => Err(ApiError::new(ErrorCode::Malformed, "the body broke off")),
        Err(_) => Err(ApiError::new(ErrorCode::TooSlow, "the body did not arrive within 15 seconds")),
    }
}

fn is_length(error: &axum::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.to_string().contains("length limit") {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Turns a panic into an answer; the panic itself stands in the log.
pub(crate) async fn quiet_panics(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => ApiError::new(ErrorCode::Internal, "something went wrong inside Curfew").into_response(),
    }
}

/// Puts on every answer what keeps a browser from doing more with it than it should.
pub(crate) async fn harden(request: Request, next: Next) -> Response {
    let is_api = !matches!(request.uri().path(), "/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut add = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(X_FRAME_OPTIONS, "DENY");
    add(REFERRER_POLICY, "no-referrer");
    add(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    add(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    add(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    add(CACHE_CONTROL, "no-store");
    if is_api {
        add(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    }
    response
}
