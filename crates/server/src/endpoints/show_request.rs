//! `GET /api/v1/requests/{id}`

use super::grant_path;
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
    Ok(Json(grant_path::request_view(&app, &request).await?))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, call, text};

    #[tokio::test]
    async fn what_may_not_be_seen_is_not_found() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let id = text(&world.ask(&dev).await, "id");
        let path = format!("/api/v1/requests/{id}");
        let shown = world.get(&dev, &path).await;
        assert_eq!((&shown.ok()["state"], &shown.ok()["duration_seconds"]), (&"pending".into(), &1_800.into()));
        let stranger = world.sign_in("stranger@example.com").await;
        let hidden = world.get(&stranger, &path).await;
        let missing = world.get(&stranger, "/api/v1/requests/req_00000000000000000000000000").await;
        assert_eq!((hidden.status.as_u16(), hidden.text), (404, missing.text));
        assert_eq!(world.get(&dev, "/api/v1/requests/nonsense").await.code(), "not_found");
        let mut again = call(http::Method::GET, &dev, &path, None, None);
        again.headers_mut().insert("if-none-match", shown.headers["etag"].clone());
        let again = world.send(again).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    }
}
