//! Names to addresses, with every address checked before a connection is made to it.
//!
//! The client connects to what is given from here and looks nothing up itself, so a name that answers
//! differently the second time (DNS rebinding) gains nothing.

use super::reach;
use crate::config::Reach;
use curfew_engine::seams::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use url::{Host, Url};

/// Asks the system's resolver, or in tests something else.
pub(crate) type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The address is none that a webhook may reach.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is at {address}, which is not a public address; `allow_private = true` allows private ones")]
pub(crate) struct NotReachable {
    host: String,
    address: IpAddr,
}

/// The resolver of one webhook's client.
pub(crate) struct CheckedResolver {
    reach: Reach,
    lookup: Lookup,
}

impl CheckedResolver {
    pub(crate) fn new(reach: Reach, lookup: Lookup) -> Self {
        Self { reach, lookup }
    }
}

/// The system's resolver.
pub(crate) fn system() -> Lookup {
    Arc::new(|host: String| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|socket| socket.ip()).collect())
        })
    })
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, lookup, host) = (self.reach, self.lookup.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let found = lookup(host.clone()).await?;
            // One bad address among good ones is no accident: nothing is used then.
            if let Some(address) = found.iter().find(|address| !reach::is_allowed(**address, reach)) {
                return Err(NotReachable { host, address: *address }.into());
            }
            let sockets: Vec<SocketAddr> = found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(Box::new(sockets.into_iter()) as Addrs)
        })
    }
}

/// An address that stands in the URL itself never meets the resolver: it is checked here. The URL parser has
/// turned every spelling (decimal, octal, hexadecimal, short) into one.
pub(crate) fn check_literal(url: &Url, reach: Reach) -> Result<(), NotReachable> {
    let address = match url.host() {
        Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
        Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    match reach::is_allowed(address, reach) {
        true => Ok(()),
        false => Err(NotReachable { host: address.to_string(), address }),
    }
}
