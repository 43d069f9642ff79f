//! One span, one log line and one set of metrics for each call.

use crate::app::App;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method};
use tracing::Instrument;

const CALL_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the call an id, which is answered in `x-request-id` and stands in every line logged under it as `call_id`
/// (`request_id` is that of a Curfew request). The path is logged as its pattern: an id or a query may be private.
pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut random = [0u8; 8];
    app.entropy.fill(&mut random);
    let call_id = hex::encode(random);
    let method = word(request.method());
    let path = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("call", %call_id, method, path, subject = tracing::field::Empty);
    let began = app.clock.monotonic();
    let mut response = next.run(request).instrument(span.clone()).await;
    let took = app.clock.monotonic().saturating_sub(began);
    let status = response.status().as_u16();
    span.in_scope(|| tracing::info!(status, took_ms = took.as_millis() as u64, "answered"));
    let labels = [("method", method.to_owned()), ("path", path)];
    metrics::histogram!("curfew_http_request_seconds", &labels).record(took.as_secs_f64());
    let [method, path] = labels;
    metrics::counter!("curfew_http_requests_total", &[method, path, ("status", status.to_string())]).increment(1);
    if let Ok(value) = HeaderValue::from_str(&call_id) {
        response.headers_mut().insert(CALL_ID, value);
    }
    response
}

/// Methods that are none are counted as one, so that nobody can make labels.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}
