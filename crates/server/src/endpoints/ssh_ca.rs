//! `GET /api/v1/ssh/ca`

use super::host_desk;
use crate::app::App;
use crate::edge::{Answer, Params, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{AuthoritiesView, AuthorityView, OfResource};
use curfew_engine::seams::host_desk::Authority;

/// The certificate authorities that SSH hosts must trust, of one resource or of all. Open to anybody.
#[utoipa::path(get, path = "/ssh/ca", tag = "ssh", params(OfResource),
    responses((status = 200, body = AuthoritiesView), RefusalResponses))]
pub(crate) async fn ssh_ca(State(app): State<App>, Params(query): Params<OfResource>) -> Answer<AuthoritiesView> {
    let authorities = host_desk::desk(&app)?.authorities(query.resource.as_ref()).await;
    Ok(Json(AuthoritiesView { authorities: views(authorities.map_err(host_desk::error)?) }))
}

/// Authorities as they are printed.
pub(crate) fn views(authorities: Vec<Authority>) -> Vec<AuthorityView> {
    let view = |a: Authority| AuthorityView { resource: a.resource, number: a.number, public_key: a.public_key };
    authorities.into_iter().map(view).collect()
}
