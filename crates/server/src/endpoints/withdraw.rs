//! `POST /api/v1/requests/{id}/withdraw`

use super::grant_path;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, PathId, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::RequestView;
use curfew_domain::Request;

/// Takes one's own pending request back.
#[utoipa::path(post, path = "/requests/{id}/withdraw", tag = "requests",
    params(("id" = String, Path, description = "`req_...`")),
    responses((status = 200, body = RequestView), RefusalResponses))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Request>,
) -> Answer<RequestView> {
    if caller.workload.is_some() {
        let found = app.engine.find_request(&caller.who, id).await?;
        let request = found.ok_or_else(|| ApiError::not_found("request"))?;
        grant_path::check_client(&app, &caller, request.lives_with.as_ref()).await?;
    }
    let request = app.engine.withdraw(&caller.who, id).await?;
    Ok(Json(RequestView::from(&request)))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn only_ones_own() {
        let world = World::new().await;
        let (dev, lead) = (world.sign_in("dev@example.com").await, world.sign_in("lead@example.com").await);
        let path = format!("/api/v1/requests/{}/withdraw", text(&world.ask(&dev).await, "id"));
        assert_eq!(world.post(&lead, &path, serde_json::json!({})).await.status, 403);
        assert_eq!(world.post(&dev, &path, serde_json::json!({})).await.ok()["state"], "withdrawn");
        assert_eq!(world.post(&dev, &path, serde_json::json!({})).await.code(), "already_final");
    }
}
