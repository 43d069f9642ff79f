//! `POST /api/v1/audit/export`

use super::auditors_only;
use crate::app::App;
use crate::auth::Caller;
use crate::checkpointer::Signed;
use crate::edge::{ApiError, RefusalResponses};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use curfew_domain::audit::export::checkpoint_line;
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_engine::seams::Change;
use curfew_engine::seams::store::ReadError;
use futures::stream;
use http::header::CONTENT_TYPE;

/// Events read at once.
const AT_ONCE: u64 = 1_000;

/// The whole log, one event a line in order, and the signed checkpoint as its last line. A POST, because it is
/// itself an event. A file that breaks off has no checkpoint, and so does not verify.
#[utoipa::path(post, path = "/audit/export", tag = "audit",
    responses((status = 200, description = "JSON lines", content_type = "application/x-ndjson", body = String), RefusalResponses))]
pub(crate) async fn audit_export(State(app): State<App>, caller: Caller) -> Result<Response, ApiError> {
    auditors_only(&app, &caller)?;
    let event = AuditEvent::new(app.engine.now(), caller.who.subject, AuditAction::AuditExported);
    app.engine.store().commit(vec![Change::Event(Box::new(event))]).await?;
    let signed = app.checkpointer.sign().await?;
    let body = Body::from_stream(stream::try_unfold(Some(0), move |from| piece(app.clone(), signed.clone(), from)));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

/// The lines from a place on, and where to go on; at the end the checkpoint, and nothing more.
async fn piece(app: App, signed: Signed, from: Option<u64>) -> Result<Option<(Bytes, Option<u64>)>, ReadError> {
    let Some(from) = from else { return Ok(None) };
    let size = signed.checkpoint.size;
    if from >= size {
        let line = [checkpoint_line(&signed.note), b"\n".to_vec()].concat();
        return Ok(Some((line.into(), None)));
    }
    let limit = usize::try_from(AT_ONCE.min(size - from)).unwrap_or(usize::MAX);
    let events = app.engine.store().events(from, limit).await?;
    let Some(last) = events.last() else { return Err(ReadError("the log is shorter than it was".to_owned())) };
    let next = last.seq + 1;
    let mut lines = Vec::new();
    for event in &events {
        lines.extend(event.to_line());
        lines.push(b'\n');
    }
    Ok(Some((lines.into(), Some(next))))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};
    use curfew_domain::audit::export::verify_export;
    use curfew_domain::audit::{ExportVerifier, VerifierKey};

    #[tokio::test]
    async fn the_file_verifies_with_nothing_but_the_key() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        world.active(&dev).await;
        assert_eq!(world.post(&dev, "/api/v1/audit/export", serde_json::json!({})).await.code(), "forbidden");
        let auditor = world.sign_in("auditor@example.com").await;
        let key = text(&world.get("", "/api/v1/audit/key").await.ok(), "key");
        let file = world.post(&auditor, "/api/v1/audit/export", serde_json::json!({})).await;
        let verifier = ExportVerifier::new(VerifierKey::parse(&key).expect("a key"), Vec::new(), None);
        let verdict = verify_export(file.text.as_bytes(), verifier).expect("whole");
        assert!(verdict.size > 10);
        assert!(file.text.contains("audit.exported"), "the export is in itself");
    }
}
