//! `POST /api/v1/policy/apply`

use super::administrators_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Body, RefusalResponses};
use crate::policy_source::{ApplyError, By, Report, Wanted};
use axum::Json;
use axum::extract::State;
use curfew_api::{ErrorCode, PolicyAppliedState, PolicyAppliedView, PolicyApplyBody, PolicyTouchedView};
use curfew_domain::Identity;
use curfew_engine::seams::store::BoundToken;
use curfew_engine::token_of;

/// Puts the end of the branch in force, a commit of it, or what the policy folder holds now. Never anything that the
/// caller sends: policy comes from where the server was told to take it. A pipeline of `policy.deployers` names what it
/// checked, and never goes back.
#[utoipa::path(post, path = "/policy/apply", tag = "policy", request_body = PolicyApplyBody,
    responses((status = 200, body = PolicyAppliedView), RefusalResponses))]
pub(crate) async fn policy_apply(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<PolicyApplyBody>,
) -> Answer<PolicyAppliedView> {
    let report = match &caller.workload {
        Some(bound) => deployed(&app, (caller.who, bound), body).await?,
        None => said(&app, &caller, body).await?,
    };
    Ok(Json(view(&app, report)))
}

/// What a person says. Going back takes the people whom `policy_approvers` name, administrators or not.
async fn said(app: &App, caller: &Caller, body: PolicyApplyBody) -> Result<Report, ApiError> {
    if !body.rollback || !app.policy.may_go_back(&caller.who) {
        administrators_only(app, caller)?;
    }
    let by = By::Person(caller.who.clone());
    let content = body.content.as_deref();
    Ok(match (body.commit, body.rollback) {
        (None, false) => app.policy.apply(Wanted::Newest, &by, content).await?,
        (None, true) => app.policy.go_back(&by).await?,
        (Some(commit), false) => app.policy.apply(Wanted::Commit(commit), &by, content).await?,
        (Some(commit), true) => app.policy.apply(Wanted::Rollback(commit), &by, content).await?,
    })
}

/// What the pipeline says that deploys policies: no more than that the server may look now. It names what it checked, so that nothing
/// comes into force by it that it has not seen, and it never goes back.
async fn deployed(app: &App, (who, bound): (Identity, &BoundToken), body: PolicyApplyBody) -> Result<Report, ApiError> {
    deployers_only(app, bound)?;
    if body.rollback {
        return Err(ApiError::new(ErrorCode::Forbidden, "a pipeline does not go back to an older policy")
            .hint("Somebody says it: `curfew policy apply COMMIT --rollback`."));
    }
    let by = By::Pipeline(who, bound.token.run.to_string());
    let wanted = match (body.commit, &body.content) {
        (Some(commit), _) => Wanted::Deployed(commit),
        (None, Some(_)) if app.policy.follower().is_none() => Wanted::Newest,
        (None, _) => {
            return Err(ApiError::new(ErrorCode::Malformed, "a pipeline names the policy that it checked")
                .hint("Name its folder: `curfew policy apply policies`."));
        }
    };
    Ok(app.policy.apply(wanted, &by, body.content.as_deref()).await?)
}

/// Lets only those pipelines through that the configuration names.
///
/// # Errors
/// `forbidden` for every other.
pub(super) fn deployers_only(app: &App, bound: &BoundToken) -> Result<(), ApiError> {
    let token = token_of(&bound.token);
    if token.is_some_and(|token| app.config.deployers.iter().any(|workload| token.is(workload))) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::Forbidden, "this is for people, and for the pipelines that deploy policies")
        .hint("The server's configuration names them as `policy.deployers`."))
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
            ApplyError::Held(_) => Self::new(ErrorCode::PolicyRefused, message)
                .hint("An administrator lifts that: `curfew policy apply COMMIT`."),
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
