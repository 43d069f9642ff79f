//! `POST /api/v1/bundles/{name}/requests`

use super::request::client_of;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{ApiError, Body, CallKey, CallerAddress, PathText, RefusalResponses};
use axum::extract::State;
use axum::{Extension, Json};
use curfew_api::{BundleBody, BundlePartView, DecisionView, DeniedPartView, Listing, RequestView};
use curfew_domain::RoleName;
use curfew_domain::request::Origin;
use curfew_engine::{BundleAsk, BundlePart};
use http::StatusCode;

/// Asks for every role of a bundle. Each is decided by its own rule: what policy allows becomes a request of its own,
/// what it denies stands in the list with its decision and an `id` of null. When it denies all, the answer is `denied`.
#[utoipa::path(post, path = "/bundles/{name}/requests", tag = "requests", request_body = BundleBody,
    params(("name" = String, Path, description = "the bundle")),
    responses((status = 201, body = Listing<BundlePartView>), RefusalResponses))]
pub(crate) async fn request_bundle(
    State(app): State<App>,
    caller: Caller,
    CallerAddress(address): CallerAddress,
    key: Option<Extension<CallKey>>,
    PathText(name): PathText,
    Body(body): Body<BundleBody>,
) -> Result<(StatusCode, Json<Listing<BundlePartView>>), ApiError> {
    app.asks.take(&caller.who.subject.id)?;
    let bundle = RoleName::new(name).map_err(|_| ApiError::not_found("bundle"))?;
    let ask = BundleAsk {
        bundle,
        duration: body.duration_seconds,
        reason: body.reason,
        ticket: body.ticket,
        inputs: body.inputs.into_iter().map(|(name, value)| (name, value.into())).collect(),
        source_ip: Some(address),
        client: client_of(&caller, None)?,
    };
    let key = key.as_ref().map(|Extension(CallKey(key))| key.as_str());
    let parts = app.engine.request_bundle(&caller.who, ask, key).await?;
    Ok((StatusCode::CREATED, Json(Listing::whole(parts.iter().map(view).collect()))))
}

fn view(part: &BundlePart) -> BundlePartView {
    match part {
        BundlePart::Asked(request) => BundlePartView::Asked(Box::new(RequestView::from(&**request))),
        BundlePart::Denied(decision) => BundlePartView::Denied(Box::new(DeniedPartView {
            id: None,
            state: "denied".to_owned(),
            role: decision.role.clone(),
            origin: Origin::Bundle,
            decision: DecisionView::from(&**decision),
        })),
    }
}
