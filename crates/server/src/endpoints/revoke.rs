//! `POST /api/v1/grants/{id}/revoke`

use super::grant_path::{self, GrantPath};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Body, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{GrantView, RevokeBody};
use curfew_engine::RevokeWhat;

/// Orders the end of one grant. The answer does not wait for the targets.
#[utoipa::path(post, path = "/grants/{id}/revoke", tag = "grants", request_body = RevokeBody,
    params(("id" = String, Path, description = "`grt_...`, or the `req_...` it came from")),
    responses((status = 200, body = GrantView), RefusalResponses))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    GrantPath(which): GrantPath,
    Body(body): Body<RevokeBody>,
) -> Answer<GrantView> {
    let ended = app.engine.revoke(&caller.who, RevokeWhat::One(which), &body.reason).await?;
    let grant = ended.first().ok_or_else(|| ApiError::not_found("grant"))?;
    Ok(Json(grant_path::view(&app, grant).await?))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn approvers_and_administrators_revoke() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let lead = world.sign_in("lead@example.com").await;
        let id = text(&world.active(&dev).await, "id");
        let path = format!("/api/v1/grants/{id}/revoke");
        let because = |reason| serde_json::json!({"reason": reason});
        assert_eq!(world.post(&dev, &path, because("mine")).await.code(), "forbidden");
        assert_eq!(world.post(&lead, &path, because("")).await.code(), "out_of_bounds");
        let revoked = world.post(&lead, &path, because("enough")).await.ok();
        assert_eq!(revoked["end_cause"], "revoked");
        world.until(&lead, &id, "ended").await;
        let extend =
            world.post(&dev, &format!("/api/v1/grants/{id}/extend"), serde_json::json!({"duration_seconds": 60})).await;
        assert_eq!((extend.status.as_u16(), extend.code().as_str()), (409, "not_extensible"));
    }
}
