//! `POST /api/v1/requests/{id}/deny`

use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Body, PathId, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{DenyBody, RequestView};
use curfew_domain::Request;
use curfew_engine::Judging;

/// Says no to what `digest` stands for. A no that comes after the yes revokes what came of it.
#[utoipa::path(post, path = "/requests/{id}/deny", tag = "requests", request_body = DenyBody,
    params(("id" = String, Path, description = "`req_...`")),
    responses((status = 200, body = RequestView), RefusalResponses))]
pub(crate) async fn deny(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Request>,
    Body(body): Body<DenyBody>,
) -> Answer<RequestView> {
    let judging = Judging { digest: body.digest, reason: body.reason, narrowed: None };
    let request = app.engine.deny(&caller.who, id, judging).await?;
    Ok(Json(RequestView::from(&request)))
}
