//! `GET /api/v1/requests`

use super::cursor;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Params, RefusalResponses, page_limit};
use axum::Json;
use axum::extract::State;
use curfew_api::{Listing, RequestView, RequestsQuery, WhichRequests};
use curfew_engine::Which;
use curfew_engine::seams::store::Page;

/// Requests that the caller may see, newest first.
#[utoipa::path(get, path = "/requests", tag = "requests", params(RequestsQuery),
    responses((status = 200, body = Listing<RequestView>), RefusalResponses))]
pub(crate) async fn requests(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<RequestsQuery>,
) -> Answer<Listing<RequestView>> {
    let which = match query.which {
        WhichRequests::All => Which::Visible,
        WhichRequests::Pending => Which::Pending,
        WhichRequests::Mine => Which::Mine,
        WhichRequests::ToApprove => Which::ToApprove,
    };
    let limit = page_limit(query.limit)?;
    let page = Page { before: cursor::read(query.cursor.as_deref())?, limit };
    let found = app.engine.list_requests(&caller.who, which, page).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| cursor::write(last.id.as_u128()));
    Ok(Json(Listing { items: found.iter().map(RequestView::from).collect(), next }))
}
