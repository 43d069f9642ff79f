//! SSH hosts, entered with short-lived certificates.
//!
//! A certificate carries no host: whoever trusts the authority lets every one of its certificates in. So each
//! resource has an authority of its own, and what its hosts report is the only read-back there is: an end is
//! verified when every host says that it refuses the serial and shows no session with it.
//!
//! **Invariant:** nothing here opens a connection. Hosts ask; Curfew has no way in to them, and no key of theirs.

mod certificate;
mod connector;
mod desk;
mod extend;
mod facts;
pub mod fake;
mod host_desk;
mod issue;
mod kind;
mod observe;
pub mod private;
mod public_key;
mod revocation_list;
mod revoke;
mod settings;
mod told;
mod wire;

pub use connector::Ssh;
pub use kind::KIND;
