//! `POST /api/v1/requests`

use crate::app::App;
use crate::auth::Caller;
use crate::edge::{ApiError, Body, CallKey, RefusalResponses};
use axum::extract::State;
use axum::{Extension, Json};
use curfew_api::{AskBody, ErrorCode, RequestView};
use curfew_domain::{Request, RoleName};
use curfew_engine::AskFor;
use http::StatusCode;

/// Asks for a role. What policy refuses becomes no request: the answer is `denied` with the decision in it.
///
/// The `Idempotency-Key` is kept in the ledger with the request, so that it holds across restarts.
#[utoipa::path(post, path = "/requests", tag = "requests", request_body = AskBody,
    responses((status = 201, body = RequestView), RefusalResponses))]
pub(crate) async fn request(
    State(app): State<App>,
    caller: Caller,
    key: Option<Extension<CallKey>>,
    Body(body): Body<AskBody>,
) -> Result<(StatusCode, Json<RequestView>), ApiError> {
    let ask = ask_for(body)?;
    let key = key.as_ref().map(|Extension(CallKey(key))| key.as_str());
    let request = app.engine.request(&caller.who, ask.clone(), key).await?;
    if key.is_some() && !is_of(&request, &ask) {
        return Err(ApiError::new(ErrorCode::IdempotencyKeyReused, "this key made another request"));
    }
    Ok((StatusCode::CREATED, Json(RequestView::from(&request))))
}

/// Whether a request could have come of this ask. After a restart the key finds a request whose body is gone.
fn is_of(request: &Request, ask: &AskFor) -> bool {
    let resources = request.scope.by_resource();
    let actions = request.scope.actions();
    request.role == ask.role
        && request.reason == ask.reason
        && request.ticket == ask.ticket
        && ask.duration.is_none_or(|duration| duration == request.duration)
        && ask.resources.iter().all(|resource| resources.contains_key(resource))
        && ask.actions.iter().all(|action| actions.contains(action))
}

/// An ask as the engine takes it.
///
/// # Errors
/// When the role is no name: then there is no such role.
pub(crate) fn ask_for(body: AskBody) -> Result<AskFor, ApiError> {
    let role = RoleName::new(body.role).map_err(|_| {
        ApiError::new(ErrorCode::NotFound, "there is no such role").hint("`curfew roles` lists what you may ask for.")
    })?;
    Ok(AskFor {
        role,
        resources: body.resources,
        actions: body.actions,
        duration: body.duration_seconds,
        reason: body.reason,
        ticket: body.ticket,
    })
}
