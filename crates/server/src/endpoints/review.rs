//! `POST /api/v1/grants/{id}/review`

use super::grant_path::{self, GrantPath};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Body, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{GrantView, ReviewBody};
use curfew_engine::Reviewing;

/// Says what became of a use of emergency access: for those who may approve the role, never its subject. Of misuse,
/// what is left of the grant is revoked.
#[utoipa::path(post, path = "/grants/{id}/review", tag = "grants", request_body = ReviewBody,
    params(("id" = String, Path, description = "`grt_...`, or the `req_...` it came from")),
    responses((status = 200, body = GrantView), RefusalResponses))]
pub(crate) async fn review(
    State(app): State<App>,
    caller: Caller,
    GrantPath(which): GrantPath,
    Body(body): Body<ReviewBody>,
) -> Answer<GrantView> {
    let reviewing = Reviewing { verdict: body.verdict, note: body.note };
    let (grant, _) = app.engine.review(&caller.who, which, reviewing).await?;
    Ok(Json(grant_path::view(&app, &grant).await?))
}
