//! Webhooks: CloudEvents 1.0 in the structured JSON form, sent as Standard Webhooks.
//!
//! **Invariant:** no redirect is followed, no proxy is used, and a connection goes to no address that was not
//! checked. What the receiver answers is not read, save for its status.

use super::carrier::{Carrier, LONGEST_WAIT, Undelivered};
use super::resolver::{self, CheckedResolver, Lookup};
use super::signature::{NotASecret, Signer};
use super::told::Told;
use crate::config::{Reach, Webhook};
use curfew_domain::Timestamp;
use curfew_engine::SteadyClock;
use curfew_engine::seams::BoxFuture;
use curfew_engine::seams::store::Notice;
use http::header::RETRY_AFTER;
use jiff::fmt::rfc2822;
use reqwest::StatusCode;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// One try takes at most this long.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// What CloudEvents' JSON format calls itself.
const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// Why a configured webhook cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum HookError {
    /// Its secret cannot sign.
    #[error(transparent)]
    Secret(#[from] NotASecret),
    /// It is not https, and private addresses are not allowed.
    #[error("its url must be https; only with `allow_private = true` it may be http")]
    NotHttps,
    /// The HTTP client could not be made.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// One webhook.
pub(super) struct Hook {
    url: Url,
    reach: Reach,
    signer: Signer,
    client: reqwest::Client,
    source: Url,
    clock: Arc<SteadyClock>,
}

/// Outside things a webhook needs.
pub(super) struct HookParts<'a> {
    pub(super) config: &'a Webhook,
    pub(super) secret: SecretString,
    /// How this server is reached: the `source` of its events.
    pub(super) source: Url,
    pub(super) clock: Arc<SteadyClock>,
    pub(super) lookup: Lookup,
}

/// CloudEvents 1.0, structured. Source: the CloudEvents specification, section 2, and its JSON format.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    datacontenttype: &'static str,
    data: Value,
}

impl Hook {
    pub(super) fn new(parts: HookParts<'_>) -> Result<Self, HookError> {
        let (url, reach) = (parts.config.url.clone(), parts.config.reach);
        if url.scheme() != "https" && reach == Reach::Public {
            return Err(HookError::NotHttps);
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(reach == Reach::Public)
            .timeout(TIME_LIMIT)
            .connect_timeout(TIME_LIMIT)
            .pool_max_idle_per_host(1)
            .user_agent(concat!("curfew/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(CheckedResolver::new(reach, parts.lookup))
            .build()
            .map_err(|error| HookError::Client(said(error)))?;
        let signer = Signer::new(&parts.secret)?;
        Ok(Self { url, reach, signer, client, source: parts.source, clock: parts.clock })
    }

    fn event(&self, notice: &Notice, told: &Told) -> Vec<u8> {
        let event = CloudEvent {
            specversion: "1.0",
            id: &notice.id,
            source: self.source.as_str().trim_end_matches('/'),
            r#type: format!("dev.curfew.{}", notice.about),
            subject: told.subject(),
            time: notice.created_at.to_string(),
            datacontenttype: "application/json",
            data: told.views(),
        };
        serde_json::to_vec(&event).expect("INVARIANT: an event holds only JSON")
    }

    async fn send(&self, notice: &Notice, told: &Told) -> Result<(), Undelivered> {
        resolver::check_literal(&self.url, self.reach).map_err(|e| Undelivered::Nobody(e.to_string()))?;
        let (now, body) = (self.clock.now(), self.event(notice, told));
        let signature = self.signer.sign(&notice.id, now, &body);
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", CONTENT_TYPE)
            .header("webhook-id", notice.id.as_str())
            .header("webhook-timestamp", now.as_unix_seconds())
            .header("webhook-signature", signature)
            .body(body);
        let response = request.send().await.map_err(|error| Undelivered::Nobody(said(error)))?;
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        judge(response.status(), asked.and_then(|text| wait_of(text, now)))
    }
}

impl Carrier for Hook {
    fn carry<'a>(&'a self, notice: &'a Notice, told: &'a Told) -> BoxFuture<'a, Result<(), Undelivered>> {
        Box::pin(self.send(notice, told))
    }
}

/// What a status means for this notice and for those after it.
fn judge(status: StatusCode, wait: Option<Duration>) -> Result<(), Undelivered> {
    if status.is_success() {
        return Ok(());
    }
    let said = format!("it answered {}", status.as_u16());
    match status {
        StatusCode::GONE => Err(Undelivered::Gone),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE if wait.is_some() => {
            Err(Undelivered::Later { why: said, wait: wait.unwrap_or_default() })
        }
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Err(Undelivered::This(said))
        }
        _ if status.is_redirection() => Err(Undelivered::Nobody(format!("{said}, and redirects are not followed"))),
        _ => Err(Undelivered::Nobody(said)),
    }
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110, section 10.2.3). What cannot be read asks for nothing.
fn wait_of(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            u64::try_from(at.as_second().saturating_sub(now.as_unix_seconds())).unwrap_or(0)
        }
    };
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// An error with its causes and without the address, whose path may be a secret.
fn said(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    let text: String = text.chars().take(300).collect();
    curfew_domain::text::visible(&text).into_owned()
}
