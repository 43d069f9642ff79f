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
