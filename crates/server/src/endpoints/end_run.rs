//! `POST /api/v1/runs/{id}/end`

use super::run_path::{machine, whole};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Body, PathId, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{BeatBody, RunStateView};
use curfew_domain::Run;

/// Says that a client is done. What lives with it ends, and with the last client the run and what people were given by
/// it. Again, it changes nothing. The answer lists what the client itself had.
#[utoipa::path(post, path = "/runs/{id}/end", tag = "runs", request_body = BeatBody,
    params(("id" = String, Path, description = "`run_...`")),
    responses((status = 200, body = RunStateView), RefusalResponses))]
pub(crate) async fn end_run(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Run>,
    Body(body): Body<BeatBody>,
) -> Answer<RunStateView> {
    let lives = app.engine.end_run(machine(&caller)?, id, &body.beat).await?;
    let seen = app.engine.own_of_run(lives, &body.beat).await?;
    Ok(Json(whole(&app, &seen).await?))
}
