//! Where HTTP meets Curfew: everything hostile is stopped here, in one order, before a handler sees it.
//!
//! **Invariant:** no answer leaves in another shape than ours, whatever came in; and nothing here decides who
//! may do what.

mod body;
mod error;
mod etag;
mod headers;
mod idempotency;
pub(crate) mod listener;
mod names;
mod observe;
mod source;
pub(crate) mod throttle;
pub(crate) mod tls;

pub(crate) use body::{Answer, Body, Params, PathId, PathText, page_limit};
pub(crate) use error::{ApiError, Refusals as RefusalResponses};
pub(crate) use etag::etag;
pub(crate) use headers::{bounded, harden, quiet_panics, read_whole};
pub(crate) use idempotency::{CallKey, IdempotentAnswers, once};
pub(crate) use names::{Names, check_names, host_of};
pub(crate) use observe::observe;
pub(crate) use source::{CallerAddress, Peer, Source};
pub(crate) use throttle::Throttle;
