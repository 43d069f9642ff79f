//! `GET /api/v1/policy`

use super::auditors_only;
use crate::app::App;
use crate::auth::Caller;
use crate::config::PolicyOrigin;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{PolicyFileView, PolicySourceView, PolicyView};

/// The policy in force with its text, where it comes from, and how following it goes.
#[utoipa::path(get, path = "/policy", tag = "policy", responses((status = 200, body = PolicyView), RefusalResponses))]
pub(crate) async fn policy(State(app): State<App>, caller: Caller) -> Answer<PolicyView> {
    auditors_only(&app, &caller)?;
    let (set, files) = app.policy.in_force().await;
    let source = app.policy.source();
    let (kind, from, branch) = match &source.origin {
        PolicyOrigin::Folder(path) => (PolicySourceView::Folder, path.display().to_string(), None),
        PolicyOrigin::Git(branch) => {
            let remote = &branch.remote;
            (PolicySourceView::Git, remote.address().to_owned(), Some(remote.branch().to_owned()))
        }
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Json(PolicyView {
        policy_version: set.version().to_owned(),
        commit: set.commit().map(str::to_owned),
        content: set.content_hash().to_owned(),
        environment: source.environment.clone(),
        source: kind,
        from,
        branch,
        reached_at: app.policy.reached(),
        stale: app.engine.policy_doubt(),
        trouble: app.policy.trouble().map(|trouble| trouble.sentence()),
        files: files.iter().map(|f| PolicyFileView { path: f.path.clone(), text: text(&f.bytes) }).collect(),
    }))
}
