//! `GET /api/v1/runs/{id}`

use super::run_path::{RunPath, whole};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::RunStateView;

/// One run with everything that came of it, by its `run_` id or by its provider's number: of several, the newest that
/// the caller may see.
#[utoipa::path(get, path = "/runs/{id}", tag = "runs",
    params(("id" = String, Path, description = "`run_...`, or the number that its provider counts it by")),
    responses((status = 200, body = RunStateView), RefusalResponses))]
pub(crate) async fn show_run(State(app): State<App>, caller: Caller, RunPath(which): RunPath) -> Answer<RunStateView> {
    let seen = app.engine.find_run(&caller.who, caller.workload.as_ref(), &which).await?;
    let seen = seen.ok_or_else(|| ApiError::not_found("run"))?;
    Ok(Json(whole(&app, &seen).await?))
}
