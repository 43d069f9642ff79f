//! Where an issuer's keys are published: its discovery document (OpenID Connect Discovery 1.0, section 4) and the set of keys
//! that this names (RFC 7517).
//!
//! **Invariant:** no redirect is followed, no proxy is used, nothing beyond a mebibyte is read, and nothing is believed of an
//! issuer that calls itself otherwise than it is configured.

use super::jwk::PublicKey;
use super::keys::NamedKey;
use crate::config::{Issuer, Reach, is_loopback};
use crate::notices::resolver::{self, CheckedResolver};
use serde_json::{Map, Value};
use std::time::Duration;
use url::Url;

/// All of it takes at most this long.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of an answer.
const ANSWER_BYTES: usize = 1 << 20;
/// Keys of an issuer.
const KEYS: usize = 256;
/// Bytes of the id of one.
const KEY_ID_BYTES: usize = 512;

/// Why an issuer's keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// Nobody answers there, or the connection broke.
    #[error("{url}: {why}")]
    Unreachable {
        /// Where.
        url: Url,
        /// What the network said.
        why: String,
    },
    /// It answers with an error, or sends elsewhere.
    #[error("{url} answers {status}")]
    Status {
        /// Where.
        url: Url,
        /// The HTTP status.
        status: u16,
    },
    /// It took longer than five seconds.
    #[error("it took longer than five seconds")]
    TooSlow,
    /// The answer is longer than a mebibyte.
    #[error("{0} answers more than a mebibyte")]
    TooLong(Url),
    /// The answer is not what stands there.
    #[error("{url} holds no {what}")]
    NotThat {
        /// Where.
        url: Url,
        /// What should stand there.
        what: &'static str,
    },
    /// The document is another issuer's.
    #[error("{0} is the document of another issuer: its `issuer` is not the configured url, letter by letter")]
    OtherIssuer(Url),
    /// The keys are said to be where anybody between could change them, or on a special address.
    #[error("the keys are said to be at {0}, which is neither https nor where the document is")]
    Elsewhere(Url),
}

/// Fetches the keys of one issuer.
pub(super) struct Fetcher {
    http: reqwest::Client,
    issuer: String,
    document: Url,
}

impl Fetcher {
    /// # Errors
    /// When no HTTP client can be made.
    pub(super) fn new(issuer: &Issuer) -> Result<Self, String> {
        // Whoever may write the configuration may name a private address: many issuers are in-house.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIME_LIMIT)
            .pool_max_idle_per_host(1)
            .user_agent(concat!("curfew/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(CheckedResolver::new(Reach::Private, resolver::system()))
            .build()
            .map_err(|error| error.to_string())?;
        let document = format!("{}/.well-known/openid-configuration", issuer.url.trim_end_matches('/'));
        let document = Url::parse(&document).map_err(|error| error.to_string())?;
        Ok(Self { http, issuer: issuer.url.clone(), document })
    }

    /// All keys it publishes that can be used here.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub(super) async fn keys(&self) -> Result<Vec<NamedKey>, FetchError> {
        tokio::time::timeout(TIME_LIMIT, self.fetch()).await.unwrap_or(Err(FetchError::TooSlow))
    }

    async fn fetch(&self) -> Result<Vec<NamedKey>, FetchError> {
        let document = self.get(&self.document, "discovery document").await?;
        if document.get("issuer").and_then(Value::as_str) != Some(self.issuer.as_str()) {
            return Err(FetchError::OtherIssuer(self.document.clone()));
        }
        let place = document.get("jwks_uri").and_then(Value::as_str).and_then(|text| Url::parse(text).ok());
        let not_that = || FetchError::NotThat { url: self.document.clone(), what: "address of keys (`jwks_uri`)" };
        let place = place.ok_or_else(not_that)?;
        if !self.may_be_at(&place) {
            return Err(FetchError::Elsewhere(place));
        }
        let set = self.get(&place, "set of keys").await?;
        let list = set.get("keys").and_then(Value::as_array);
        let list = list.ok_or(FetchError::NotThat { url: place, what: "set of keys" })?;
        Ok(list.iter().take(KEYS).filter_map(Value::as_object).filter_map(named).collect())
    }

    /// Keys may be where the document is, and anywhere by https; a document that came by https sends nobody to http.
    fn may_be_at(&self, place: &Url) -> bool {
        let sound = place.username().is_empty() && place.password().is_none();
        let same = place.origin() == self.document.origin();
        let local = self.document.scheme() == "https" || is_loopback(&self.document);
        sound && local && (same || place.scheme() == "https")
    }

    async fn get(&self, url: &Url, what: &'static str) -> Result<Map<String, Value>, FetchError> {
        let unreachable = |why: String| FetchError::Unreachable { url: url.clone(), why };
        resolver::check_literal(url, Reach::Private).map_err(|error| unreachable(error.to_string()))?;
        let mut answer = self.http.get(url.clone()).send().await.map_err(|error| unreachable(said(error)))?;
        if !answer.status().is_success() {
            return Err(FetchError::Status { url: url.clone(), status: answer.status().as_u16() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| unreachable(said(error)))? {
            if body.len() + chunk.len() > ANSWER_BYTES {
                return Err(FetchError::TooLong(url.clone()));
            }
            body.extend_from_slice(&chunk);
        }
        super::strict::object(&body).ok_or_else(|| FetchError::NotThat { url: url.clone(), what })
    }
}

fn named(jwk: &Map<String, Value>) -> Option<NamedKey> {
    let id = jwk.get("kid").and_then(Value::as_str).filter(|id| !id.is_empty() && id.len() <= KEY_ID_BYTES)?;
    Some(NamedKey { id: id.to_owned(), key: PublicKey::of(jwk)? })
}

/// An error with its causes, short and fit for a log.
fn said(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    let text: String = text.chars().take(300).collect();
    curfew_domain::text::visible(&text).into_owned()
}
