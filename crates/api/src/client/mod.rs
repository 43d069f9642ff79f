//! The typed client: one method for each endpoint.

mod audit;
mod error;
mod grants;
mod proof;
mod requests;
mod runs;
mod session;
mod ssh;
mod streams;
mod workload;

pub use error::ClientError;
pub use proof::ProofKey;
pub use streams::{Download, EventStream};

use crate::error::ErrorBody;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use url::{Host, Url};

/// How long a call may take, connection included.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Talks to one server, as one subject or as nobody.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    shows: Shows,
}

/// What each call shows of who makes it.
#[derive(Clone)]
enum Shows {
    Nobody,
    /// A person's token, which is all it takes.
    Token(String),
    /// A machine's token, which is worth nothing without a proof of its key.
    Bound(String, ProofKey),
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// Names one intent, so that sending it twice does it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A key that nobody has used.
    #[allow(clippy::disallowed_methods, reason = "the client stands outside the simulated world")]
    pub fn fresh() -> Self {
        let mut bytes = [0u8; 16];
        getrandom::fill(&mut bytes).expect("INVARIANT: the system gives random bytes");
        Self(bytes.iter().map(|b| format!("{b:02x}")).collect())
    }

    /// The key as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Client {
    /// A client of the server at this address. No call is made yet.
    ///
    /// # Errors
    /// When the address is none, it carries a user or a query, or no TLS is to be had.
    pub fn new(base: &str, token: Option<String>) -> Result<Self, ClientError> {
        Self::showing(base, token.map_or(Shows::Nobody, Shows::Token))
    }

    fn showing(base: &str, shows: Shows) -> Result<Self, ClientError> {
        let bad = || ClientError::BadAddress(base.chars().take(200).collect());
        let url = Url::parse(base).map_err(|_| bad())?;
        let plain = url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() || !plain
        {
            return Err(bad());
        }
        let sound = match &shows {
            Shows::Nobody => true,
            Shows::Token(token) | Shows::Bound(token, _) => token.bytes().all(|b| b.is_ascii_graphic()),
        };
        if !sound {
            return Err(ClientError::BadToken);
        }
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("curfew/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&url) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|e| ClientError::NoClient(e.to_string()))?;
        Ok(Self { http, base: url, shows })
    }

    /// The server's address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The address of a path below the server's own, each segment escaped.
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("INVARIANT: http addresses have paths").pop_if_empty().extend(segments);
        url
    }

    fn api(&self, segments: &[&str]) -> Url {
        self.url(&[&["api", "v1"], segments].concat())
    }

    fn call(&self, method: Method, url: Url) -> RequestBuilder {
        let call = |method: Method, url: Url| self.http.request(method, url).timeout(CALL_TIMEOUT);
        match &self.shows {
            Shows::Nobody => call(method, url),
            Shows::Token(token) => call(method, url).bearer_auth(token),
            Shows::Bound(token, key) => {
                let proof = key.prove(&method, &url, Some(token));
                call(method, url).header(AUTHORIZATION, format!("DPoP {token}")).header(proof::HEADER, proof)
            }
        }
    }

    async fn get<T: DeserializeOwned>(&self, segments: &[&str], query: &impl Serialize) -> Result<T, ClientError> {
        let call = self.call(Method::GET, self.api(segments)).query(query);
        self.read(self.send(call).await?).await
    }

    async fn post<T: DeserializeOwned>(&self, segments: &[&str], body: &impl Serialize) -> Result<T, ClientError> {
        self.post_with(segments, body, &IdempotencyKey::fresh()).await
    }

    async fn post_with<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
        key: &IdempotencyKey,
    ) -> Result<T, ClientError> {
        self.read(self.send(self.post_call(segments, key).json(body)).await?).await
    }

    fn post_call(&self, segments: &[&str], key: &IdempotencyKey) -> RequestBuilder {
        self.call(Method::POST, self.api(segments)).header("Idempotency-Key", key.as_str())
    }

    /// Sends; an answer that is not a success becomes the error it holds.
    async fn send(&self, call: RequestBuilder) -> Result<Response, ClientError> {
        let answer = call.send().await.map_err(|e| self.unreachable(&e))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let bytes = answer.bytes().await.map_err(|e| self.unreachable(&e))?;
        match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(body) => Err(ClientError::api(status.as_u16(), body.error)),
            Err(_) => Err(self.unintelligible(format!("status {status} without an error in it"))),
        }
    }

    async fn read<T: DeserializeOwned>(&self, answer: Response) -> Result<T, ClientError> {
        let bytes = answer.bytes().await.map_err(|e| self.unreachable(&e))?;
        serde_json::from_slice(&bytes).map_err(|e| self.unintelligible(e.to_string()))
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            message = inner.to_string();
            cause = inner.source();
        }
        ClientError::Unreachable { server: self.server(), message }
    }

    fn unintelligible(&self, message: String) -> ClientError {
        ClientError::Unintelligible { server: self.server(), message }
    }

    fn server(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for bad in ["", "curfew", "ftp://x", "http://u@x", "http://u:p@x", "http://x?a", "http://x#a", "unix:/x"] {
            assert!(matches!(Client::new(bad, None), Err(ClientError::BadAddress(_))), "{bad}");
        }
        assert_eq!(Client::new("http://x", Some("a\nb".to_owned())).err(), Some(ClientError::BadToken));
    }

    #[test]
    fn segments_are_escaped() {
        let client = Client::new("https://x/base/", Some("secret".to_owned())).expect("a client");
        assert_eq!(client.api(&["grants", "a/../b?c"]).as_str(), "https://x/base/api/v1/grants/a%2F..%2Fb%3Fc");
        assert!(!format!("{client:?}").contains("secret"));
    }

    #[test]
    fn keys_differ() {
        assert_ne!(IdempotencyKey::fresh(), IdempotencyKey::fresh());
    }
}
