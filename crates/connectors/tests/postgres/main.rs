//! The PostgreSQL connector against real servers: Debian's, and one of 16 or later.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests run outside the simulator")]

mod attacks;
mod canary;
mod conform;
mod everyday;
mod leftovers;
mod managers;
mod quoting;
mod replicas;
mod speed;
mod support;
