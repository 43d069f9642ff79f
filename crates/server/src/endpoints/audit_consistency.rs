//! `GET /api/v1/audit/consistency`

use super::auditors_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Params, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{ConsistencyOf, ConsistencyView};

/// That one size of the log grew from another: RFC 6962's consistency proof.
#[utoipa::path(get, path = "/audit/consistency", tag = "audit", params(ConsistencyOf),
    responses((status = 200, body = ConsistencyView), RefusalResponses))]
pub(crate) async fn audit_consistency(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<ConsistencyOf>,
) -> Answer<ConsistencyView> {
    auditors_only(&app, &caller)?;
    let hashes = app.engine.store().consistency_proof(query.old, query.new).await?;
    let hashes = hashes.ok_or_else(|| ApiError::not_found("pair of sizes"))?;
    Ok(Json(ConsistencyView { old: query.old, new: query.new, hashes: hashes.iter().map(hex::encode).collect() }))
}
