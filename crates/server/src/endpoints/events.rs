//! `GET /api/v1/events`

use crate::app::{App, stopped};
use crate::auth::Caller;
use crate::edge::{ApiError, RefusalResponses};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use curfew_api::AuditEventView;
use curfew_domain::audit::SealedEvent;
use curfew_domain::{Id, Request};
use curfew_engine::Sight;
use curfew_engine::seams::store::ReadError;
use futures::{Stream, stream};
use http::HeaderMap;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::watch;

/// Events read at once.
const AT_ONCE: usize = 256;
/// How often a comment keeps the connection open, and the sign-in is looked at again.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Requests whose visibility is remembered.
const REMEMBERED: usize = 10_000;

/// Audit events that the caller may see, as they happen (server-sent events). Auditors see all; everybody else what
/// they did, what is about their access, and requests they may decide. `Last-Event-ID` goes on after that place.
#[utoipa::path(get, path = "/events", tag = "audit",
    responses((status = 200, description = "A stream of `audit` events, each an audit event as JSON.",
        content_type = "text/event-stream", body = String), RefusalResponses))]
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, ReadError>>>, ApiError> {
    let grown = app.tail.watch();
    let after = headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    let from = match after {
        Some(seq) => seq.saturating_add(1),
        None => app.engine.store().tree_head().await?.size,
    };
    let watcher = Watcher { app, caller, grown, from, read: VecDeque::new(), visible: BTreeMap::new() };
    let events =
        stream::try_unfold(
            watcher,
            |mut watcher| async move { Ok(watcher.next().await?.map(|event| (event, watcher))) },
        );
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}

struct Watcher {
    app: App,
    caller: Caller,
    grown: watch::Receiver<u64>,
    from: u64,
    read: VecDeque<SealedEvent>,
    visible: BTreeMap<Id<Request>, Visibility>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visibility {
    Shown,
    Hidden,
}

impl Watcher {
    /// The next event the caller may see; none when the sign-in is over or the server stops.
    async fn next(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            while let Some(event) = self.read.pop_front() {
                if self.visibility(&event).await? == Visibility::Shown {
                    return Ok(Some(shown(&event)));
                }
            }
            if !self.is_signed_in().await? {
                return Ok(None);
            }
            let events = self.app.engine.store().events(self.from, AT_ONCE).await?;
            if let Some(last) = events.last() {
                self.from = last.seq + 1;
                self.read = events.into();
                continue;
            }
            let mut stopping = self.app.stopping.clone();
            tokio::select! {
                () = stopped(&mut stopping) => return Ok(None),
                _ = self.grown.changed() => {}
                () = tokio::time::sleep(ALIVE_EVERY) => {}
            }
        }
    }

    async fn is_signed_in(&self) -> Result<bool, ReadError> {
        let session = self.app.engine.store().session(&self.caller.token_hash).await?;
        Ok(session.is_some_and(|session| self.app.engine.now() < session.expires_at))
    }

    async fn visibility(&mut self, event: &SealedEvent) -> Result<Visibility, ReadError> {
        let who = &self.caller.who;
        let event = &event.event;
        let own =
            event.actor.is_same_as(&who.subject) || event.subject.as_ref().is_some_and(|s| s.is_same_as(&who.subject));
        if own || self.app.engine.sight(who) == Sight::Everything {
            return Ok(Visibility::Shown);
        }
        let Some(id) = event.request_id else { return Ok(Visibility::Hidden) };
        if let Some(known) = self.visible.get(&id) {
            return Ok(*known);
        }
        let found = self.app.engine.find_request(who, id).await?;
        let visibility = if found.is_some() { Visibility::Shown } else { Visibility::Hidden };
        if self.visible.len() >= REMEMBERED {
            self.visible.clear();
        }
        self.visible.insert(id, visibility);
        Ok(visibility)
    }
}

fn shown(event: &SealedEvent) -> Event {
    let data = serde_json::to_string(&AuditEventView::from(event)).expect("INVARIANT: events serialize");
    Event::default().event("audit").id(event.seq.to_string()).data(data)
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, call};

    /// The next event's data within five seconds.
    async fn next(body: &mut axum::body::BodyDataStream) -> serde_json::Value {
        use futures::StreamExt;
        let wait = async {
            while let Some(Ok(chunk)) = body.next().await {
                let text = String::from_utf8_lossy(&chunk).into_owned();
                if let Some(data) = text.lines().find_map(|line| line.strip_prefix("data: ")) {
                    return serde_json::from_str(data).expect("JSON");
                }
            }
            serde_json::Value::Null
        };
        tokio::time::timeout(std::time::Duration::from_secs(5), wait).await.expect("an event")
    }

    #[tokio::test]
    async fn each_sees_what_is_theirs_as_it_happens() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let stranger = world.sign_in("stranger@example.com").await;
        let watch = async |who: &str| {
            let response = world.raw(call(http::Method::GET, who, "/api/v1/events", None, None)).await;
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            response.into_body().into_data_stream()
        };
        let (mut mine, mut theirs) = (watch(&dev).await, watch(&stranger).await);
        world.ask(&dev).await;
        assert_eq!(next(&mut mine).await["action"], "request.created");
        world.sign_in("stranger@example.com").await;
        // The first that the stranger sees is their own, not the request before it.
        assert_eq!(next(&mut theirs).await["action"], "sign_in.accepted");
        world.stop.send_replace(crate::app::Stopping::Yes);
        assert_eq!(next(&mut mine).await, serde_json::Value::Null, "the stream ends with the server");
    }
}
