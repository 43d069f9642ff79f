//! `POST /api/v1/sign-in`

use crate::app::App;
use crate::auth::sign_in;
use crate::config::SignInMethod;
use crate::edge::{Answer, ApiError, Body, RefusalResponses, Source};
use crate::refusals::Refused;
use axum::Json;
use axum::extract::State;
use curfew_api::{ErrorCode, SignInBody, SignedInView};
use curfew_domain::audit::AuditAction;
use curfew_domain::{Email, limits};

/// Signs in on a development server, as anybody, from the same machine only. An `Idempotency-Key` is not
/// looked at: each call makes a sign-in of its own, because a kept answer would be a kept token.
#[utoipa::path(post, path = "/sign-in", tag = "session", request_body = SignInBody,
    responses((status = 200, body = SignedInView), RefusalResponses))]
pub(crate) async fn sign_in(
    State(app): State<App>,
    source: Source,
    Body(body): Body<SignInBody>,
) -> Answer<SignedInView> {
    app.sign_ins.take(&source)?;
    match app.config.sign_in {
        SignInMethod::Development if source.is_loopback() => {}
        SignInMethod::Development => {
            return Err(refuse(&app, source, "development sign-in is for this machine only", None).await);
        }
    }
    let Ok(email) = body.email.parse::<Email>() else {
        return Err(refuse(&app, source, "that is not an e-mail address", None).await);
    };
    let groups: std::collections::BTreeSet<_> = body.groups.into_iter().collect();
    if groups.len() > limits::IDENTITY_GROUPS {
        return Err(refuse(&app, source, "too many groups", Some(email)).await);
    }
    Ok(Json(sign_in::development(&app, email, groups).await?))
}

async fn refuse(app: &App, source: Source, because: &'static str, claimed: Option<Email>) -> ApiError {
    let claimed = claimed.map(|email| email.to_string());
    let refused = Refused { action: AuditAction::SignInRefused, source, because: because.to_owned(), claimed };
    app.refusals.note(refused).await;
    ApiError::new(ErrorCode::SignInRefused, because)
}

#[cfg(test)]
mod tests {
    use crate::edge::Peer;
    use crate::endpoints::testing::{World, call};

    #[tokio::test]
    async fn refusals_are_evidence_and_summed() {
        let world = World::new().await;
        for _ in 0..3 {
            let reply = world.post("", "/api/v1/sign-in", serde_json::json!({"email": "nobody"})).await;
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "sign_in_refused"));
        }
        world.clock.turn(std::time::Duration::from_secs(2));
        world.app.refusals.sweep().await;
        let auditor = world.sign_in("auditor@example.com").await;
        let found = world.get(&auditor, "/api/v1/audit/search?q=sign_in.refused").await.ok();
        let counts: Vec<_> =
            found["items"].as_array().expect("a list").iter().map(|e| &e["details"]["count"]).collect();
        assert_eq!(counts, [&serde_json::json!(2), &serde_json::json!(1)]);
    }

    #[tokio::test]
    async fn too_many_from_one_place_have_to_wait() {
        let world = World::new().await;
        let mut codes = std::collections::BTreeSet::new();
        for _ in 0..210 {
            let reply = world.post("", "/api/v1/sign-in", serde_json::json!({"email": "x"})).await;
            if reply.status == 429 {
                assert_eq!(reply.headers["retry-after"], "1");
            }
            codes.insert(reply.code());
        }
        assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["rate_limited", "sign_in_refused"]);
    }

    #[tokio::test]
    async fn only_this_machine_signs_in_without_proof() {
        let world = World::new().await;
        let body = serde_json::json!({"email": "a@example.com"});
        let mut request = call(http::Method::POST, "", "/api/v1/sign-in", Some(body), None);
        let end = |text: &str| text.parse().expect("an address");
        request.extensions_mut().insert(Peer { remote: end("192.0.2.1:9"), local: end("127.0.0.1:7373") });
        let response = tower::ServiceExt::oneshot(world.router.clone(), request).await.expect("an answer");
        assert_eq!(response.status(), 401);
    }
}
