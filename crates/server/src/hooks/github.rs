//! `POST /hooks/github`: a workflow run was completed.

use super::{Call, believed, signed};
use crate::app::App;
use crate::edge::{ApiError, Source};
use axum::extract::{Request, State};
use curfew_policy::Provider;
use http::StatusCode;
use serde::Deserialize;

/// What is read of the event `workflow_run`. Source: GitHub, "Webhook events and payloads".
#[derive(Deserialize)]
struct Event {
    action: String,
    workflow_run: Run,
}

#[derive(Deserialize)]
struct Run {
    id: u64,
    #[serde(default = "first")]
    run_attempt: u64,
}

fn first() -> u64 {
    1
}

pub(super) async fn github(State(app): State<App>, source: Source, request: Request) -> Result<StatusCode, ApiError> {
    let call: Call = believed(&app, (Provider::Github, &source), request, signed::hub).await?;
    if call.header("x-github-event") != "workflow_run" {
        return Ok(StatusCode::ACCEPTED);
    }
    let event: Event = call.read()?;
    if event.action != "completed" {
        return Ok(StatusCode::ACCEPTED);
    }
    let Run { id, run_attempt } = event.workflow_run;
    let number = if run_attempt > 1 { format!("{id}/attempts/{run_attempt}") } else { id.to_string() };
    call.ended(&app, Provider::Github, &number).await
}
