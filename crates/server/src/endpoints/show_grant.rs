//! `GET /api/v1/grants/{id}`

use super::grant_path::{self, GrantPath};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::GrantView;

/// One grant with its leases.
#[utoipa::path(get, path = "/grants/{id}", tag = "grants",
    params(("id" = String, Path, description = "`grt_...`, or the `req_...` it came from")),
    responses((status = 200, body = GrantView), RefusalResponses))]
pub(crate) async fn show_grant(
    State(app): State<App>,
    caller: Caller,
    GrantPath(which): GrantPath,
) -> Answer<GrantView> {
    let grant = grant_path::find(&app, &caller.who, which).await?;
    Ok(Json(grant_path::view(&app, &grant).await?))
}
