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
    app.refusals.note(Refused { action: AuditAction::SignInRefused, source, because, claimed }).await;
    ApiError::new(ErrorCode::SignInRefused, because)
}
