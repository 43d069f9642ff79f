//! The grants that are live on a server and that a change of policy would touch.

use super::super::Context;
use crate::commands::grants;
use crate::failure::Failure;
use crate::session::Session;
use curfew_api::{SubjectView, WhichGrants};
use curfew_domain::{Identity, Subject};
use curfew_policy::{AccessDiff, Change, Direction, Kind, OnPolicyChange, PolicySet};
use serde::Serialize;
use std::collections::BTreeSet;

/// A grant that a change touches.
#[derive(Debug, Serialize)]
pub(super) struct Touched {
    pub(super) id: String,
    pub(super) role: String,
    pub(super) subject: String,
    pub(super) expires_at: Option<String>,
    /// What becomes of it.
    pub(super) effect: Effect,
    /// What changes for it: the kinds.
    pub(super) because: BTreeSet<&'static str>,
}

/// What becomes of a live grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Effect {
    /// It is ended when the policy is in force.
    Ended,
    /// It runs to its end, and would not be given again as it is.
    Kept,
}

/// The live grants of the roles that become narrower.
pub(super) async fn touched(
    context: &mut Context,
    diff: &AccessDiff,
    head: &PolicySet,
) -> Result<Vec<Touched>, Failure> {
    let session = Session::signed_in(context)?;
    let grants = grants::all(context, &session, WhichGrants::All).await?;
    let mut touched = Vec::new();
    for grant in grants.into_iter().filter(|grant| matches!(grant.state.as_str(), "approved" | "activating" | "active"))
    {
        let subject = grant.subject.email.as_ref().map_or_else(|| grant.subject.id.to_string(), ToString::to_string);
        let about = |change: &&Change| {
            let role = change.role.as_ref() == Some(&grant.role);
            role && change.direction == Direction::Narrower && concerns(change, &subject)
        };
        let changes: Vec<&Change> = diff.changes.iter().filter(about).collect();
        if changes.is_empty() {
            continue;
        }
        let role = head.role(&grant.role);
        // Which groups the subject is in is not said here, so what a group lost counts as lost.
        let loses = changes.iter().any(|change| change.kind == Kind::CanAsk);
        let no_longer = loses && !head.is_eligible(&grant.role, &by_address(&grant.subject));
        let ends = no_longer || role.is_none_or(|role| role.on_policy_change == OnPolicyChange::End);
        touched.push(Touched {
            id: grant.id.to_string(),
            role: grant.role.to_string(),
            expires_at: grant.expires_at.map(|at| at.to_string()),
            effect: if ends { Effect::Ended } else { Effect::Kept },
            because: changes.iter().map(|change| change.kind.word()).collect(),
            subject,
        });
    }
    Ok(touched)
}

/// The subject with nothing but its address to be let in by.
fn by_address(subject: &SubjectView) -> Identity {
    let (kind, id, email) = (subject.kind, subject.id.clone(), subject.email.clone());
    Identity { subject: Subject { kind, id, email, name: None }, groups: BTreeSet::new() }
}

/// Whether a change is about this subject: about everybody, about them, or about a group that may hold them.
fn concerns(change: &Change, subject: &str) -> bool {
    change.subject.as_deref().is_none_or(|who| who == subject || who == "anyone" || who.starts_with("group:"))
}
