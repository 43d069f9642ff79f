//! `GET /api/v1/sign-in-methods`

use crate::app::App;
use crate::config::SignInMethod;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::SignInMethodsView;

/// How one signs in here. Open to anybody: a job has to know for whom to ask its provider for a token.
#[utoipa::path(get, path = "/sign-in-methods", tag = "session",
    responses((status = 200, body = SignInMethodsView), RefusalResponses))]
pub(crate) async fn sign_in_methods(State(app): State<App>) -> Answer<SignInMethodsView> {
    let development = match app.config.sign_in {
        SignInMethod::Development => true,
    };
    Ok(Json(SignInMethodsView { development, workloads: app.issuers.listed() }))
}
