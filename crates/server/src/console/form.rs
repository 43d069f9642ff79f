//! What a form sends, and the key that shows it was one of ours.

use super::error::PageError;
use crate::auth::{Token, is_same_hash};
use crate::edge::ApiError;
use axum::extract::{FromRequest, Request};
use curfew_api::{Bounded, ErrorCode};
use curfew_domain::Seconds;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, ORIGIN};
use sha2::{Digest, Sha256};

/// The field that carries the key.
pub(super) const KEY_FIELD: &str = "form_key";
/// Fields of a form at most: every action of the largest role, and the rest.
const FIELDS: usize = 4_096;

/// What the forms of one browser are bound to: a hash of its cookie's secret, which no other site can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FormKey(String);

impl FormKey {
    /// Of the cookie's token. The token cannot be had back from it.
    pub(super) fn of(token: &Token) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"curfew console form v1\n");
        hash.update(token.hash().as_bytes());
        Self(hex::encode(hash.finalize()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A form's fields, in order.
pub(super) struct Form(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = PageError;

    async fn from_request(request: Request, _: &S) -> Result<Self, PageError> {
        let key = request.extensions().get::<FormKey>().cloned();
        let key = key.ok_or_else(|| ApiError::new(ErrorCode::Unauthenticated, "this form takes a sign-in"))?;
        Form::read(request, &key).await
    }
}

impl Form {
    /// Reads a form that was bound to this key.
    pub(super) async fn read(request: Request, key: &FormKey) -> Result<Self, PageError> {
        let (parts, body) = request.into_parts();
        check_sender(&parts.headers)?;
        // The layer in front bounds it and has read it already.
        let bytes = axum::body::to_bytes(body, usize::MAX).await;
        let bytes = bytes.map_err(|_| ApiError::new(ErrorCode::Malformed, "the form broke off"))?;
        let fields = url::form_urlencoded::parse(&bytes).take(FIELDS).map(|(k, v)| (k.into_owned(), v.into_owned()));
        let form = Self(fields.collect());
        if !is_same_hash(key.as_str(), form.text(KEY_FIELD)) {
            return Err(ApiError::new(ErrorCode::OriginRefused, "this form is not of your present sign-in")
                .hint("Open the page again and send the form from there.")
                .into());
        }
        Ok(form)
    }

    /// The first value of a field; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// What a person typed into a field, with the line ends that browsers make put right.
    pub(super) fn typed(&self, name: &str) -> String {
        self.text(name).replace("\r\n", "\n").trim().to_owned()
    }

    /// Every value of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The names that were ticked.
    ///
    /// # Errors
    /// When one is no such name: the form was not ours.
    pub(super) fn ticked<T: std::str::FromStr>(&self, name: &str) -> Result<Vec<T>, PageError> {
        let unknown = |_| ApiError::new(ErrorCode::Malformed, "one of the boxes is unknown here").into();
        self.all(name).map(|text| text.parse().map_err(unknown)).collect()
    }

    /// A length of time; none when the field is empty.
    ///
    /// # Errors
    /// When it is no length of time.
    pub(super) fn length(&self, name: &str) -> Result<Option<Seconds>, PageError> {
        let text = self.text(name).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let length = text.parse().map_err(|error: curfew_domain::time::NotALength| {
            ApiError::new(ErrorCode::Malformed, error.to_string()).hint("Go back and write it as 90s, 15m or 1h30m.")
        });
        Ok(Some(length?))
    }
}

/// A body made of a form, within Curfew's limits.
///
/// # Errors
/// When a text or list in it is too long.
pub(super) fn bounded<T: Bounded>(body: T) -> Result<T, PageError> {
    match body.check() {
        Ok(()) => Ok(body),
        Err(error) => {
            Err(ApiError::new(ErrorCode::OutOfBounds, error.to_string()).hint("Go back and shorten it.").into())
        }
    }
}

/// Only a browser's own form is taken. That it is not another site's was checked at the door.
fn check_sender(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok()).unwrap_or_default();
    let kind = text(CONTENT_TYPE.as_str()).split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, "this takes a form").hint("Programs use /api/v1."));
    }
    if !headers.contains_key(ORIGIN) && text("sec-fetch-site") != "same-origin" {
        return Err(ApiError::new(
            ErrorCode::OriginRefused,
            "a form says from which page it comes, and this one does not",
        )
        .hint("Use a browser of the last years; programs use /api/v1."));
    }
    Ok(())
}
