//! `POST /api/v1/ssh/ca/rotate`

use super::ssh_ca::views;
use super::{administrators_only, host_desk};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Body, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{AuthoritiesView, RotateBody};

/// Makes the next authority of a resource; the one before stays trusted for the overlap. For administrators.
#[utoipa::path(post, path = "/ssh/ca/rotate", tag = "ssh", request_body = RotateBody,
    responses((status = 200, body = AuthoritiesView), RefusalResponses))]
pub(crate) async fn ssh_rotate(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<RotateBody>,
) -> Answer<AuthoritiesView> {
    administrators_only(&app, &caller)?;
    let authorities = host_desk::desk(&app)?.rotate(&body.resource).await;
    Ok(Json(AuthoritiesView { authorities: views(authorities.map_err(host_desk::error)?) }))
}
