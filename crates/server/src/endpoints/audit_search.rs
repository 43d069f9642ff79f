//! `GET /api/v1/audit/search`

use super::{auditors_only, cursor};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Params, RefusalResponses, page_limit};
use axum::Json;
use axum::extract::State;
use curfew_api::{AuditEventView, AuditSearch, ErrorCode, Listing};
use curfew_domain::audit::SealedEvent;

/// Bytes of a search.
const QUERY_BYTES: usize = 512;
/// Words of a search.
const QUERY_WORDS: usize = 16;
/// Events looked at in one call; the page then ends early, with a `next`.
const LOOKED_AT: u64 = 50_000;
/// Events read at once.
const AT_ONCE: u64 = 1_000;

/// Events in which all words stand, newest first, without regard to case. No words: everything.
#[utoipa::path(get, path = "/audit/search", tag = "audit", params(AuditSearch),
    responses((status = 200, body = Listing<AuditEventView>), RefusalResponses))]
pub(crate) async fn audit_search(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<AuditSearch>,
) -> Answer<Listing<AuditEventView>> {
    auditors_only(&app, &caller)?;
    let words = words(&query.q)?;
    let limit = page_limit(query.limit)?;
    let size = app.engine.store().tree_head().await?.size;
    let begin = cursor::read(query.cursor.as_deref())?.and_then(|place| u64::try_from(place).ok());
    let mut before = begin.unwrap_or(size).min(size);
    let stop = before.saturating_sub(LOOKED_AT);
    let mut items = Vec::new();
    while before > stop && items.len() < limit {
        let from = before.saturating_sub(AT_ONCE).max(stop);
        let span = usize::try_from(before - from).unwrap_or(usize::MAX);
        let events = app.engine.store().events(from, span).await?;
        before = from;
        for event in events.iter().rev().filter(|event| has_all(event, &words)) {
            items.push(AuditEventView::from(event));
            if items.len() == limit {
                before = event.seq;
                break;
            }
        }
    }
    let next = (before > 0).then(|| cursor::write(u128::from(before)));
    Ok(Json(Listing { items, next }))
}

fn words(query: &str) -> Result<Vec<String>, ApiError> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    if query.len() > QUERY_BYTES || words.len() > QUERY_WORDS {
        return Err(ApiError::new(ErrorCode::OutOfBounds, "a search has at most 512 bytes and 16 words"));
    }
    Ok(words)
}

fn has_all(event: &SealedEvent, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let text = String::from_utf8_lossy(&event.to_line()).to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}
