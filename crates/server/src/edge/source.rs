//! Where a call came from.

use super::ApiError;
use axum::extract::FromRequestParts;
use curfew_api::ErrorCode;
use http::request::Parts;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The two ends of a connection, put beside every call of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// The other end.
    pub(crate) remote: SocketAddr,
    /// Our end.
    pub(crate) local: SocketAddr,
}

/// What refusals are counted by: an address, for IPv6 the /64 it is in, because one host has all of that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Source(Option<IpAddr>);

impl Source {
    /// Of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(Some(IpAddr::V4(v4))),
            IpAddr::V6(v6) if v6.is_loopback() => Self(Some(IpAddr::V6(v6))),
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & !u128::from(u64::MAX);
                Self(Some(IpAddr::V6(network.into())))
            }
        }
    }

    /// Of more sources than are told apart.
    pub(crate) fn many() -> Self {
        Self(None)
    }

    /// Whether it is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.0.is_some_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("many"),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        CallerAddress::from_request_parts(parts, state).await.map(|caller| Self::of(caller.0))
    }
}

/// The very address a call comes from, for policy that says from where one may ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallerAddress(pub(crate) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for CallerAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get::<Peer>() {
            Some(peer) => Ok(Self(peer.remote.ip())),
            None => Err(ApiError::new(ErrorCode::Internal, "a call without a connection")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_host_are_one_source() {
        let of = |text: &str| Source::of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:3"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert!(of("127.0.0.1").is_loopback() && of("::1").is_loopback() && of("::ffff:127.0.0.1").is_loopback());
    }
}
