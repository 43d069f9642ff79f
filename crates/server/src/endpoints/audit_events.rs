//! `GET /api/v1/audit/events`

use super::auditors_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Params, RefusalResponses, page_limit};
use axum::Json;
use axum::extract::State;
use curfew_api::{AuditEventView, AuditFrom, Listing};

/// Events in order. `next` is the place to go on from.
#[utoipa::path(get, path = "/audit/events", tag = "audit", params(AuditFrom),
    responses((status = 200, body = Listing<AuditEventView>), RefusalResponses))]
pub(crate) async fn audit_events(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<AuditFrom>,
) -> Answer<Listing<AuditEventView>> {
    auditors_only(&app, &caller)?;
    let limit = page_limit(query.limit)?;
    let events = app.engine.store().events(query.from, limit).await?;
    let next = events.last().filter(|_| events.len() == limit).map(|last| (last.seq + 1).to_string());
    Ok(Json(Listing { items: events.iter().map(AuditEventView::from).collect(), next }))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn events_are_in_order_and_about_their_things() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let request = text(&world.ask(&dev).await, "id");
        let auditor = world.sign_in("auditor@example.com").await;
        let page = world.get(&auditor, "/api/v1/audit/events?from=1&limit=2").await.ok();
        assert_eq!((&page["items"][0]["seq"], &page["next"]), (&1.into(), &"3".into()));
        let about = world.get(&auditor, &format!("/api/v1/audit/about/{request}")).await.ok();
        assert_eq!(about["items"][0]["action"], "request.created");
        assert_eq!(about["items"][0]["grant_id"], serde_json::Value::Null);
        assert_eq!(world.get(&auditor, "/api/v1/audit/about/nothing").await.status, 404);
        for path in ["events", "search", "about/x", "proof?seq=0", "consistency?old=1&new=2", "checkpoint"] {
            assert_eq!(world.get(&dev, &format!("/api/v1/audit/{path}")).await.code(), "forbidden", "{path}");
        }
    }
}
