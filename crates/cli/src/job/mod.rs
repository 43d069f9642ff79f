//! The job of a pipeline that this program runs in: who runs it, what proves it, what process it lives with, and how the
//! server is told that it lives.
//!
//! **Invariant:** no secret of the job leaves this machine but its provider's token, once, to the server it was made for.

mod github;
mod heart;
mod mask;
mod platform;
mod process;
mod sign_in;
mod token;

pub(crate) use heart::{Heart, News, news_line};
pub(crate) use mask::masks;
pub(crate) use platform::Platform;
pub(crate) use process::{Process, of_the_job};
pub(crate) use sign_in::{Job, Place};
pub(crate) use token::NO_TOKEN;
