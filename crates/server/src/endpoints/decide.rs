//! `POST /api/v1/decisions`

use super::request::ask_for;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Body, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{AskBody, DecisionView};

/// What policy would say to an ask. Nothing is asked, and a denial is an answer like any other.
#[utoipa::path(post, path = "/decisions", tag = "requests", request_body = AskBody,
    responses((status = 200, body = DecisionView), RefusalResponses))]
pub(crate) async fn decide(State(app): State<App>, caller: Caller, Body(body): Body<AskBody>) -> Answer<DecisionView> {
    let judgement = app.engine.judge(&caller.who, &ask_for(body)?)?;
    Ok(Json(DecisionView::from(&judgement.decision)))
}
