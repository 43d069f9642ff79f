//! `POST /api/v1/doctor`

use super::administrators_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{DoctorView, FindingView, StandingView};
use curfew_engine::seams::connector::{Finding, Standing};

/// Looks at every target, the clock and the ledger. A POST, because it makes the server call its targets.
#[utoipa::path(post, path = "/doctor", tag = "server", responses((status = 200, body = DoctorView), RefusalResponses))]
pub(crate) async fn doctor(State(app): State<App>, caller: Caller) -> Answer<DoctorView> {
    administrators_only(&app, &caller)?;
    let mut findings = Vec::new();
    for (resource, seen) in app.engine.doctor().await {
        let about = resource.map(|name| name.to_string());
        findings.extend(seen.into_iter().map(|finding| view(about.as_deref(), finding)));
    }
    Ok(Json(DoctorView::new(findings)))
}

/// What is about no resource is about what was looked at: `clock`, `ledger`.
fn view(about: Option<&str>, finding: Finding) -> FindingView {
    let standing = match finding.standing {
        Standing::Ok => StandingView::Ok,
        Standing::Warning => StandingView::Warning,
        Standing::Failed => StandingView::Failed,
    };
    let about = about.unwrap_or(&finding.check).to_owned();
    FindingView { about, check: finding.check, standing, message: finding.message }
}
