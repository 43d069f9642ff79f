//! The names this server goes by. A page of another site can neither rebind a name to us nor send as somebody.

use super::{ApiError, Peer};
use crate::app::App;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use curfew_api::ErrorCode;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Method, Uri};
use std::net::IpAddr;
use url::Url;

/// What may stand in `Host` and `Origin`.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    public: Option<Url>,
}

impl Names {
    pub(crate) fn new(public: Option<Url>) -> Self {
        Self { public }
    }

    /// Whether a host is one of ours: the public one, or, on this machine, a loopback name. An address that is
    /// the very one the call came in at cannot be rebound.
    fn knows(&self, host: &str, peer: &Peer) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if self.public.as_ref().and_then(Url::host_str).is_some_and(|ours| ours.eq_ignore_ascii_case(host)) {
            return true;
        }
        match bare.parse::<IpAddr>() {
            Ok(address) => address.to_canonical() == peer.local.ip().to_canonical() || on_loopback(address, peer),
            Err(_) => host.eq_ignore_ascii_case("localhost") && peer.local.ip().to_canonical().is_loopback(),
        }
    }

    /// Whether an `Origin` is one of ours: a name of ours at the port that `Host` names, or the public address.
    fn knows_origin(&self, origin: &str, host: &Authority, peer: &Peer) -> bool {
        Url::parse(origin).is_ok_and(|url| self.knows_address(&url, host, peer))
    }

    /// Whether an address is on this server, as the call itself or the configuration names it. A proxy in front may have
    /// ended TLS, so the scheme is that of the address.
    pub(crate) fn knows_address(&self, url: &Url, host: &Authority, peer: &Peer) -> bool {
        if self.public.as_ref().is_some_and(|public| public.origin() == url.origin()) {
            return true;
        }
        let port = host.port_u16().or(match url.scheme() {
            "https" => Some(443),
            _ => Some(80),
        });
        let same = url.host_str().is_some_and(|name| name.eq_ignore_ascii_case(host.host()));
        same && url.port_or_known_default() == port && self.knows(host.host(), peer)
    }
}

fn on_loopback(address: IpAddr, peer: &Peer) -> bool {
    address.is_loopback() && peer.local.ip().to_canonical().is_loopback()
}

/// Refuses calls under a name that is not ours, and calls that another site's page makes.
pub(crate) async fn check_names(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    let refused = |code| ApiError::new(code, "this server does not go by that name");
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return Err(ApiError::new(ErrorCode::Internal, "a call without a connection"));
    };
    let host = host_of(request.headers(), request.uri()).ok_or_else(|| refused(ErrorCode::HostRefused))?;
    if !app.names.knows(host.host(), &peer) {
        return Err(refused(ErrorCode::HostRefused));
    }
    let foreign = ApiError::new(ErrorCode::OriginRefused, "a page of another site may not call this");
    match one(request.headers(), ORIGIN.as_str()) {
        Header::Absent => {}
        Header::Text(origin) if app.names.knows_origin(origin, &host, &peer) => {}
        Header::Text(_) | Header::Unreadable => return Err(foreign),
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_api = request.uri().path().starts_with(curfew_api::PREFIX);
    match one(request.headers(), "sec-fetch-site") {
        Header::Text("cross-site" | "same-site") if is_api || !reads => Err(foreign),
        Header::Absent | Header::Text(_) | Header::Unreadable => Ok(next.run(request).await),
    }
}

/// The name the call was made under: one `Host`, or the authority of an absolute address.
pub(crate) fn host_of(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    match one(headers, HOST.as_str()) {
        Header::Text(text) => text.parse().ok().filter(|a: &Authority| !a.as_str().contains('@')),
        Header::Absent => uri.authority().cloned(),
        Header::Unreadable => None,
    }
}

enum Header<'a> {
    Absent,
    Text(&'a str),
    /// Twice there, or no ASCII.
    Unreadable,
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Header<'a> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Header::Absent,
        (Some(value), None) => value.to_str().map_or(Header::Unreadable, Header::Text),
        (Some(_), Some(_)) => Header::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(local: &str) -> Peer {
        Peer { remote: "10.0.0.9:999".parse().expect("an address"), local: local.parse().expect("an address") }
    }

    #[test]
    fn hosts() {
        let names = Names::new(Some("https://curfew.example.com".parse().expect("a URL")));
        let local = peer("127.0.0.1:7373");
        for known in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "curfew.example.com", "Curfew.Example.com"] {
            assert!(names.knows(known, &local), "{known}");
        }
        for foreign in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "", "::ffff:1"] {
            assert!(!names.knows(foreign, &local), "{foreign}");
        }
        let outside = peer("192.0.2.7:443");
        assert!(names.knows("192.0.2.7", &outside) && names.knows("curfew.example.com", &outside));
        assert!(!names.knows("localhost", &outside) && !names.knows("127.0.0.1", &outside));
    }

    #[test]
    fn origins() {
        let names = Names::new(Some("https://curfew.example.com".parse().expect("a URL")));
        let local = peer("127.0.0.1:7373");
        let host: Authority = "localhost:7373".parse().expect("a host");
        for known in ["http://localhost:7373", "https://curfew.example.com"] {
            assert!(names.knows_origin(known, &host, &local), "{known}");
        }
        for foreign in [
            "null",
            "http://localhost:8080",
            "http://127.0.0.1:7373",
            "https://evil.example",
            "http://curfew.example.com",
        ] {
            assert!(!names.knows_origin(foreign, &host, &local), "{foreign}");
        }
    }
}
