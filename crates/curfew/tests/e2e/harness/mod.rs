//! A private world for a test: programs on free loopback ports, stopped when the test is over, also when
//! it failed.

mod git;
mod http;
#[allow(dead_code, reason = "the server's own tests use the rest of it")]
pub(crate) mod issuer;
mod person;
mod postgres;
mod programs;
mod runners;
mod server;
mod session;
mod sshd;
mod world;

pub(crate) use git::{FOLLOWED, GitServer, NOWHERE, Policies};
pub(crate) use http::{Http, runtime, token, verifier};
pub(crate) use issuer::Issuer;
pub(crate) use person::{Answer, Person, run, text};
pub(crate) use programs::{Child, folder, free_port, soon, text as file_text};
pub(crate) use runners::{Job, Pipelines, program};
pub(crate) use server::{Server, Way};
pub(crate) use session::Session;
pub(crate) use sshd::Sshd;
pub(crate) use world::{POLICY, World};
