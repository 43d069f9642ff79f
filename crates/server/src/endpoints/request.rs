//! `POST /api/v1/requests`

use crate::app::App;
use crate::auth::Caller;
use crate::edge::{ApiError, Body, CallKey, CallerAddress, RefusalResponses};
use axum::extract::State;
use axum::{Extension, Json};
use curfew_api::{AskBody, ErrorCode, InputBody, RequestView};
use curfew_domain::{BeatId, Request, RoleName};
use curfew_engine::{AskFor, RunClient};
use http::StatusCode;
use std::net::IpAddr;

/// Asks for a role. What policy refuses becomes no request: the answer is `denied` with the decision in it.
///
/// The `Idempotency-Key` is kept in the ledger with the request, so that it holds across restarts.
#[utoipa::path(post, path = "/requests", tag = "requests", request_body = AskBody,
    responses((status = 201, body = RequestView), RefusalResponses))]
pub(crate) async fn request(
    State(app): State<App>,
    caller: Caller,
    CallerAddress(address): CallerAddress,
    key: Option<Extension<CallKey>>,
    Body(body): Body<AskBody>,
) -> Result<(StatusCode, Json<RequestView>), ApiError> {
    app.asks.take(&caller.who.subject.id)?;
    let ask = ask_for(&app, &caller, body, address)?;
    let key = key.as_ref().map(|Extension(CallKey(key))| key.as_str());
    let request = app.engine.request(&caller.who, ask.clone(), key).await?;
    if key.is_some() && !is_of(&request, &ask) {
        return Err(ApiError::new(ErrorCode::IdempotencyKeyReused, "this key made another request"));
    }
    Ok((StatusCode::CREATED, Json(RequestView::from(&request))))
}

/// Whether a request could have come of this ask. After a restart the key finds a request whose body is gone.
fn is_of(request: &Request, ask: &AskFor) -> bool {
    let resources = request.scope.by_resource();
    let actions = request.scope.actions();
    request.role == ask.role
        && request.reason == ask.reason
        && request.ticket == ask.ticket
        && request.inputs == ask.inputs
        && ask.duration.is_none_or(|duration| duration == request.duration)
        && ask.resources.iter().all(|resource| resources.contains_key(resource))
        && ask.actions.iter().all(|action| actions.contains(action))
}

/// An ask as the engine takes it.
///
/// # Errors
/// When the role is no name: then there is no such role.
pub(crate) fn ask_for(app: &App, caller: &Caller, body: AskBody, address: IpAddr) -> Result<AskFor, ApiError> {
    let role = RoleName::new(body.role).map_err(|_| {
        ApiError::new(ErrorCode::NotFound, "there is no such role").hint("`curfew roles` lists what you may ask for.")
    })?;
    let policy = app.engine.policy();
    let typed = |(name, value): (String, InputBody)| match value {
        InputBody::Text(text) => policy.typed_inputs(&role, [(name.as_str(), text.as_str())]),
        InputBody::Boolean(_) | InputBody::Integer(_) => [(name, value.into())].into(),
    };
    let inputs = body.inputs.into_iter().flat_map(typed).collect();
    Ok(AskFor {
        role,
        resources: body.resources,
        actions: body.actions,
        duration: body.duration_seconds,
        reason: body.reason,
        ticket: body.ticket,
        inputs,
        source_ip: Some(address),
        client: client_of(caller, body.beat)?,
    })
}

/// The run's client that calls, with the heartbeat it names; none when a person does.
///
/// # Errors
/// When a person names a heartbeat.
pub(crate) fn client_of(caller: &Caller, beat: Option<BeatId>) -> Result<Option<RunClient>, ApiError> {
    match (&caller.workload, beat) {
        (Some(bound), beat) => Ok(Some(RunClient { bound: bound.clone(), beat })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(ApiError::new(ErrorCode::Malformed, "a heartbeat is for the runs of pipelines")
            .hint("Leave `beat` out: what a person asks for lives with nothing.")),
    }
}

#[cfg(test)]
mod tests {
    use crate::endpoints::ASK_RATE;
    use crate::endpoints::testing::{World, text};
    use curfew_domain::limits;

    #[tokio::test]
    async fn nobody_buries_others_under_their_asks() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let mut ids = Vec::new();
        for _ in 0..limits::PENDING_REQUESTS {
            ids.push(text(&world.ask(&dev).await, "id"));
        }
        let body = serde_json::json!({"role": "db-debug", "reason": "one more"});
        let refused = world.post(&dev, "/api/v1/requests", body.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "rate_limited"));
        assert!(
            refused.headers.contains_key("retry-after")
                && refused.text.contains(&format!("{} of your requests", limits::PENDING_REQUESTS))
        );
        // What nobody has to decide is in nobody's way, and others may still ask.
        let automatic = serde_json::json!({"role": "db-look", "reason": "look at orders"});
        assert_eq!(world.post(&dev, "/api/v1/requests", automatic).await.ok()["state"], "approved");
        let other = world.sign_in("lead@example.com").await;
        assert_eq!(world.post(&other, "/api/v1/requests", body.clone()).await.ok()["state"], "pending");
        let withdraw = format!("/api/v1/requests/{}/withdraw", ids[0]);
        world.post(&dev, &withdraw, serde_json::json!({})).await.ok();
        assert_eq!(world.post(&dev, "/api/v1/requests", body).await.ok()["state"], "pending");
    }

    #[tokio::test]
    async fn asking_without_end_is_slowed_down_for_the_one_who_does_it() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let body = || serde_json::json!({"role": "none"});
        for n in 0..ASK_RATE.burst {
            let reply = world.post(&dev, "/api/v1/decisions", body()).await;
            assert_eq!(reply.status, 404, "{n}");
        }
        for path in ["/api/v1/decisions", "/api/v1/requests"] {
            let refused = world.post(&dev, path, body()).await;
            assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "rate_limited"), "{path}");
        }
        let other = world.sign_in("lead@example.com").await;
        assert_eq!(world.post(&other, "/api/v1/decisions", body()).await.status, 404);
        world.clock.turn(std::time::Duration::from_secs(1));
        assert_eq!(world.post(&dev, "/api/v1/decisions", body()).await.status, 404);
    }

    #[tokio::test]
    async fn policy_says_no_with_its_decision_and_the_log_keeps_it() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let reply = world.post(&dev, "/api/v1/requests", serde_json::json!({"role": "db-look", "reason": "x"})).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (422, "denied"));
        assert_eq!(reply.json()["error"]["decision"]["unsatisfied"][0]["code"], "justification");
        let auditor = world.sign_in("auditor@example.com").await;
        let found = world.get(&auditor, "/api/v1/audit/search?q=request.refused").await.ok();
        assert_eq!(found["items"][0]["actor"]["email"], "dev@example.com");
    }

    #[tokio::test]
    async fn the_same_key_is_the_same_request() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let body = || serde_json::json!({"role": "db-debug", "reason": "orders are stuck"});
        let first = world.post_once(&dev, "/api/v1/requests", body(), "k1").await;
        let again = world.post_once(&dev, "/api/v1/requests", body(), "k1").await;
        assert_eq!((first.status.as_u16(), &first.text), (201, &again.text));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        let other = world.post_once(&dev, "/api/v1/requests", serde_json::json!({"role": "db-look"}), "k1").await;
        assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "idempotency_key_reused"));
        let mine = world.get(&dev, "/api/v1/requests?which=mine").await.ok();
        assert_eq!(mine["items"].as_array().map(Vec::len), Some(1));
        // Another subject's key is another key.
        let lead = world.sign_in("lead@example.com").await;
        assert_eq!(world.post_once(&lead, "/api/v1/requests", body(), "k1").await.status, 201);
    }

    #[tokio::test]
    async fn a_key_outlives_the_answers_kept_in_memory() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let body = |reason: &str| serde_json::json!({"role": "db-debug", "reason": reason});
        let first = world.post_once(&dev, "/api/v1/requests", body("orders are stuck"), "k1").await.ok();
        world.clock.turn(std::time::Duration::from_secs(2 * 3_600));
        // Turning the clock that far is doubted for a minute.
        world.app.engine.now();
        world.clock.turn(std::time::Duration::from_secs(120));
        let again = world.post_once(&dev, "/api/v1/requests", body("orders are stuck"), "k1").await.ok();
        assert_eq!(again["id"], first["id"]);
    }

    #[tokio::test]
    async fn many_at_once_with_one_key_make_one() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let body = || serde_json::json!({"role": "db-debug", "reason": "orders are stuck"});
        let calls = (0..16).map(|_| world.post_once(&dev, "/api/v1/requests", body(), "k"));
        let replies = futures::future::join_all(calls).await;
        assert!(replies.iter().all(|reply| reply.text == replies[0].text && reply.status == 201));
    }
}
