//! Who machines are: their provider's token is checked once and exchanged for a sign-in that is bound to a key of theirs.
//!
//! A token says which run of which pipeline it was given to; what that run may have is policy's to say. The provider's token
//! is worth one sign-in, and the sign-in is worth nothing without the key: each call proves it anew (RFC 9449).
//!
//! **Invariant:** nothing of a token is believed before its signature was checked with a key that its issuer publishes, `sub`
//! is never taken apart, and no secret of a client's is ever seen here.

mod ambiguous;
mod checks;
mod dpop;
mod exchange;
mod fetch;
mod hints;
mod issuers;
mod jwk;
mod jws;
mod keys;
mod run;
mod seen;
mod strict;

pub(crate) use dpop::{Call, Proof, ProofRefused, prove};
pub(crate) use exchange::{ExchangeError, exchange};
pub(crate) use issuers::Issuers;
pub use issuers::IssuersError;
pub(crate) use run::notable;
pub(crate) use seen::{SeenProofs, Use};

#[cfg(test)]
mod tests;
