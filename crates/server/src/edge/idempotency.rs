//! `Idempotency-Key`: the same key with the same body gives the same answer, another body is refused.
//!
//! Every POST runs in a task of its own: a caller that hangs up does not leave half a verb behind, and a caller
//! that comes again with its key joins the one that is under way.

use super::ApiError;
use crate::app::App;
use crate::auth::Caller;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use curfew_api::ErrorCode;
use curfew_domain::SubjectId;
use curfew_engine::seams::Clock;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper::body::Body as _;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tracing::Instrument;

/// Answers kept.
const ANSWERS: usize = 4_096;
/// Bytes of all answers kept.
const BYTES: usize = 32 << 20;
/// Bytes of one answer that is kept; a longer one is not replayed.
const ANSWER_BYTES: u64 = 1 << 20;
/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(3_600);
/// Verbs under way at once; more wait.
const AT_ONCE: u32 = 1_024;

/// The key of the call, for handlers that pass it into the ledger.
#[derive(Debug, Clone)]
pub(crate) struct CallKey(pub(crate) String);

/// Answers that can be given again.
pub(crate) struct IdempotentAnswers {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
    running: Arc<Semaphore>,
}

#[derive(Default)]
struct Kept {
    entries: BTreeMap<(SubjectId, String), Entry>,
    bytes: usize,
}

struct Entry {
    body: [u8; 32],
    at: Duration,
    answer: watch::Receiver<Option<Recorded>>,
    size: usize,
}

/// An answer as it was given.
#[derive(Clone)]
struct Recorded {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    body: axum::body::Bytes,
}

/// What to do with a call.
enum Turn {
    /// It is the first: run it and record here.
    Run(watch::Sender<Option<Recorded>>),
    /// It came before: wait for that one's answer.
    Join(watch::Receiver<Option<Recorded>>),
}

impl IdempotentAnswers {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default(), running: Arc::new(Semaphore::new(AT_ONCE as usize)) }
    }

    /// Waits until every verb under way has come to its end.
    pub(crate) async fn quiet(&self) {
        // The semaphore is never closed, so the only outcome is that all permits are free.
        let _ = self.running.acquire_many(AT_ONCE).await;
    }

    fn turn(&self, who: &SubjectId, key: &str, body: [u8; 32]) -> Result<Turn, ApiError> {
        let now = self.clock.monotonic();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.forget(|entry| now.saturating_sub(entry.at) > KEPT_FOR);
        let name = (who.clone(), key.to_owned());
        if let Some(entry) = kept.entries.get(&name).filter(|entry| !entry.is_abandoned()) {
            if entry.body != body {
                return Err(ApiError::new(ErrorCode::IdempotencyKeyReused, "this key came before with another call"));
            }
            return Ok(Turn::Join(entry.answer.clone()));
        }
        while kept.entries.len() >= ANSWERS || kept.bytes > BYTES {
            if !kept.forget_oldest() {
                return Err(ApiError::new(ErrorCode::Unavailable, "too much is under way").retry_after(1));
            }
        }
        let (sender, answer) = watch::channel(None);
        kept.entries.insert(name, Entry { body, at: now, answer, size: 0 });
        Ok(Turn::Run(sender))
    }

    fn settle(&self, who: &SubjectId, key: &str, size: Option<usize>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (who.clone(), key.to_owned());
        match size {
            Some(size) => {
                kept.bytes += size;
                if let Some(entry) = kept.entries.get_mut(&name) {
                    entry.size = size;
                }
            }
            None => {
                kept.entries.remove(&name);
            }
        }
    }
}

impl Kept {
    fn forget(&mut self, is_old: impl Fn(&Entry) -> bool) {
        let mut freed = 0;
        self.entries.retain(|_, entry| {
            let goes = is_old(entry) && entry.is_settled();
            freed += if goes { entry.size } else { 0 };
            !goes
        });
        self.bytes = self.bytes.saturating_sub(freed);
    }

    /// Whether there was one to forget.
    fn forget_oldest(&mut self) -> bool {
        let settled = self.entries.iter().filter(|(_, e)| e.is_settled());
        let Some(name) = settled.min_by_key(|(_, e)| e.at).map(|(name, _)| name.clone()) else { return false };
        let size = self.entries.remove(&name).map_or(0, |e| e.size);
        self.bytes = self.bytes.saturating_sub(size);
        true
    }
}

impl Entry {
    fn is_settled(&self) -> bool {
        self.answer.borrow().is_some()
    }

    /// Whether its call panicked: nobody will ever settle it.
    fn is_abandoned(&self) -> bool {
        !self.is_settled() && self.answer.has_changed().is_err()
    }
}

/// Runs each change once for each key of a subject.
pub(crate) async fn once(
    State(app): State<App>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if !matches!(*request.method(), Method::POST | Method::DELETE) {
        return Ok(next.run(request).await);
    }
    let Some(key) = key_of(request.headers())? else { return detached(&app, next.run(request)).await };
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await;
    let bytes = bytes.map_err(|_| ApiError::new(ErrorCode::Malformed, "the body broke off"))?;
    let mut hash = Sha256::new();
    hash.update(format!("{} {}\n", parts.method, parts.uri));
    hash.update(&bytes);
    let mut request = Request::from_parts(parts, Body::from(bytes));
    let who = caller.who.subject.id;
    match app.answers.turn(&who, &key, hash.finalize().into())? {
        Turn::Run(sender) => {
            request.extensions_mut().insert(CallKey(key.clone()));
            let recording = app.clone();
            let run = async move {
                let response = next.run(request).await;
                record(&recording, &who, &key, sender, response).await
            };
            detached(&app, run).await
        }
        Turn::Join(mut answer) => match answer.wait_for(Option::is_some).await.map(|r| r.clone()) {
            Ok(Some(recorded)) => Ok(recorded.replay()),
            // The first one came to nothing that is kept: this one may try.
            Ok(None) | Err(_) => {
                Err(ApiError::new(ErrorCode::Conflict, "the first call with this key came to nothing")
                    .hint("Send it again with the same Idempotency-Key.")
                    .retry_after(1))
            }
        },
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut all = headers.get_all("idempotency-key").iter();
    let Some(value) = all.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|t| (1..=255).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic()));
    match (text, all.next()) {
        (Some(text), None) => Ok(Some(text.to_owned())),
        (Some(_), Some(_)) | (None, _) => {
            Err(ApiError::new(ErrorCode::Malformed, "`Idempotency-Key` is 1 to 255 visible ASCII characters, once"))
        }
    }
}

/// Runs to its end whether or not the caller waits.
#[allow(clippy::disallowed_methods, reason = "the server spawns: a verb must not die with its caller's connection")]
async fn detached(app: &App, run: impl Future<Output = Response> + Send + 'static) -> Result<Response, ApiError> {
    let permit = app.answers.running.clone().acquire_owned().await;
    let run = async move {
        let _permit = permit;
        run.await
    };
    let task = tokio::spawn(run.instrument(tracing::Span::current()));
    task.await.map_err(|_| ApiError::new(ErrorCode::Internal, "something went wrong inside Curfew"))
}

/// Keeps an answer for whoever comes again. What may come out differently next time is not kept.
async fn record(
    app: &App,
    who: &SubjectId,
    key: &str,
    sender: watch::Sender<Option<Recorded>>,
    response: Response,
) -> Response {
    let status = response.status();
    let transient = status.is_server_error()
        || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/json"));
    let is_short = response.body().size_hint().exact().is_some_and(|size| size <= ANSWER_BYTES);
    if transient || !is_short || !(is_json || status == StatusCode::NO_CONTENT) {
        app.answers.settle(who, key, None);
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        // A body of known length is in memory already.
        app.answers.settle(who, key, None);
        return ApiError::new(ErrorCode::Internal, "the answer broke off").into_response();
    };
    let recorded = Recorded { status, content_type: parts.headers.get(CONTENT_TYPE).cloned(), body: body.clone() };
    sender.send_replace(Some(recorded));
    app.answers.settle(who, key, Some(body.len()));
    Response::from_parts(parts, Body::from(body))
}

impl Recorded {
    fn replay(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        response.headers_mut().remove(CONTENT_TYPE);
        if let Some(kind) = self.content_type {
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        response
    }
}
