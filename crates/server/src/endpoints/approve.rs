//! `POST /api/v1/requests/{id}/approve`

use super::grant_path;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Body, PathId, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{ApproveBody, ErrorCode, NarrowBody, RequestView};
use curfew_domain::approval::Narrowed;
use curfew_domain::{Artefact, Request};
use curfew_engine::Judging;

/// Says yes to what `digest` stands for. May narrow it, never widen it.
#[utoipa::path(post, path = "/requests/{id}/approve", tag = "requests", request_body = ApproveBody,
    params(("id" = String, Path, description = "`req_...`")),
    responses((status = 200, body = RequestView), RefusalResponses))]
pub(crate) async fn approve(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Request>,
    Body(body): Body<ApproveBody>,
) -> Answer<RequestView> {
    let artefact = body.artefact.map(|named| Artefact::new(named.kind, &named.value)).transpose();
    let artefact = artefact.map_err(|error| ApiError::new(ErrorCode::Malformed, error.to_string()))?;
    let narrowed = body.narrowed.and_then(narrowed);
    let judging = Judging { digest: body.digest, reason: body.reason, narrowed, artefact };
    let request = app.engine.approve(&caller.who, id, judging).await?;
    Ok(Json(grant_path::request_view(&app, &request).await?))
}

/// What is taken away; none when nothing is.
fn narrowed(body: NarrowBody) -> Option<Narrowed> {
    let narrowed =
        Narrowed { duration_seconds: body.duration_seconds, actions: body.actions.map(|a| a.into_iter().collect()) };
    (narrowed != Narrowed::default()).then_some(narrowed)
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn a_yes_makes_a_grant_and_narrows_at_most() {
        let world = World::new().await;
        let (dev, lead) = (world.sign_in("dev@example.com").await, world.sign_in("lead@example.com").await);
        let asked = world.ask(&dev).await;
        let path = format!("/api/v1/requests/{}/approve", text(&asked, "id"));
        let body = |digest: &serde_json::Value, narrowed| serde_json::json!({"digest": digest, "narrowed": narrowed});
        let narrow = serde_json::json!({"duration_seconds": "15m", "actions": ["read"]});
        let own = world.post(&dev, &path, body(&asked["digest"], narrow.clone())).await;
        assert_eq!((own.status.as_u16(), own.code().as_str()), (403, "own_request"));
        let stale = world.post(&lead, &path, body(&"00".into(), narrow.clone())).await;
        assert_eq!((stale.status.as_u16(), stale.code().as_str()), (409, "digest_differs"));
        let wider =
            world.post(&lead, &path, body(&asked["digest"], serde_json::json!({"duration_seconds": "3h"}))).await;
        assert_eq!((wider.status.as_u16(), wider.code().as_str()), (422, "widens"));
        let approved = world.post(&lead, &path, body(&asked["digest"], narrow)).await.ok();
        assert_eq!(approved["state"], "approved");
        assert_eq!(approved["approvals"][0]["narrowed"]["actions"], serde_json::json!(["read"]));
        let grant = world.get(&dev, &format!("/api/v1/grants/{}", text(&asked, "id"))).await.ok();
        assert_eq!((&grant["state"], &grant["duration_seconds"]), (&"approved".into(), &900.into()));
        let auditor = world.sign_in("auditor@example.com").await;
        let late = world.post(&auditor, &path, body(&asked["digest"], serde_json::Value::Null)).await;
        assert_eq!((late.status.as_u16(), late.code().as_str()), (403, "not_an_approver"));
        let second = world.sign_in("second@example.com").await;
        let late = world.post(&second, &path, body(&asked["digest"], serde_json::Value::Null)).await;
        assert_eq!((late.status.as_u16(), late.code().as_str()), (409, "already_final"));
    }
}
