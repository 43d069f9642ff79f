//! `GET /healthz` and `GET /readyz`

use crate::app::{App, Readiness};
use crate::policy_source::Trouble;
use axum::Json;
use axum::extract::State;
use http::StatusCode;

/// 200 as long as the process answers.
pub(crate) async fn healthz() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "ok"}))
}

/// 200 once the ledger and the targets are reconciled, until the server is told to stop.
pub(crate) async fn readyz(State(app): State<App>) -> (StatusCode, Json<serde_json::Value>) {
    let (status, word) = match app.phase.get() {
        Readiness::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        Readiness::Ready => (StatusCode::OK, "ready"),
        Readiness::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    };
    // Who reaches this address need not know what is wrong, only that somebody should look.
    let policy = match (app.engine.policy_doubt(), app.policy.trouble()) {
        (Some(_), _) => "stale",
        (None, Some(Trouble::Refused(_))) => "refused",
        (None, Some(Trouble::Unreachable(_))) => "unreachable",
        (None, Some(Trouble::Held(_))) => "held",
        (None, None) => "followed",
    };
    (status, Json(serde_json::json!({"status": word, "policy": policy})))
}
