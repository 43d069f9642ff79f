//! `GET /api/v1/audit/about/{id}`

use super::auditors_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, PathText, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{AuditEventView, Listing};
use curfew_domain::{Grant, Id, Lease, Request};
use std::collections::BTreeMap;

/// The whole story of one thing, in order: of a request with what came of it, of a grant with who asked and who said
/// yes, of a lease with the grant it served.
#[utoipa::path(get, path = "/audit/about/{id}", tag = "audit",
    params(("id" = String, Path, description = "`req_...`, `grt_...` or `lse_...`")),
    responses((status = 200, body = Listing<AuditEventView>), RefusalResponses))]
pub(crate) async fn audit_about(
    State(app): State<App>,
    caller: Caller,
    PathText(id): PathText,
) -> Answer<Listing<AuditEventView>> {
    auditors_only(&app, &caller)?;
    let store = app.engine.store();
    let mut story = BTreeMap::new();
    for id in related(&app, &id).await? {
        story.extend(store.events_about(&id).await?.into_iter().map(|event| (event.seq, event)));
    }
    if story.is_empty() {
        return Err(ApiError::not_found("request, grant or lease"));
    }
    Ok(Json(Listing::whole(story.values().map(AuditEventView::from).collect())))
}

/// The request, the grant and the leases that belong to one story; nothing when the text is no id of ours.
async fn related(app: &App, id: &str) -> Result<Vec<String>, ApiError> {
    let store = app.engine.store();
    let grant = if let Ok(request) = id.parse::<Id<Request>>() {
        match store.request(request).await? {
            Some(request) => request.grant_id(),
            None => return Ok(Vec::new()),
        }
    } else if let Ok(lease) = id.parse::<Id<Lease>>() {
        store.lease(lease).await?.map(|lease| lease.grant_id)
    } else {
        id.parse::<Id<Grant>>().ok()
    };
    let Some(grant) = grant else {
        return Ok(id.parse::<Id<Request>>().map(|id| id.to_string()).into_iter().collect());
    };
    let Some(grant) = store.grant(grant).await? else { return Ok(Vec::new()) };
    // Every lease's event names its grant too.
    Ok(vec![grant.request_id.to_string(), grant.id.to_string()])
}
