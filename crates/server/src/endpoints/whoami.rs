//! `GET /api/v1/whoami`

use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{Powers, WhoAmIView};
use curfew_engine::Sight;

/// Who the caller is.
#[utoipa::path(get, path = "/whoami", tag = "session", responses((status = 200, body = WhoAmIView), RefusalResponses))]
pub(crate) async fn whoami(State(app): State<App>, caller: Caller) -> Answer<WhoAmIView> {
    let powers = Powers {
        administrator: app.engine.may_administer(&caller.who),
        auditor: app.engine.sight(&caller.who) == Sight::Everything,
    };
    Ok(Json(WhoAmIView::new(&caller.who, powers, caller.expires_at)))
}
