//! `POST /api/v1/revocations`

use super::grant_path;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Body, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{ErrorCode, GrantView, Listing, RevocationBody};
use curfew_engine::RevokeWhat;

/// Orders the end of every grant of a subject, of a role, or on a resource that the caller may revoke.
/// Answers with those.
#[utoipa::path(post, path = "/revocations", tag = "grants", request_body = RevocationBody,
    responses((status = 200, body = Listing<GrantView>), RefusalResponses))]
pub(crate) async fn revoke_all(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<RevocationBody>,
) -> Answer<Listing<GrantView>> {
    let reason = body.reason.clone();
    let ended = app.engine.revoke(&caller.who, what(body)?, &reason).await?;
    Ok(Json(Listing::whole(grant_path::views(&app, &ended).await?)))
}

fn what(body: RevocationBody) -> Result<RevokeWhat, ApiError> {
    match (body.subject, body.role, body.resource) {
        (Some(subject), None, None) => match subject.parse() {
            Ok(email) => Ok(RevokeWhat::AllOf(email)),
            Err(_) => Err(ApiError::new(ErrorCode::Malformed, "`subject` is not an e-mail address")),
        },
        (None, Some(role), None) => Ok(RevokeWhat::Role(role)),
        (None, None, Some(resource)) => Ok(RevokeWhat::Resource(resource)),
        _ => Err(ApiError::new(ErrorCode::Malformed, "say one of `subject`, `role` and `resource`")),
    }
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn a_name_that_nobody_knows_does_not_look_like_success() {
        let world = World::new().await;
        let root = world.sign_in("root@example.com").await;
        let revoke = async |by: &str, what: &str| {
            let mut body = serde_json::json!({"reason": "drill"});
            body[by] = what.into();
            world.post(&root, "/api/v1/revocations", body).await
        };
        for (by, what) in [("role", "db-debugg"), ("resource", "services/dbb")] {
            let reply = revoke(by, what).await;
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "not_found"), "{by}");
            assert!(reply.text.contains("Nothing was revoked"), "{}", reply.text);
        }
        for (by, what) in [("role", "db-debug"), ("resource", "services/db"), ("subject", "nobody@example.com")] {
            assert_eq!(revoke(by, what).await.ok()["items"], serde_json::json!([]), "{by}");
        }
    }

    #[tokio::test]
    async fn by_subject_role_or_resource_and_nothing_else() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let root = world.sign_in("root@example.com").await;
        for by in [("subject", "dev@example.com"), ("role", "db-debug"), ("resource", "services/db")] {
            let id = text(&world.active(&dev).await, "id");
            let mut body = serde_json::json!({"reason": "drill"});
            body[by.0] = by.1.into();
            let ended = world.post(&root, "/api/v1/revocations", body).await.ok();
            assert_eq!(ended["items"][0]["id"], id.as_str(), "{by:?}");
            world.until(&root, &id, "ended").await;
        }
        for body in
            [serde_json::json!({"reason": "x"}), serde_json::json!({"reason": "x", "subject": "a@b", "role": "r"})]
        {
            assert_eq!(world.post(&root, "/api/v1/revocations", body).await.code(), "malformed");
        }
    }
}
