//! `GET /api/v1/audit/about/{id}`

use super::auditors_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, PathText, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{AuditEventView, Listing};
use curfew_domain::{Grant, Id, Lease, Request};

/// Events about a request, grant or lease, in order.
#[utoipa::path(get, path = "/audit/about/{id}", tag = "audit",
    params(("id" = String, Path, description = "`req_...`, `grt_...` or `lse_...`")),
    responses((status = 200, body = Listing<AuditEventView>), RefusalResponses))]
pub(crate) async fn audit_about(
    State(app): State<App>,
    caller: Caller,
    PathText(id): PathText,
) -> Answer<Listing<AuditEventView>> {
    auditors_only(&app, &caller)?;
    let is_id = id.parse::<Id<Request>>().is_ok() || id.parse::<Id<Grant>>().is_ok() || id.parse::<Id<Lease>>().is_ok();
    let events = if is_id { app.engine.store().events_about(&id).await? } else { Vec::new() };
    if events.is_empty() {
        return Err(ApiError::not_found("request, grant or lease"));
    }
    Ok(Json(Listing::whole(events.iter().map(AuditEventView::from).collect())))
}
