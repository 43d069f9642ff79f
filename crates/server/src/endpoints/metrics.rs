//! `GET /metrics`

use crate::app::App;
use crate::edge::ApiError;
use crate::policy_source::Trouble;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use curfew_domain::LeaseState;
use http::header::CONTENT_TYPE;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long after its order an end is overdue, in milliseconds.
const OVERDUE_AFTER: u64 = 5 * 60 * 1_000;

/// How long what was read from the ledger is told again.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Everything that is counted, in Prometheus's text format. [`crate::telemetry`] lists the names.
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let mut sampled = app.sampled.lock().await;
    let now = app.clock.monotonic();
    // Anybody may ask, so the ledger is read for the first of those who ask within a second.
    if sampled.is_none_or(|at| now.saturating_sub(at) >= SAMPLE_EVERY) {
        sample(&app).await?;
        *sampled = Some(now);
    }
    drop(sampled);
    let text = app.metrics.render();
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// Reads from the ledger what is a state, not a count.
async fn sample(app: &App) -> Result<(), ApiError> {
    let mut open: BTreeMap<(String, &'static str), u32> = BTreeMap::new();
    let mut overdue: BTreeMap<String, u32> = BTreeMap::new();
    let now = app.engine.now();
    for connector in app.engine.connectors() {
        for state in ["wanted", "issuing", "live", "revoking", "locked_out"] {
            open.insert((connector.kind().name.to_owned(), state), 0);
        }
        overdue.insert(connector.kind().name.to_owned(), 0);
    }
    for lease in app.engine.store().open_leases().await? {
        if let LeaseState::Revoking { since, .. } = lease.state
            && now.millis_since(since) > OVERDUE_AFTER
        {
            *overdue.entry(lease.connector.clone()).or_default() += 1;
        }
        *open.entry((lease.connector, lease.state.word())).or_default() += 1;
    }
    for ((connector, state), count) in open {
        metrics::gauge!("curfew_open_leases", "connector" => connector, "state" => state).set(f64::from(count));
    }
    for (connector, count) in overdue {
        metrics::gauge!("curfew_overdue_leases", "connector" => connector).set(f64::from(count));
    }
    metrics::gauge!("curfew_audit_events").set(app.engine.store().tree_head().await?.size as f64);
    let stale = app.engine.policy_doubt().is_some();
    metrics::gauge!("curfew_policy_stale").set(if stale { 1.0 } else { 0.0 });
    let refused = matches!(app.policy.trouble(), Some(Trouble::Refused(_)));
    metrics::gauge!("curfew_policy_refused").set(if refused { 1.0 } else { 0.0 });
    metrics::gauge!("curfew_clock_in_doubt").set(if app.engine.clock_doubt().is_some() { 1.0 } else { 0.0 });
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn counts_by_pattern_and_shows_nobody() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let id = text(&world.active(&dev).await, "id");
        let shown = world.get("", "/metrics").await;
        assert!(shown.text.contains("curfew_open_leases{connector=\"postgres\",state=\"live\"} 1"), "{}", shown.text);
        assert!(shown.text.contains("path=\"/api/v1/grants/{id}/activate\""), "{}", shown.text);
        assert!(!shown.text.contains(&id) && !shown.text.contains("dev@example.com"));
    }
}
