//! `GET /api/v1/audit/proof`

use super::auditors_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Params, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{ProofOf, ProofView};

/// That an event is in the log: RFC 6962's audit path under a signed checkpoint.
#[utoipa::path(get, path = "/audit/proof", tag = "audit", params(ProofOf),
    responses((status = 200, body = ProofView), RefusalResponses))]
pub(crate) async fn audit_proof(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<ProofOf>,
) -> Answer<ProofView> {
    auditors_only(&app, &caller)?;
    let signed = app.checkpointer.sign().await?;
    let missing = || ApiError::not_found("event");
    let event = app.engine.store().events(query.seq, 1).await?;
    let event = event.first().filter(|event| event.seq == query.seq).ok_or_else(missing)?;
    let size = signed.checkpoint.size;
    let hashes = app.engine.store().inclusion_proof(query.seq, size).await?.ok_or_else(missing)?;
    Ok(Json(ProofView {
        seq: query.seq,
        leaf_hash: event.leaf_hash.clone(),
        tree_size: size,
        hashes: hashes.iter().map(hex::encode).collect(),
        checkpoint: signed.note,
    }))
}
