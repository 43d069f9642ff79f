//! `POST /api/v1/break-glass`

use super::request::ask_for;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{ApiError, Body, CallKey, CallerAddress, RefusalResponses};
use axum::extract::State;
use axum::{Extension, Json};
use curfew_api::{AskBody, RequestView};
use http::StatusCode;

/// Takes emergency access to a role: approved as it is made, where the role says to whom, and reviewed afterwards.
/// Stages and windows are skipped, nothing else. While one use is unreviewed its subject gets no other.
#[utoipa::path(post, path = "/break-glass", tag = "requests", request_body = AskBody,
    responses((status = 201, body = RequestView), RefusalResponses))]
pub(crate) async fn break_glass(
    State(app): State<App>,
    caller: Caller,
    CallerAddress(address): CallerAddress,
    key: Option<Extension<CallKey>>,
    Body(body): Body<AskBody>,
) -> Result<(StatusCode, Json<RequestView>), ApiError> {
    app.asks.take(&caller.who.subject.id)?;
    let ask = ask_for(&app, &caller, body, address)?;
    let key = key.as_ref().map(|Extension(CallKey(key))| key.as_str());
    let request = app.engine.break_glass(&caller.who, ask, key).await?;
    Ok((StatusCode::CREATED, Json(RequestView::from(&request))))
}
