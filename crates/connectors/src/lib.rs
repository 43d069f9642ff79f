//! The plugs to targets: one folder for each kind, and one conformance suite that holds them all.
//!
//! A connector turns orders into access in a real target and takes it away again. It decides nothing: who
//! may have what, and for how long, was settled before it is called.
//!
//! **Invariant:** nothing here knows of requests, grants, approvals or the ledger. What a connector needs
//! arrives in its orders; what it knows is read from the target.

pub mod conformance;
pub mod postgres;
pub mod ssh;
