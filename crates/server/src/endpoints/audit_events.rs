//! `GET /api/v1/audit/events`

use super::auditors_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Params, RefusalResponses, page_limit};
use axum::Json;
use axum::extract::State;
use curfew_api::{AuditEventView, AuditFrom, Listing};

/// Events in order. `next` is the place to go on from.
#[utoipa::path(get, path = "/audit/events", tag = "audit", params(AuditFrom),
    responses((status = 200, body = Listing<AuditEventView>), RefusalResponses))]
pub(crate) async fn audit_events(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<AuditFrom>,
) -> Answer<Listing<AuditEventView>> {
    auditors_only(&app, &caller)?;
    let limit = page_limit(query.limit)?;
    let events = app.engine.store().events(query.from, limit).await?;
    let next = events.last().filter(|_| events.len() == limit).map(|last| (last.seq + 1).to_string());
    Ok(Json(Listing { items: events.iter().map(AuditEventView::from).collect(), next }))
}
