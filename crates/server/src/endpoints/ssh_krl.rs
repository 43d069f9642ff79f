//! `GET /api/v1/ssh/krl`

use super::host_desk;
use crate::app::App;
use crate::edge::{ApiError, Params, RefusalResponses};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use curfew_api::OfResource;
use http::header::CONTENT_TYPE;

/// The key revocation list that SSH hosts must read, in OpenSSH's binary form. Open to anybody.
#[utoipa::path(get, path = "/ssh/krl", tag = "ssh", params(OfResource),
    responses((status = 200, description = "An OpenSSH key revocation list.", content_type = "application/octet-stream", body = Vec<u8>), RefusalResponses))]
pub(crate) async fn ssh_krl(State(app): State<App>, Params(query): Params<OfResource>) -> Result<Response, ApiError> {
    let list = host_desk::desk(&app)?.revocation_list(query.resource.as_ref()).await;
    let list = list.map_err(host_desk::error)?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], list).into_response())
}
