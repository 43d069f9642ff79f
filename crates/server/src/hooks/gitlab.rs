//! `POST /hooks/gitlab`: a pipeline came to its end.

use super::{Call, believed, signed};
use crate::app::App;
use crate::edge::{ApiError, Source};
use axum::extract::{Request, State};
use curfew_policy::Provider;
use http::StatusCode;
use serde::Deserialize;

/// The states in which nothing of a pipeline runs any more. Source: GitLab, "Pipeline events". `manual` waits for somebody.
const FINAL: [&str; 4] = ["success", "failed", "canceled", "skipped"];

#[derive(Deserialize)]
struct Kind {
    object_kind: String,
}

#[derive(Deserialize)]
struct Event {
    object_attributes: Pipeline,
}

#[derive(Deserialize)]
struct Pipeline {
    id: u64,
    status: String,
}

pub(super) async fn gitlab(State(app): State<App>, source: Source, request: Request) -> Result<StatusCode, ApiError> {
    let now = app.engine.now();
    let holds = |secret: &_, headers: &_, body: &[u8]| signed::gitlab(secret, headers, body, now);
    let call: Call = believed(&app, (Provider::Gitlab, &source), request, holds).await?;
    if call.read::<Kind>()?.object_kind != "pipeline" {
        return Ok(StatusCode::ACCEPTED);
    }
    let Pipeline { id, status } = call.read::<Event>()?.object_attributes;
    if !FINAL.contains(&status.as_str()) {
        return Ok(StatusCode::ACCEPTED);
    }
    call.ended(&app, Provider::Gitlab, &id.to_string()).await
}
