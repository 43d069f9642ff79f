//! `POST /api/v1/grants/{id}/extend`

use super::grant_path::{self, GrantPath};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{ApiError, Body, CallKey, CallerAddress, RefusalResponses};
use axum::extract::State;
use axum::{Extension, Json};
use curfew_api::{ErrorCode, ExtendBody, GrantView, MoreTimeView};
use curfew_engine::ExtendBy;

/// Asks for more time, beyond the end the grant has. It is decided as a request for the total since its activation.
/// Where the role wants approvals for it, `more_time` names the request that waits for them; otherwise the answer comes
/// when every target was read back with the later end.
#[utoipa::path(post, path = "/grants/{id}/extend", tag = "grants", request_body = ExtendBody,
    params(("id" = String, Path, description = "`grt_...`, or the `req_...` it came from")),
    responses((status = 200, body = GrantView), RefusalResponses))]
pub(crate) async fn extend(
    State(app): State<App>,
    caller: Caller,
    CallerAddress(address): CallerAddress,
    key: Option<Extension<CallKey>>,
    GrantPath(which): GrantPath,
    Body(body): Body<ExtendBody>,
) -> Result<Json<GrantView>, ApiError> {
    app.asks.take(&caller.who.subject.id)?;
    if body.duration_seconds.as_secs() == 0 {
        return Err(ApiError::new(ErrorCode::OutOfBounds, "no time is no extension").hint("Ask for some."));
    }
    grant_path::check_own(&app, &caller, which).await?;
    let key = key.as_ref().map(|Extension(CallKey(key))| key.as_str());
    let by = ExtendBy { more: body.duration_seconds, source_ip: Some(address) };
    let extension = app.engine.extend(&caller.who, which, by, key).await?;
    let mut view = grant_path::view(&app, &extension.grant).await?;
    view.more_time = Some(MoreTimeView::from(&extension.request));
    Ok(Json(view))
}
