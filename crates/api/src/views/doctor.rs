//! What was looked at before trusting targets, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every check, and whether one failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoctorView {
    /// Whether nothing failed.
    pub ok: bool,
    /// One line each.
    pub findings: Vec<FindingView>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// What it is about: a resource's name, `clock`, `ledger`, `policy`.
    pub about: String,
    /// What was looked at.
    pub check: String,
    /// How it stands.
    pub standing: StandingView,
    /// What was seen, and for a failure what to do.
    pub message: String,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StandingView {
    /// Right.
    Ok,
    /// Works, but somebody should know.
    Warning,
    /// Refused until it is mended.
    Failed,
}

impl DoctorView {
    /// Of all findings.
    pub fn new(findings: Vec<FindingView>) -> Self {
        Self { ok: findings.iter().all(|f| f.standing != StandingView::Failed), findings }
    }
}
