//! `POST /api/v1/decisions`

use super::request::ask_for;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Body, CallerAddress, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{AskBody, DecisionView};

/// What policy would say to an ask. Nothing is asked, and a denial is an answer like any other.
#[utoipa::path(post, path = "/decisions", tag = "requests", request_body = AskBody,
    responses((status = 200, body = DecisionView), RefusalResponses))]
pub(crate) async fn decide(
    State(app): State<App>,
    caller: Caller,
    CallerAddress(address): CallerAddress,
    Body(body): Body<AskBody>,
) -> Answer<DecisionView> {
    app.asks.take(&caller.who.subject.id)?;
    let judgement = app.engine.judge(&caller.who, &ask_for(&app, &caller, body, address)?).await?;
    Ok(Json(DecisionView::from(&judgement.decision)))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::World;

    #[tokio::test]
    async fn answers_and_asks_nothing() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let dry = |body| world.post(&dev, "/api/v1/decisions", body);
        assert_eq!(dry(serde_json::json!({"role": "db-debug"})).await.ok()["outcome"], "needs_approval");
        let denied = dry(serde_json::json!({"role": "db-look", "reason": "x"})).await.ok();
        assert_eq!(
            (&denied["outcome"], &denied["unsatisfied"][0]["code"]),
            (&"denied".into(), &"justification".into())
        );
        assert_eq!(dry(serde_json::json!({"role": "none"})).await.status, 404);
        assert_eq!(world.get(&dev, "/api/v1/requests").await.ok()["items"], serde_json::json!([]));
    }
}
