//! `GET /api/v1/who-has`

use super::{auditors_only, grant_path};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Params, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{AboutResource, GrantView, Listing};

/// Everything that gives, or may still give, access to a resource. For auditors.
#[utoipa::path(get, path = "/who-has", tag = "grants", params(AboutResource),
    responses((status = 200, body = Listing<GrantView>), RefusalResponses))]
pub(crate) async fn who_has(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<AboutResource>,
) -> Answer<Listing<GrantView>> {
    auditors_only(&app, &caller)?;
    let found = app.engine.who_has(&query.resource).await?;
    if found.is_empty() && !app.engine.knows_resource(&query.resource).await? {
        return Err(ApiError::not_found("resource")
            .hint("Neither the policy nor the ledger knows that resource: check the spelling."));
    }
    Ok(Json(Listing::whole(grant_path::views(&app, &found).await?)))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn tells_auditors_only() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let id = text(&world.active(&dev).await, "id");
        let auditor = world.sign_in("auditor@example.com").await;
        let found = world.get(&auditor, "/api/v1/who-has?resource=services/db").await.ok();
        assert_eq!(found["items"][0]["id"], id.as_str());
        assert_eq!(world.get(&auditor, "/api/v1/who-has?resource=services/dbb").await.code(), "not_found");
        assert_eq!(world.get(&dev, "/api/v1/who-has?resource=services/db").await.code(), "forbidden");
    }
}
