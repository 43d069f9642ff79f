//! What people do, one file a verb.

pub(crate) mod activate;
pub(crate) mod decide;
mod doctor;
pub(crate) mod end;
pub(crate) mod look;
pub(crate) mod policy;
pub(crate) mod request;
