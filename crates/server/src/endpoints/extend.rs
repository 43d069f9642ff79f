//! `POST /api/v1/grants/{id}/extend`

use super::grant_path::{self, GrantPath};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Body, RefusalResponses};
use axum::extract::State;
use curfew_api::{ErrorCode, ExtendBody, GrantView};

/// Asks for more time. No role of this version's policy language allows any, so the answer is `not_extensible`.
#[utoipa::path(post, path = "/grants/{id}/extend", tag = "grants", request_body = ExtendBody,
    params(("id" = String, Path, description = "`grt_...`, or the `req_...` it came from")),
    responses((status = 200, body = GrantView), RefusalResponses))]
pub(crate) async fn extend(
    State(app): State<App>,
    caller: Caller,
    GrantPath(which): GrantPath,
    Body(body): Body<ExtendBody>,
) -> Answer<GrantView> {
    let grant = grant_path::find(&app, &caller.who, which).await?;
    let message = format!("role `{}` allows no extension, so not {} more either", grant.role, body.duration_seconds);
    Err(ApiError::new(ErrorCode::NotExtensible, message))
}
