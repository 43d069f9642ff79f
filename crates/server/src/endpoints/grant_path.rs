//! A grant in a path: by its own id, or by that of the request it came from.

use crate::app::App;
use crate::auth::Caller;
use crate::edge::{ApiError, PathText};
use axum::extract::FromRequestParts;
use curfew_api::{EndOrderedView, ErrorCode, GrantView, HeldUpView, RequestView, ReviewView, SubjectView};
use curfew_domain::{Grant, Identity, Lease, LivesWith, Request};
use curfew_engine::seams::store::ReadError;
use curfew_engine::{ActivateError, GrantRef};
use http::request::Parts;
use std::collections::BTreeMap;

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

/// [`check_client`] for a grant.
///
/// # Errors
/// When there is none that the caller may see, it is another client's, or the ledger cannot be read.
pub(crate) async fn check_own(app: &App, caller: &Caller, which: GrantRef) -> Result<(), ApiError> {
    if caller.workload.is_none() {
        return Ok(());
    }
    let grant = find(app, &caller.who, which).await?;
    check_client(app, caller, grant.lives_with.as_ref()).await
}

/// Lets a machine at nothing but what lives with its own run and client; people have their own.
///
/// # Errors
/// When it is another's, or the ledger cannot be read.
pub(crate) async fn check_client(app: &App, caller: &Caller, lives: Option<&LivesWith>) -> Result<(), ApiError> {
    let Some(bound) = &caller.workload else { return Ok(()) };
    if app.engine.is_anothers(bound, lives).await? {
        let why = "it is another client's: what a run was given is none of the others' to use";
        return Err(ApiError::new(ErrorCode::Forbidden, why));
    }
    Ok(())
}

/// A grant with its leases, and with who ordered its end.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn view(app: &App, grant: &Grant) -> Result<GrantView, ReadError> {
    let leases = app.engine.store().leases(&grant.leases).await?;
    let mut view = with_standing(app, grant, &leases);
    let order = app.engine.end_order(grant).await?;
    view.end_ordered = order.map(|o| EndOrderedView { by: SubjectView::from(&o.by), because: o.because, at: o.at });
    view.review = app.engine.review_of(grant).await?.as_ref().map(ReviewView::from);
    Ok(view)
}

/// A grant with what holds up the end of its leases.
fn with_standing(app: &App, grant: &Grant, leases: &[Lease]) -> GrantView {
    let mut view = GrantView::new(grant, leases);
    for shown in &mut view.leases {
        let held_up = leases.iter().find(|lease| lease.id == shown.id).and_then(|lease| app.engine.held_up(lease));
        shown.held_up = held_up.map(|h| HeldUpView { because: h.because, next_at: h.next_at });
    }
    view
}

/// A request with where the grant stands that it became.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn request_view(app: &App, request: &Request) -> Result<RequestView, ReadError> {
    let mut shown = RequestView::from(request);
    if let Some(id) = request.grant_id()
        && let Some(grant) = app.engine.store().grant(id).await?
    {
        shown.grant = Some(view(app, &grant).await?.into());
    }
    Ok(shown)
}

/// Grants with their leases.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn views(app: &App, grants: &[Grant]) -> Result<Vec<GrantView>, ReadError> {
    let ids: Vec<_> = grants.iter().flat_map(|grant| grant.leases.iter().copied()).collect();
    let leases = app.engine.store().leases(&ids).await?;
    let mut of_grant: BTreeMap<_, Vec<Lease>> = BTreeMap::new();
    for lease in leases {
        of_grant.entry(lease.grant_id).or_default().push(lease);
    }
    let view = |grant: &Grant| with_standing(app, grant, of_grant.get(&grant.id).map_or(&[], Vec::as_slice));
    let mut views: Vec<GrantView> = grants.iter().map(view).collect();
    for (view, grant) in views.iter_mut().zip(grants) {
        view.review = app.engine.review_of(grant).await?.as_ref().map(ReviewView::from);
    }
    Ok(views)
}
