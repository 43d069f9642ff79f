//! The cookies: the session's token, and before a sign-in a random text that its form is bound to.
//!
//! **Invariant:** a cookie is sent to this server only, with no call that another site's page makes, and no
//! script reads it.

use crate::app::App;
use http::header::{COOKIE, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue};

/// One of our cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The session's token.
    Session,
    /// What the sign-in form is bound to.
    Form,
}

/// The cookies between this server and one browser.
pub(super) struct Jar {
    scheme: Scheme,
    /// The port that the browser knows the server by.
    port: Option<u16>,
}

/// How browsers reach this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Jar {
    /// Of the call that these headers came with.
    pub(super) fn of(app: &App, headers: &HeaderMap) -> Self {
        let https =
            app.config.tls.is_some() || app.config.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
        let host = headers.get(HOST).and_then(|value| value.to_str().ok());
        let port = host.and_then(|text| text.parse::<Authority>().ok()).and_then(|host| host.port_u16());
        Self { scheme: if https { Scheme::Https } else { Scheme::Http }, port }
    }

    /// A cookie's name. Over https browsers hold `__Host-` names to this server alone; on plain loopback, cookies
    /// are shared between ports, so the port stands in the name.
    fn name(&self, cookie: Cookie) -> String {
        let what = match cookie {
            Cookie::Session => "curfew",
            Cookie::Form => "curfew_form",
        };
        match self.scheme {
            Scheme::Https => format!("__Host-{what}"),
            Scheme::Http => format!("{what}_{}", self.port.unwrap_or(80)),
        }
    }

    /// A cookie's value in a call; none when it is missing or there twice.
    pub(super) fn read<'a>(&self, cookie: Cookie, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = self.name(cookie);
        let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value),
            (None, _) | (Some(_), Some(_)) => None,
        }
    }

    /// The header that sets a cookie, for so many seconds. The value is a token's text.
    pub(super) fn set(&self, cookie: Cookie, value: &str, seconds: u64) -> Option<HeaderValue> {
        let secure = match self.scheme {
            Scheme::Https => "; Secure",
            Scheme::Http => "",
        };
        let name = self.name(cookie);
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The header that removes a cookie.
    pub(super) fn clear(&self, cookie: Cookie) -> Option<HeaderValue> {
        self.set(cookie, "", 0)
    }
}
