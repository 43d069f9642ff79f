//! `POST /api/v1/runs/{id}/beats`

use super::run_path::{bare, machine};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Body, PathId, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{BeatBody, RunStateView};
use curfew_domain::Run;

/// Says that a client is still there. The answer lists nothing of what came of the run: `GET /runs/{id}` does.
#[utoipa::path(post, path = "/runs/{id}/beats", tag = "runs", request_body = BeatBody,
    params(("id" = String, Path, description = "`run_...`")),
    responses((status = 200, body = RunStateView), RefusalResponses))]
pub(crate) async fn beat(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Run>,
    Body(body): Body<BeatBody>,
) -> Answer<RunStateView> {
    let lives = app.engine.beat(machine(&caller)?, id, &body.beat).await?;
    Ok(Json(bare(&app, &lives)))
}
