//! Everything the engine needs from outside: time, randomness, a ledger, and plugs to targets.

pub mod clock;
pub mod connector;
pub mod host_desk;
pub mod secrets;
pub mod store;

pub use clock::{Clock, Entropy};
pub use connector::Connector;
pub use host_desk::HostDesk;
pub use secrets::Secrets;
pub use store::{Change, Store};

/// A future that a seam returns.
pub type BoxFuture<'a, T> = futures::future::BoxFuture<'a, T>;
