//! `GET /api/v1/grants/{id}/public-halves`

use super::grant_path::GrantPath;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{Listing, WantedHalfView};

/// What activating a grant takes: for each resource, the kind of public half that the client makes and sends.
/// A resource that the policy no longer defines is left out; activation refuses it.
#[utoipa::path(get, path = "/grants/{id}/public-halves", tag = "grants",
    params(("id" = String, Path, description = "`grt_...`, or the `req_...` it came from")),
    responses((status = 200, body = Listing<WantedHalfView>), RefusalResponses))]
pub(crate) async fn public_halves(
    State(app): State<App>,
    caller: Caller,
    GrantPath(which): GrantPath,
) -> Answer<Listing<WantedHalfView>> {
    let found = app.engine.find_grant(&caller.who, which).await?;
    let grant = found.ok_or_else(|| ApiError::not_found("grant"))?;
    let policy = app.engine.policy();
    let wanted = grant.scope.by_resource().into_keys().filter_map(|name| {
        let kind = policy.resource(&name)?.connector;
        Some(WantedHalfView { resource: name, connector: kind.name.to_owned(), kind: kind.public_half.to_owned() })
    });
    Ok(Json(Listing::whole(wanted.collect())))
}
