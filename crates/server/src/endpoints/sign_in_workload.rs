//! `POST /api/v1/sign-in/workload`

use crate::app::App;
use crate::auth::{Proving, proof_of, use_up};
use crate::edge::{Answer, ApiError, Body, RefusalResponses, Source};
use crate::refusals::Refused;
use crate::workload::{ExchangeError, exchange};
use axum::Json;
use axum::extract::State;
use curfew_api::{ErrorCode, WorkloadSignInBody, WorkloadSignedInView};
use curfew_domain::audit::AuditAction;

/// Exchanges the token that a provider gave to a job for a sign-in, bound to the key that the `DPoP` header proves
/// (RFC 9449, without `ath`). The same token with the same key is the same sign-in again; with another key it is refused. An
/// `Idempotency-Key` is not looked at: nothing happens twice anyway.
#[utoipa::path(post, path = "/sign-in/workload", tag = "session", request_body = WorkloadSignInBody,
    params(("DPoP" = String, Header, description = "A proof of the key that the sign-in will be bound to.")),
    security(("proof" = [])),
    responses((status = 200, body = WorkloadSignedInView), RefusalResponses))]
pub(crate) async fn sign_in_workload(
    State(app): State<App>,
    source: Source,
    call: Proving,
    Body(body): Body<WorkloadSignInBody>,
) -> Answer<WorkloadSignedInView> {
    app.machine_sign_ins.take(&source)?;
    if app.issuers.is_empty() {
        return Err(ApiError::new(ErrorCode::SignInRefused, "this server has no issuers of machines")
            .hint("They stand as `[[issuers]]` in its configuration."));
    }
    let proof = match proof_of(&app, &call, None) {
        Ok(proof) => proof,
        Err(why) => return Err(refuse(&app, source, ErrorCode::ProofRefused, why.to_string(), None).await),
    };
    match exchange(&app, &body.token, &proof).await {
        Ok(signed_in) => match use_up(&app, &proof)? {
            Ok(()) => Ok(Json(signed_in)),
            Err(why) => Err(refuse(&app, source, ErrorCode::ProofRefused, why.to_string(), None).await),
        },
        Err(ExchangeError::Refused { why, whose }) => {
            let refused = refuse(&app, source, ErrorCode::SignInRefused, why.to_string(), whose).await;
            Err(refused.hint(app.issuers.hint(why)))
        }
        Err(error @ ExchangeError::KeysUnavailable) => {
            Err(ApiError::new(ErrorCode::Unavailable, error.to_string()).retry_after(60))
        }
        Err(ExchangeError::Read(error)) => Err(error.into()),
        Err(ExchangeError::Commit(error)) => Err(error.into()),
    }
}

async fn refuse(app: &App, source: Source, code: ErrorCode, because: String, claimed: Option<String>) -> ApiError {
    let refused = Refused { action: AuditAction::SignInRefused, source, because: because.clone(), claimed };
    app.refusals.note(refused).await;
    ApiError::new(code, because)
}
