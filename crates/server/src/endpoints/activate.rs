//! `POST /api/v1/grants/{id}/activate`

use super::grant_path::GrantPath;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Body, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{ActivateBody, ActivationView, ErrorCode};
use curfew_domain::ResourceName;
use curfew_engine::seams::connector::PublicHalf;
use std::collections::BTreeSet;

/// Claims an approved grant with the public halves of secrets that the client made. The clock starts now.
#[utoipa::path(post, path = "/grants/{id}/activate", tag = "grants", request_body = ActivateBody,
    params(("id" = String, Path, description = "`grt_...`, or the `req_...` it came from")),
    responses((status = 200, body = ActivationView), RefusalResponses))]
pub(crate) async fn activate(
    State(app): State<App>,
    caller: Caller,
    GrantPath(which): GrantPath,
    Body(body): Body<ActivateBody>,
) -> Answer<ActivationView> {
    let activation = app.engine.activate(&caller.who, which, halves(body)?).await?;
    Ok(Json(ActivationView::new(&activation.grant, &activation.leases)))
}

fn halves(body: ActivateBody) -> Result<Vec<(ResourceName, PublicHalf)>, ApiError> {
    let mut seen = BTreeSet::new();
    let half = |half: curfew_api::PublicHalfBody| {
        if !seen.insert(half.resource.clone()) {
            return Err(ApiError::new(ErrorCode::PublicHalfRefused, format!("`{}` stands twice", half.resource)));
        }
        Ok((half.resource, PublicHalf { kind: half.kind, value: half.value }))
    };
    body.public_halves.into_iter().map(half).collect()
}
