//! `POST /api/v1/grants/{id}/return`

use super::grant_path::{self, GrantPath};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::GrantView;

/// The subject's own "done": ends it before its time. The answer does not wait for the targets.
#[utoipa::path(post, path = "/grants/{id}/return", tag = "grants",
    params(("id" = String, Path, description = "`grt_...`, or the `req_...` it came from")),
    responses((status = 200, body = GrantView), RefusalResponses))]
pub(crate) async fn give_back(
    State(app): State<App>,
    caller: Caller,
    GrantPath(which): GrantPath,
) -> Answer<GrantView> {
    grant_path::check_own(&app, &caller, which).await?;
    let grant = app.engine.give_back(&caller.who, which).await?;
    Ok(Json(grant_path::view(&app, &grant).await?))
}
