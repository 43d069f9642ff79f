//! `GET /api/v1/audit/checkpoint`

use super::auditors_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::CheckpointView;

/// How the log stands now, signed.
#[utoipa::path(get, path = "/audit/checkpoint", tag = "audit", responses((status = 200, body = CheckpointView), RefusalResponses))]
pub(crate) async fn audit_checkpoint(State(app): State<App>, caller: Caller) -> Answer<CheckpointView> {
    auditors_only(&app, &caller)?;
    Ok(Json(CheckpointView { checkpoint: app.checkpointer.sign().await?.note }))
}
