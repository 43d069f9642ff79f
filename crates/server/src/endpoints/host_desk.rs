//! The desk where SSH hosts report, and how they are known.

use crate::app::App;
use crate::auth::{HOST_PREFIX, Presented, Token, is_same_hash};
use crate::edge::ApiError;
use curfew_api::ErrorCode;
use curfew_domain::ResourceName;
use curfew_engine::seams::HostDesk;
use curfew_engine::seams::connector::CallError;
use http::HeaderMap;

/// What the facts about hosts begin with: `host_token/<resource>/<host>`.
const FACTS: &str = "host_token/";

/// A host whose token stands.
pub(crate) struct Host {
    pub(crate) resource: ResourceName,
    pub(crate) name: String,
}

/// The desk.
///
/// # Errors
/// When this server has no connector with one.
pub(crate) fn desk(app: &App) -> Result<&dyn HostDesk, ApiError> {
    let missing = || ApiError::new(ErrorCode::NotSupported, "this server has no connector for SSH");
    app.host_desk.as_deref().ok_or_else(missing)
}

/// The name of the fact that keeps a host's token.
pub(crate) fn fact(resource: &ResourceName, host: &str) -> String {
    format!("{FACTS}{resource}/{host}")
}

/// Whether a text is a host.
///
/// # Errors
/// When it is not.
pub(crate) fn check_host(host: &str) -> Result<(), ApiError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".:_-[]".contains(&b);
    if !(1..=255).contains(&host.len()) || !host.bytes().all(allowed) {
        return Err(ApiError::new(ErrorCode::Malformed, "`host` is 1 to 255 of A-Z a-z 0-9 . : _ [ ] -")
            .hint("Name it as the resource's setting `hosts` does."));
    }
    Ok(())
}

/// The host whose token this is. Every token is compared, each in constant time.
///
/// # Errors
/// When there is no such token.
pub(crate) async fn known(app: &App, headers: &HeaderMap) -> Result<Host, ApiError> {
    let unknown = || {
        ApiError::new(ErrorCode::Unauthenticated, "the host's token is not known")
            .hint("Make another with `curfew host token`.")
    };
    let Presented::Token(token) = Token::presented(headers, HOST_PREFIX) else { return Err(unknown()) };
    let hash = token.hash();
    let mut found = None;
    for (name, value) in app.engine.store().facts(FACTS).await? {
        let kept = serde_json::from_str::<serde_json::Value>(&value).unwrap_or_default();
        let kept = kept.get("sha256").and_then(serde_json::Value::as_str).unwrap_or_default();
        if is_same_hash(kept, &hash) {
            found = host_of(&name);
        }
    }
    found.ok_or_else(unknown)
}

fn host_of(fact: &str) -> Option<Host> {
    let (resource, name) = fact.strip_prefix(FACTS)?.rsplit_once('/')?;
    Some(Host { resource: ResourceName::new(resource).ok()?, name: name.to_owned() })
}

/// What a host or whoever asks about hosts is told.
pub(crate) fn error(error: CallError) -> ApiError {
    let code = match &error {
        CallError::Invalid(_) => ErrorCode::NotFound,
        CallError::Unreachable { .. }
        | CallError::Refused { .. }
        | CallError::Lost { .. }
        | CallError::StaleEpoch { .. }
        | CallError::NotOurs { .. } => ErrorCode::Unavailable,
    };
    let shown = ApiError::new(code, error.to_string());
    match error {
        CallError::Invalid(_) => shown.hint("Name one of the policy's resources whose connector is `ssh`."),
        CallError::Unreachable { .. }
        | CallError::Refused { .. }
        | CallError::Lost { .. }
        | CallError::StaleEpoch { .. }
        | CallError::NotOurs { .. } => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_back() {
        let resource = ResourceName::new("hosts/web").expect("a name");
        let host = host_of(&fact(&resource, "web-1.example.com:22")).expect("a host");
        assert_eq!((host.resource, host.name.as_str()), (resource, "web-1.example.com:22"));
    }

    #[test]
    fn hosts_are_checked() {
        assert!(check_host("[::1]:22").is_ok());
        for bad in ["", "a/b", "a b", "ä", &"x".repeat(256)] {
            assert!(check_host(bad).is_err(), "{bad}");
        }
    }
}
