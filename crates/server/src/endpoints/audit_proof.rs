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

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};
    use curfew_domain::audit::checkpoint::verify_consistency;
    use curfew_domain::audit::merkle::verify_inclusion;
    use curfew_domain::audit::{Place, TreeHash, VerifierKey};

    #[tokio::test]
    async fn proofs_verify_under_the_checkpoint() {
        let world = World::new().await;
        let auditor = world.sign_in("auditor@example.com").await;
        let key = VerifierKey::parse(&text(&world.get("", "/api/v1/audit/key").await.ok(), "key")).expect("a key");
        let old = key.verify(&text(&world.get(&auditor, "/api/v1/audit/checkpoint").await.ok(), "checkpoint"));
        let old = old.expect("signed");
        world.sign_in("dev@example.com").await;
        let proof = world.get(&auditor, "/api/v1/audit/proof?seq=1").await.ok();
        let new = key.verify(&text(&proof, "checkpoint")).expect("signed");
        let hashes = |value: &serde_json::Value| -> Vec<TreeHash> {
            let list = value["hashes"].as_array().expect("a list");
            list.iter().map(|h| h.as_str().and_then(|h| h.parse().ok()).expect("a hash")).collect()
        };
        let leaf = text(&proof, "leaf_hash").parse().expect("a hash");
        let place = Place { seq: 1, size: new.size };
        assert_eq!(verify_inclusion(leaf, place, &hashes(&proof), new.root), Ok(()));
        let path = format!("/api/v1/audit/consistency?old={}&new={}", old.size, new.size);
        let grown = world.get(&auditor, &path).await.ok();
        assert_eq!(verify_consistency(&old, &new, &hashes(&grown)), Ok(()));
        assert_eq!(world.get(&auditor, "/api/v1/audit/proof?seq=100000").await.status, 404);
    }
}
