//! What people do, one file a verb.

pub(crate) mod activate;
pub(crate) mod again;
pub(crate) mod ask;
pub(crate) mod attest;
pub(crate) mod break_glass;
pub(crate) mod bundle;
pub(crate) mod decide;
mod doctor;
pub(crate) mod end;
pub(crate) mod extend;
pub(crate) mod look;
pub(crate) mod policy;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod runs;
mod triggers;
