//! `POST /api/v1/requests/{id}/approve`

use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Body, PathId, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{ApproveBody, NarrowBody, RequestView};
use curfew_domain::Request;
use curfew_domain::request::Narrowed;
use curfew_engine::Judging;

/// Says yes to what `digest` stands for. May narrow it, never widen it.
#[utoipa::path(post, path = "/requests/{id}/approve", tag = "requests", request_body = ApproveBody,
    params(("id" = String, Path, description = "`req_...`")),
    responses((status = 200, body = RequestView), RefusalResponses))]
pub(crate) async fn approve(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Request>,
    Body(body): Body<ApproveBody>,
) -> Answer<RequestView> {
    let judging = Judging { digest: body.digest, reason: body.reason, narrowed: body.narrowed.and_then(narrowed) };
    let request = app.engine.approve(&caller.who, id, judging).await?;
    Ok(Json(RequestView::from(&request)))
}

/// What is taken away; none when nothing is.
fn narrowed(body: NarrowBody) -> Option<Narrowed> {
    let narrowed =
        Narrowed { duration_seconds: body.duration_seconds, actions: body.actions.map(|a| a.into_iter().collect()) };
    (narrowed != Narrowed::default()).then_some(narrowed)
}
