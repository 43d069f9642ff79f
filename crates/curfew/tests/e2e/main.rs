//! The whole of Curfew against real servers: the built binary, real PostgreSQL, real OpenSSH, all private
//! to the test and gone with it.
#![allow(clippy::disallowed_methods, reason = "these tests run real programs on the real clock")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod advised;
mod arguments;
mod artefacts;
mod canary;
mod crash;
mod deployed;
mod dev;
mod ends;
mod examples;
mod following;
mod harness;
mod hostile;
mod hosts;
mod mail;
mod outage;
mod pipelines;
mod pipelines_killed;
mod proposed;
mod races;
mod replay;
mod solver;
mod ssh_agent;
mod story;
mod told;
mod words;
