//! `GET /api/v1/audit/key`

use crate::app::App;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::AuditKeyView;

/// The public key of the signed checkpoints, a C2SP vkey. Open to anybody.
#[utoipa::path(get, path = "/audit/key", tag = "audit", responses((status = 200, body = AuditKeyView), RefusalResponses))]
pub(crate) async fn audit_key(State(app): State<App>) -> Answer<AuditKeyView> {
    Ok(Json(AuditKeyView { key: app.checkpointer.public_key().await? }))
}
