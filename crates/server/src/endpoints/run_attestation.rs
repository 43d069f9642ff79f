//! `GET /api/v1/runs/{id}/attestation`

use super::run_path::RunPath;
use crate::app::App;
use crate::attestation::statement;
use crate::auth::Caller;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::AttestationView;

/// The signed word that a run is over and what was given with it has ended: for those who may see the run, as much of it
/// as they may see. `wrong_state` while a client of it beats or a grant of it has not ended. Where an end could not be
/// verified, it says that.
#[utoipa::path(get, path = "/runs/{id}/attestation", tag = "runs",
    params(("id" = String, Path, description = "`run_...`, or the number that its provider counts it by")),
    responses((status = 200, body = AttestationView), RefusalResponses))]
pub(crate) async fn run_attestation(
    State(app): State<App>,
    caller: Caller,
    RunPath(which): RunPath,
) -> Answer<AttestationView> {
    let closed = app.engine.closed_run(&caller.who, caller.workload.as_ref(), &which).await?;
    // Signed after the ends were read, so that this checkpoint covers them.
    let signed = app.checkpointer.sign().await?;
    let statement = serde_json::to_vec(&statement(&closed, &signed)).expect("INVARIANT: views serialize to JSON");
    Ok(Json(app.checkpointer.sign_statement(&statement).await?.into()))
}
