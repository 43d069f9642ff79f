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
use std::collections::{BTreeMap, VecDeque};
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
    entries: BTreeMap<Name, Entry>,
    /// The names as they came, oldest first, so that no call has to look at all of them. One that was forgotten since
    /// may still stand here.
    order: VecDeque<(Duration, Name)>,
    bytes: usize,
}

/// Whose key it is.
type Name = (SubjectId, String);

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
        kept.forget_old(now);
        let name = (who.clone(), key.to_owned());
        if let Some(entry) = kept.entries.get(&name).filter(|entry| !entry.is_abandoned()) {
            if entry.body != body {
                return Err(ApiError::new(ErrorCode::IdempotencyKeyReused, "this key came before with another call"));
            }
            return Ok(Turn::Join(entry.answer.clone()));
        }
        if kept.is_full() {
            return Err(ApiError::new(ErrorCode::Unavailable, "too much is under way").retry_after(1));
        }
        let (sender, answer) = watch::channel(None);
        kept.order.push_back((now, name.clone()));
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
    fn is_full(&self) -> bool {
        self.entries.len() >= ANSWERS || self.bytes > BYTES
    }

    /// Forgets what is old, and the oldest of what is too much. What is under way stays.
    fn forget_old(&mut self, now: Duration) {
        let mut under_way = Vec::new();
        while let Some((at, name)) = self.order.pop_front() {
            let Some(entry) = self.entries.get(&name).filter(|entry| entry.at == at) else { continue };
            if now.saturating_sub(at) <= KEPT_FOR && !self.is_full() {
                self.order.push_front((at, name));
                break;
            }
            if entry.is_settled() || entry.is_abandoned() {
                let size = self.entries.remove(&name).map_or(0, |entry| entry.size);
                self.bytes = self.bytes.saturating_sub(size);
            } else {
                under_way.push((at, name));
            }
        }
        under_way.into_iter().rev().for_each(|first| self.order.push_front(first));
        if self.order.len() > 2 * ANSWERS {
            let entries = &self.entries;
            self.order.retain(|(at, name)| entries.get(name).is_some_and(|entry| entry.at == *at));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Still;
    impl Clock for Still {
        fn wall(&self) -> curfew_domain::Timestamp {
            curfew_domain::Timestamp::from_millis(0)
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
        fn sleep(&self, _: Duration) -> curfew_engine::seams::BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    fn who() -> SubjectId {
        SubjectId::new("idp", "ann").expect("an id")
    }

    fn answered(answers: &IdempotentAnswers, key: usize) {
        let key = key.to_string();
        let Ok(Turn::Run(sender)) = answers.turn(&who(), &key, [0; 32]) else { panic!("{key} is new") };
        let body = axum::body::Bytes::from_static(b"{}");
        sender.send_replace(Some(Recorded { status: StatusCode::OK, content_type: None, body }));
        answers.settle(&who(), &key, Some(2));
    }

    fn is_kept(answers: &IdempotentAnswers, key: usize) -> bool {
        matches!(answers.turn(&who(), &key.to_string(), [0; 32]), Ok(Turn::Join(_)))
    }

    #[test]
    fn the_oldest_answer_makes_room_and_what_is_under_way_stays() {
        let answers = IdempotentAnswers::new(Arc::new(Still));
        let Ok(Turn::Run(_under_way)) = answers.turn(&who(), "first", [0; 32]) else { panic!("it is new") };
        for key in 0..ANSWERS + 10 {
            answered(&answers, key);
        }
        assert!(matches!(answers.turn(&who(), "first", [0; 32]), Ok(Turn::Join(_))));
        assert!(is_kept(&answers, ANSWERS + 9) && !is_kept(&answers, 0));
        let kept = answers.kept.lock().expect("no test panics with it");
        assert!(kept.entries.len() <= ANSWERS && kept.bytes <= 2 * ANSWERS);
    }

    #[test]
    fn refusals_leave_nothing_behind() {
        let answers = IdempotentAnswers::new(Arc::new(Still));
        for key in 0..5 * ANSWERS {
            let key = key.to_string();
            let Ok(Turn::Run(_)) = answers.turn(&who(), &key, [0; 32]) else { panic!("{key} is new") };
            answers.settle(&who(), &key, None);
        }
        let kept = answers.kept.lock().expect("no test panics with it");
        assert!(kept.entries.is_empty() && kept.order.len() <= 2 * ANSWERS + 1);
    }
}
