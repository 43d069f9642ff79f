//! What handlers take in, each with our own error when it does not fit.

use super::ApiError;
use crate::wording::without_values;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use curfew_api::{Bounded, ErrorCode, PAGE_DEFAULT, PAGE_MOST};
use curfew_domain::Id;
use curfew_domain::id::Identified;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;

/// What a handler answers.
pub(crate) type Answer<T> = Result<Json<T>, ApiError>;

/// A JSON body, bounded and checked. No body at all is `{}`.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Bounded> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        // The layer in front bounds it and has read it already.
        let bytes = axum::body::to_bytes(body, usize::MAX).await;
        let bytes = bytes.map_err(|_| ApiError::new(ErrorCode::Malformed, "the body broke off"))?;
        if bytes.is_empty() {
            return checked(b"{}");
        }
        if !is_json(&parts.headers) {
            return Err(ApiError::new(ErrorCode::UnsupportedMediaType, "the body is not labelled as JSON"));
        }
        checked(&bytes)
    }
}

fn checked<T: DeserializeOwned + Bounded>(bytes: &[u8]) -> Result<Body<T>, ApiError> {
    let read = serde_json::from_slice::<T>(bytes);
    let value = read.map_err(|e| ApiError::new(ErrorCode::Malformed, without_values(&e.to_string())))?;
    match value.check() {
        Ok(()) => Ok(Body(value)),
        Err(error) => Err(ApiError::new(ErrorCode::OutOfBounds, error.to_string())),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// What stands after the `?`.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        match query {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => Err(ApiError::new(ErrorCode::Malformed, without_values(&error.body_text()))),
        }
    }
}

/// The one segment of a path that changes, as text.
pub(crate) struct PathText(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        match path {
            Ok(Path(text)) if text.len() <= 128 => Ok(Self(text)),
            Ok(_) | Err(_) => Err(ApiError::not_found("thing")),
        }
    }
}

/// The one segment of a path that changes, as an id. What is no id names nothing, so it is not found.
pub(crate) struct PathId<T>(pub(crate) Id<T>);

impl<S: Send + Sync, T: Identified> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let PathText(text) = PathText::from_request_parts(parts, state).await?;
        text.parse().map(Self).map_err(|_| {
            ApiError::new(ErrorCode::NotFound, format!("that is not an id: it should begin with `{}_`", T::PREFIX))
        })
    }
}

/// How many items of a page.
///
/// # Errors
/// When none or too many are asked for.
pub(crate) fn page_limit(asked: Option<u32>) -> Result<usize, ApiError> {
    match asked.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MOST => Ok(limit as usize),
        _ => Err(ApiError::new(ErrorCode::OutOfBounds, format!("`limit` is 1 to {PAGE_MOST}"))),
    }
}
