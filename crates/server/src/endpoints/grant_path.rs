//! A grant in a path: by its own id, or by that of the request it came from.

use crate::app::App;
use crate::edge::{ApiError, PathText};
use axum::extract::FromRequestParts;
use curfew_api::{ErrorCode, GrantView};
use curfew_domain::{Grant, Identity};
use curfew_engine::seams::store::ReadError;
use curfew_engine::{ActivateError, GrantRef};
use http::request::Parts;

/// `grt_...` or `req_...`.
pub(crate) struct GrantPath(pub(crate) GrantRef);

impl<S: Send + Sync> FromRequestParts<S> for GrantPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let PathText(text) = PathText::from_request_parts(parts, state).await?;
        let which = text.parse().map(GrantRef::Grant).or_else(|_| text.parse().map(GrantRef::Request));
        which
            .map(Self)
            .map_err(|_| ApiError::new(ErrorCode::NotFound, "that is not an id: it should begin with `grt_` or `req_`"))
    }
}

/// The grant, if the caller may see it. Of a request that has none, the answer says where that stands.
///
/// # Errors
/// When there is none that the caller may see, or the ledger cannot be read.
pub(crate) async fn find(app: &App, who: &Identity, which: GrantRef) -> Result<Grant, ApiError> {
    if let Some(grant) = app.engine.find_grant(who, which).await? {
        return Ok(grant);
    }
    let GrantRef::Request(id) = which else { return Err(ApiError::not_found("grant")) };
    let request = app.engine.find_request(who, id).await?.ok_or_else(|| ApiError::not_found("grant"))?;
    Err(ActivateError::NotApproved(request.state_word()).into())
}

/// A grant with its leases.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn view(app: &App, grant: &Grant) -> Result<GrantView, ReadError> {
    let leases = app.engine.store().leases(&grant.leases).await?;
    Ok(GrantView::new(grant, &leases))
}

/// Grants with their leases.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn views(app: &App, grants: &[Grant]) -> Result<Vec<GrantView>, ReadError> {
    let ids: Vec<_> = grants.iter().flat_map(|grant| grant.leases.iter().copied()).collect();
    let leases = app.engine.store().leases(&ids).await?;
    Ok(grants.iter().map(|grant| GrantView::new(grant, &leases)).collect())
}
