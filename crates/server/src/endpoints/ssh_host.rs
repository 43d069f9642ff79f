//! `POST /api/v1/ssh/hosts` and `DELETE /api/v1/ssh/hosts`

use super::{administrators_only, host_desk};
use crate::app::App;
use crate::auth::{Caller, HOST_PREFIX, Token};
use crate::edge::{ApiError, Body, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{ErrorCode, HostBody, HostTokenView};
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_engine::seams::Change;
use http::StatusCode;

/// Lets an SSH host report, and expects it to from then on. A second token replaces the first. For administrators.
#[utoipa::path(post, path = "/ssh/hosts", tag = "ssh", request_body = HostBody,
    responses((status = 201, body = HostTokenView), RefusalResponses))]
pub(crate) async fn ssh_host(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<HostBody>,
) -> Result<(StatusCode, Json<HostTokenView>), ApiError> {
    administrators_only(&app, &caller)?;
    host_desk::desk(&app)?;
    host_desk::check_host(&body.host)?;
    if app.engine.policy().resource(&body.resource).is_none() {
        return Err(ApiError::new(ErrorCode::NotFound, format!("the policy defines no resource `{}`", body.resource)));
    }
    let token = Token::fresh(HOST_PREFIX, &*app.entropy);
    let now = app.engine.now();
    let value = serde_json::json!({"sha256": token.hash(), "created_at": now.to_string()}).to_string();
    let fact = Change::Fact { name: host_desk::fact(&body.resource, &body.host), value: Some(value) };
    let event = event(&app, &caller, &body, AuditAction::HostEnrolled);
    app.engine.store().commit(vec![fact, Change::Event(Box::new(event))]).await?;
    let view = HostTokenView { resource: body.resource, host: body.host, token: token.reveal() };
    Ok((StatusCode::CREATED, Json(view)))
}

/// No longer expects an SSH host to report; its token is worth nothing any more. For administrators.
#[utoipa::path(delete, path = "/ssh/hosts", tag = "ssh", request_body = HostBody,
    responses((status = 204, description = "It is gone."), RefusalResponses))]
pub(crate) async fn ssh_host_gone(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<HostBody>,
) -> Result<StatusCode, ApiError> {
    administrators_only(&app, &caller)?;
    host_desk::check_host(&body.host)?;
    let name = host_desk::fact(&body.resource, &body.host);
    if app.engine.store().fact(&name).await?.is_none() {
        return Err(ApiError::not_found("host"));
    }
    let event = event(&app, &caller, &body, AuditAction::HostRemoved);
    let changes = vec![Change::Fact { name, value: None }, Change::Event(Box::new(event))];
    app.engine.store().commit(changes).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn event(app: &App, caller: &Caller, body: &HostBody, action: AuditAction) -> AuditEvent {
    AuditEvent::new(app.engine.now(), caller.who.subject.clone(), action)
        .with("resource", body.resource.to_string())
        .with("host", body.host.clone())
}
