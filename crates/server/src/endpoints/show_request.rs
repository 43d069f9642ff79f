//! `GET /api/v1/requests/{id}`

use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, PathId, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::RequestView;
use curfew_domain::Request;

/// One request.
#[utoipa::path(get, path = "/requests/{id}", tag = "requests", params(("id" = String, Path, description = "`req_...`")),
    responses((status = 200, body = RequestView), RefusalResponses))]
pub(crate) async fn show_request(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Request>,
) -> Answer<RequestView> {
    let found = app.engine.find_request(&caller.who, id).await?;
    let request = found.ok_or_else(|| ApiError::not_found("request"))?;
    Ok(Json(RequestView::from(&request)))
}
