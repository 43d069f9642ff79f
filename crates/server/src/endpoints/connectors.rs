//! `GET /api/v1/connectors`

use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{ConnectorView, Listing};

/// The kinds of target this server has: settings, privileges, residual exposure.
#[utoipa::path(get, path = "/connectors", tag = "server",
    responses((status = 200, body = Listing<ConnectorView>), RefusalResponses))]
pub(crate) async fn connectors(State(app): State<App>, _: Caller) -> Answer<Listing<ConnectorView>> {
    Ok(Json(Listing::whole(app.engine.connectors().map(|c| ConnectorView::from(c.kind())).collect())))
}
