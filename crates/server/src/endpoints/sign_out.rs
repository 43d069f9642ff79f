//! `POST /api/v1/sign-out`

use crate::app::App;
use crate::auth::{Caller, sign_in};
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;

/// Gives the sign-in up; its token is worth nothing any more.
#[utoipa::path(post, path = "/sign-out", tag = "session",
    responses((status = 200, description = "It is over.", body = Object), RefusalResponses))]
pub(crate) async fn sign_out(State(app): State<App>, caller: Caller) -> Answer<serde_json::Value> {
    sign_in::end(&app, caller.token_hash).await?;
    Ok(Json(serde_json::json!({})))
}
