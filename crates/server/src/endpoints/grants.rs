//! `GET /api/v1/grants`

use super::{cursor, grant_path};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Params, RefusalResponses, page_limit};
use axum::Json;
use axum::extract::State;
use curfew_api::{ErrorCode, GrantView, GrantsQuery, Listing, WhichGrants};
use curfew_engine::Sight;
use curfew_engine::seams::store::{Ended, Page};

/// The caller's grants that may still give access, or, for auditors, everybody's with the ended ones. Newest first.
#[utoipa::path(get, path = "/grants", tag = "grants", params(GrantsQuery),
    responses((status = 200, body = Listing<GrantView>), RefusalResponses))]
pub(crate) async fn grants(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<GrantsQuery>,
) -> Answer<Listing<GrantView>> {
    let (sight, ended) = match query.which {
        WhichGrants::Live => (Sight::Own, Ended::Left),
        WhichGrants::All if app.engine.sight(&caller.who) == Sight::Everything => (Sight::Everything, Ended::Listed),
        WhichGrants::All => {
            return Err(ApiError::new(ErrorCode::Forbidden, "only auditors and administrators see everybody's grants"));
        }
    };
    let limit = page_limit(query.limit)?;
    let page = Page { before: cursor::read(query.cursor.as_deref())?, limit };
    let found = app.engine.list_grants(&caller.who, sight, ended, page).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| cursor::write(last.id.as_u128()));
    Ok(Json(Listing { items: grant_path::views(&app, &found).await?, next }))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn everybody_sees_theirs_and_auditors_all() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let id = text(&world.active(&dev).await, "id");
        let listed = |reply: crate::endpoints::testing::Reply| reply.ok()["items"].as_array().map(Vec::len);
        let mine = world.get(&dev, "/api/v1/grants").await;
        assert_eq!(mine.ok()["items"][0]["leases"][0]["state"], "live");
        assert_eq!(listed(mine), Some(1));
        let lead = world.sign_in("lead@example.com").await;
        assert_eq!(listed(world.get(&lead, "/api/v1/grants").await), Some(0));
        assert_eq!(world.get(&dev, "/api/v1/grants?which=all").await.code(), "forbidden");
        world.post(&dev, &format!("/api/v1/grants/{id}/return"), serde_json::json!({})).await.ok();
        world.until(&dev, &id, "ended").await;
        assert_eq!(listed(world.get(&dev, "/api/v1/grants").await), Some(0));
        let auditor = world.sign_in("auditor@example.com").await;
        assert_eq!(listed(world.get(&auditor, "/api/v1/grants?which=all").await), Some(1));
    }
}
