//! `GET /api/v1/bundles`

use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{BundleView, Listing};

/// The bundles of which the caller may ask for something.
#[utoipa::path(get, path = "/bundles", tag = "requests",
    responses((status = 200, body = Listing<BundleView>), RefusalResponses))]
pub(crate) async fn bundles(State(app): State<App>, caller: Caller) -> Answer<Listing<BundleView>> {
    let views = app.engine.bundles_for(&caller.who).into_iter().map(|bundle| BundleView {
        name: bundle.name,
        roles: bundle.roles.into_iter().map(|(role, _)| role).collect(),
    });
    Ok(Json(Listing::whole(views.collect())))
}
