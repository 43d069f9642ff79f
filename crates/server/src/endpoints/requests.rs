//! `GET /api/v1/requests`

use super::cursor;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Params, RefusalResponses, page_limit};
use axum::Json;
use axum::extract::State;
use curfew_api::{Listing, RequestView, RequestsQuery, WhichRequests};
use curfew_engine::Which;
use curfew_engine::seams::store::Page;

/// Requests that the caller may see, newest first.
#[utoipa::path(get, path = "/requests", tag = "requests", params(RequestsQuery),
    responses((status = 200, body = Listing<RequestView>), RefusalResponses))]
pub(crate) async fn requests(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<RequestsQuery>,
) -> Answer<Listing<RequestView>> {
    let which = match query.which {
        WhichRequests::All => Which::Visible,
        WhichRequests::Pending => Which::Pending,
        WhichRequests::Mine => Which::Mine,
        WhichRequests::ToApprove => Which::ToApprove,
    };
    let limit = page_limit(query.limit)?;
    let page = Page { before: cursor::read(query.cursor.as_deref())?, limit };
    let found = app.engine.list_requests(&caller.who, which, page).await?;
    let items = found.requests.iter().map(RequestView::from).collect();
    Ok(Json(Listing { items, next: found.next.map(cursor::write) }))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn pages_follow_each_other_and_show_only_what_may_be_seen() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let lead = world.sign_in("lead@example.com").await;
        for _ in 0..5 {
            world.ask(&dev).await;
            world.clock.turn(std::time::Duration::from_secs(1));
        }
        let mut seen = Vec::new();
        let mut path = "/api/v1/requests?which=to_approve&limit=2".to_owned();
        loop {
            let page = world.get(&lead, &path).await.ok();
            seen.extend(page["items"].as_array().expect("a list").iter().map(|r| text(r, "id")));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/requests?which=to_approve&limit=2&cursor={next}");
        }
        assert_eq!(seen.len(), 5);
        assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
        let stranger = world.sign_in("stranger@example.com").await;
        assert_eq!(world.get(&stranger, "/api/v1/requests").await.ok()["items"], serde_json::json!([]));
        assert_eq!(world.get(&dev, "/api/v1/requests?which=to_approve").await.ok()["items"], serde_json::json!([]));
    }

    #[tokio::test]
    async fn wrong_queries_are_our_errors() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        for query in ["limit=0", "limit=1001", "limit=x", "which=theirs", "cursor=1", "extra=1"] {
            let reply = world.get(&dev, &format!("/api/v1/requests?{query}")).await;
            assert_eq!(reply.status, 400, "{query}");
            assert!(["malformed", "out_of_bounds"].contains(&reply.code().as_str()), "{query}");
        }
    }
}
