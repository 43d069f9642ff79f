//! `POST /api/v1/requests/{id}/deny`

use super::grant_path;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Body, PathId, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{DenyBody, RequestView};
use curfew_domain::Request;
use curfew_engine::Judging;

/// Says no to what `digest` stands for. A no that comes after the yes revokes what came of it.
#[utoipa::path(post, path = "/requests/{id}/deny", tag = "requests", request_body = DenyBody,
    params(("id" = String, Path, description = "`req_...`")),
    responses((status = 200, body = RequestView), RefusalResponses))]
pub(crate) async fn deny(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Request>,
    Body(body): Body<DenyBody>,
) -> Answer<RequestView> {
    let judging = Judging { digest: body.digest, reason: body.reason, narrowed: None, artefact: None };
    let request = app.engine.deny(&caller.who, id, judging).await?;
    Ok(Json(grant_path::request_view(&app, &request).await?))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn a_no_is_final_and_ends_what_came_of_a_yes() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let second = world.sign_in("second@example.com").await;
        let asked = world.ask(&dev).await;
        let path = |asked: &serde_json::Value| format!("/api/v1/requests/{}/deny", text(asked, "id"));
        let body = |asked: &serde_json::Value, reason| serde_json::json!({"digest": asked["digest"], "reason": reason});
        assert_eq!(world.post(&second, &path(&asked), body(&asked, " ")).await.code(), "out_of_bounds");
        let denied = world.post(&second, &path(&asked), body(&asked, "not today")).await.ok();
        assert_eq!((&denied["state"], &denied["approvals"][0]["verdict"]), (&"denied".into(), &"deny".into()));
        assert_eq!(world.post(&second, &path(&asked), body(&asked, "no")).await.code(), "already_final");
        let approved = world.approved(&dev).await;
        let late = world.post(&second, &path(&approved), body(&approved, "stop")).await.ok();
        assert_eq!((&late["state"], &late["grant"]["end_cause"]), (&"approved".into(), &"revoked".into()), "{late}");
        let order = &late["grant"]["end_ordered"];
        assert_eq!(order["by"]["email"], "second@example.com");
        assert_eq!(order["because"], "denied after it was approved: stop");
        let grant = world.until(&dev, &text(&approved, "grant_id"), "ended").await;
        assert_eq!((&grant["end_cause"], &grant["verified"]), (&"revoked".into(), &true.into()));
        assert_eq!(&grant["end_ordered"], order);
        let shown = world.get(&dev, &format!("/api/v1/requests/{}", text(&approved, "id"))).await.ok();
        assert_eq!((&shown["grant"]["state"], &shown["grant"]["end_ordered"]), (&"ended".into(), order), "{shown}");
        let again = world.post(&second, &path(&approved), body(&approved, "stop")).await;
        assert_eq!(again.code(), "already_final");
        assert!(again.text.contains("what came of it has ended"), "{}", again.text);
    }
}
