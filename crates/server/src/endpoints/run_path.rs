//! A run in a path, and how one is shown.

use super::grant_path;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{ApiError, PathText};
use crate::workload::notable;
use axum::extract::FromRequestParts;
use curfew_api::{ErrorCode, RequestView, RunStateView, RunView, SubjectView};
use curfew_domain::RunState;
use curfew_engine::seams::store::{BoundToken, ReadError};
use curfew_engine::{Lives, SeenRun, WhichRun};
use http::request::Parts;

/// `run_...`, or the number that its provider counts it by.
pub(crate) struct RunPath(pub(crate) WhichRun);

impl<S: Send + Sync> FromRequestParts<S> for RunPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let PathText(text) = PathText::from_request_parts(parts, state).await?;
        Ok(Self(text.parse().map_or_else(|_| WhichRun::Number(text), WhichRun::Id)))
    }
}

/// The machine that calls.
///
/// # Errors
/// When a person does.
pub(crate) fn machine(caller: &Caller) -> Result<&BoundToken, ApiError> {
    caller.workload.as_ref().ok_or_else(|| {
        ApiError::new(ErrorCode::Forbidden, "only a pipeline's job has a run to begin, keep alive or end")
            .hint("`POST /api/v1/sign-in/workload` takes the job's token.")
    })
}

/// A run as it stands, without what came of it.
pub(crate) fn bare(app: &App, Lives { run, silent_at }: &Lives) -> RunStateView {
    let (state, over_at, over_because) = match &run.state {
        RunState::Live => ("live", None, None),
        RunState::Over { at, why } => ("over", Some(*at), Some(*why)),
    };
    RunStateView {
        id: run.id,
        run: RunView::from(&run.token.run),
        state: state.to_owned(),
        subject: SubjectView::from(&run.subject),
        began_at: run.began_at,
        over_at,
        over_because,
        heartbeat_window_seconds: app.engine.heartbeat_window(),
        silent_at: *silent_at,
        claims: notable(&run.token.claims),
        requests: Vec::new(),
        grants: Vec::new(),
    }
}

/// A run with what came of it.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn whole(app: &App, seen: &SeenRun) -> Result<RunStateView, ReadError> {
    let mut view = bare(app, &seen.lives);
    view.requests = seen.requests.iter().map(RequestView::from).collect();
    for grant in &seen.grants {
        view.grants.push(grant_path::view(app, grant).await?);
    }
    Ok(view)
}
