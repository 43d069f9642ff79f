//! Who is calling: tokens made here, kept as hashes, compared in constant time.
//!
//! **Invariant:** a token's text is never stored, logged or put into an error. What a token may do is not
//! decided here: the engine asks policy. A machine's token is worth nothing without its key.

mod caller;
mod proof;
pub(crate) mod sign_in;
mod token;

pub(crate) use caller::{Caller, authenticate, known, people_only, refuse};
pub(crate) use proof::{Proving, proof_of, use_up};
pub(crate) use token::{HOST_PREFIX, Presented, SESSION_PREFIX, Token, is_same_hash};
