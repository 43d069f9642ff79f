//! `GET /api/v1/runs`

use super::run_path::bare;
use super::{auditors_only, cursor};
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, Params, RefusalResponses, page_limit};
use axum::Json;
use axum::extract::State;
use curfew_api::{Listing, RunStateView, RunsQuery, WhichRuns};
use curfew_engine::seams::store::{Over, Page, RunFilter};

/// Runs, newest first, without what came of them. For auditors and administrators.
#[utoipa::path(get, path = "/runs", tag = "runs", params(RunsQuery),
    responses((status = 200, body = Listing<RunStateView>), RefusalResponses))]
pub(crate) async fn runs(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<RunsQuery>,
) -> Answer<Listing<RunStateView>> {
    auditors_only(&app, &caller)?;
    let over = match query.which {
        WhichRuns::Live => Over::Left,
        WhichRuns::All => Over::Listed,
    };
    let limit = page_limit(query.limit)?;
    let page = Page { before: cursor::read(query.cursor.as_deref())?, limit };
    let found = app.engine.list_runs(&RunFilter { number: query.number, over }, page).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| cursor::write(last.run.id.as_u128()));
    Ok(Json(Listing { items: found.iter().map(|lives| bare(&app, lives)).collect(), next }))
}
