//! `POST /api/v1/runs`

use super::run_path::{machine, whole};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Body, CallerAddress, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{BeatBody, RunStateView};
use curfew_engine::Beginning;

/// Begins the run that the caller's token is of, or joins it with another client. The same heartbeat again changes
/// nothing.
///
/// A run that begins fires the triggers that mean it. The answer lists what the calling client itself was given or has
/// asked for; `GET /runs/{id}` lists everything.
#[utoipa::path(post, path = "/runs", tag = "runs", request_body = BeatBody,
    responses((status = 200, body = RunStateView), RefusalResponses))]
pub(crate) async fn begin_run(
    State(app): State<App>,
    caller: Caller,
    CallerAddress(address): CallerAddress,
    Body(body): Body<BeatBody>,
) -> Answer<RunStateView> {
    let bound = machine(&caller)?.clone();
    app.asks.take(&caller.who.subject.id)?;
    let beginning = Beginning { bound, beat: body.beat, source_ip: Some(address) };
    let lives = app.engine.begin_run(&caller.who, &beginning).await?;
    let seen = app.engine.own_of_run(lives, &beginning.beat).await?;
    Ok(Json(whole(&app, &seen).await?))
}
