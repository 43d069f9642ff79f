//! `POST /api/v1/grants/{id}/revoke`

use super::grant_path::{self, GrantPath};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Body, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{GrantView, RevokeBody};
use curfew_engine::RevokeWhat;

/// Orders the end of one grant. The answer does not wait for the targets.
#[utoipa::path(post, path = "/grants/{id}/revoke", tag = "grants", request_body = RevokeBody,
    params(("id" = String, Path, description = "`grt_...`, or the `req_...` it came from")),
    responses((status = 200, body = GrantView), RefusalResponses))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    GrantPath(which): GrantPath,
    Body(body): Body<RevokeBody>,
) -> Answer<GrantView> {
    let ended = app.engine.revoke(&caller.who, RevokeWhat::One(which), &body.reason).await?;
    let grant = ended.first().ok_or_else(|| ApiError::not_found("grant"))?;
    Ok(Json(grant_path::view(&app, grant).await?))
}
