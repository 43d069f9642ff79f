//! `GET /api/v1/grants`

use super::{cursor, grant_path};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, ApiError, Params, RefusalResponses, page_limit};
use axum::Json;
use axum::extract::State;
use curfew_api::{ErrorCode, GrantView, GrantsQuery, Listing, WhichGrants};
use curfew_engine::Sight;
use curfew_engine::seams::store::{Ended, Page};

/// The caller's grants that may still give access, or, for auditors, everybody's with the ended ones. Newest first.
#[utoipa::path(get, path = "/grants", tag = "grants", params(GrantsQuery),
    responses((status = 200, body = Listing<GrantView>), RefusalResponses))]
pub(crate) async fn grants(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<GrantsQuery>,
) -> Answer<Listing<GrantView>> {
    let (sight, ended) = match query.which {
        WhichGrants::Live => (Sight::Own, Ended::Left),
        WhichGrants::All if app.engine.sight(&caller.who) == Sight::Everything => (Sight::Everything, Ended::Listed),
        WhichGrants::All => {
            return Err(ApiError::new(ErrorCode::Forbidden, "only auditors and administrators see everybody's grants"));
        }
    };
    let limit = page_limit(query.limit)?;
    let page = Page { before: cursor::read(query.cursor.as_deref())?, limit };
    let found = app.engine.list_grants(&caller.who, sight, ended, page).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| cursor::write(last.id.as_u128()));
    Ok(Json(Listing { items: grant_path::views(&app, &found).await?, next }))
}
