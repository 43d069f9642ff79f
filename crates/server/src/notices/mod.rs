//! Tells people and programs what happened: mail and webhooks, from the outbox that the engine filled.
//!
//! A notice leaves the outbox when somebody took it over, so each arrives at least once, with a stable id. Each
//! way out (the mail server, one webhook) has its own lane: one that hangs or refuses holds up nobody else.
//!
//! **Invariant:** nothing here decides, gives or ends anything, and nothing waits for it. What is sent holds no
//! secret, and nothing that a link in it opens changes anything.

mod backoff;
mod carrier;
mod courier;
mod desk;
mod lane;
mod letter;
mod mail;
mod reach;
pub(crate) mod resolver;
mod signature;
mod told;
mod webhook;

pub use courier::{Courier, CourierError, CourierParts, audience};

#[cfg(test)]
mod tests;
