//! `POST /api/v1/policy/apply`

use super::administrators_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Body, RefusalResponses};
use crate::policy_source::{ApplyError, By, Report, Wanted};
use axum::Json;
use axum::extract::State;
use curfew_api::{ErrorCode, PolicyAppliedState, PolicyAppliedView, PolicyApplyBody, PolicyTouchedView};

/// Puts the end of the branch in force, a commit of it, or what the policy folder holds now. Never anything that the
/// caller sends: policy comes from where the server was told to take it.
#[utoipa::path(post, path = "/policy/apply", tag = "policy", request_body = PolicyApplyBody,
    responses((status = 200, body = PolicyAppliedView), RefusalResponses))]
pub(crate) async fn policy_apply(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<PolicyApplyBody>,
) -> Answer<PolicyAppliedView> {
    // Going back takes the people whom `policy_approvers` name, administrators or not.
    if !body.rollback || !app.policy.may_go_back(&caller.who) {
        administrators_only(&app, &caller)?;
    }
    let by = By::Person(caller.who.clone());
    let content = body.content.as_deref();
    let report = match (body.commit, body.rollback) {
        (None, false) => app.policy.apply(Wanted::Newest, &by, content).await?,
        (None, true) => app.policy.go_back(&by).await?,
        (Some(commit), false) => app.policy.apply(Wanted::Commit(commit), &by, content).await?,
        (Some(commit), true) => app.policy.apply(Wanted::Rollback(commit), &by, content).await?,
    };
    Ok(Json(view(&app, report)))
}

fn view(app: &App, report: Report) -> PolicyAppliedView {
    let Report { before, touched, missing } = report;
    let set = app.engine.policy();
    let state = match (missing.is_empty(), before == set.version()) {
        (false, _) => PolicyAppliedState::Waiting,
        (true, true) => PolicyAppliedState::Unchanged,
        (true, false) => PolicyAppliedState::Applied,
    };
    let touched = touched.into_iter().map(|(grant, fate)| PolicyTouchedView {
        id: grant.id.to_string(),
        role: grant.role.to_string(),
        subject: grant.subject.label(),
        effect: fate.word().to_owned(),
    });
    PolicyAppliedView {
        state,
        policy_version: set.version().to_owned(),
        commit: set.commit().map(str::to_owned),
        before,
        missing,
        live_grants: touched.collect(),
    }
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        let message = error.to_string();
        match error {
            ApplyError::NoGit => Self::new(ErrorCode::PolicyRefused, message)
                .hint("Change the folder, then `curfew policy apply` without a commit; `policy.git` makes the server follow a repository."),
            ApplyError::OtherContent { .. } => Self::new(ErrorCode::PolicyRefused, message)
                .hint("Bring the same files to where the server reads its policy, then apply them."),
            ApplyError::NothingBefore => Self::new(ErrorCode::PolicyRefused, message).hint("Name the commit to go back to."),
            ApplyError::Forbidden => Self::new(ErrorCode::Forbidden, message),
            ApplyError::Refused(error) if error.is_unreachable() => Self::new(ErrorCode::Unavailable, message)
                .hint("The policy in force stays. `curfew doctor` shows how following goes."),
            ApplyError::Refused(error) => {
                let refused = Self::new(ErrorCode::PolicyRefused, message);
                match error.hint() {
                    Some(hint) => refused.hint(hint),
                    None => refused,
                }
            }
            ApplyError::Read(error) => error.into(),
            ApplyError::Commit(error) => error.into(),
        }
    }
}
