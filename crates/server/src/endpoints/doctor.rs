//! `POST /api/v1/doctor`

use super::administrators_only;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{Answer, RefusalResponses};
use crate::policy_source::Trouble;
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
    findings.extend(policy(&app));
    Ok(Json(DoctorView::new(findings)))
}

/// How following the policy goes; nothing where it comes from a folder and nothing is wrong with it.
fn policy(app: &App) -> Option<FindingView> {
    let (standing, message) = match (app.engine.policy_doubt(), app.policy.trouble()) {
        (Some(doubt), trouble) => {
            let because = trouble.map(|trouble| format!(": {}", trouble.sentence())).unwrap_or_default();
            (StandingView::Failed, format!("nothing new is given: {doubt}{because}"))
        }
        (None, Some(trouble @ (Trouble::Unreachable(_) | Trouble::Held(_)))) => {
            (StandingView::Warning, trouble.sentence())
        }
        (None, Some(trouble @ Trouble::Refused(_))) => {
            (StandingView::Failed, format!("the policy in force stays: {}", trouble.sentence()))
        }
        (None, None) => {
            let follower = app.policy.follower()?;
            let (set, at) = (app.engine.policy(), app.policy.reached());
            let reached = at.map(|at| format!(", reached at {at}")).unwrap_or_default();
            let commit = set.commit().unwrap_or_default();
            (StandingView::Ok, format!("commit {commit} of {}{reached}", follower.branch().remote))
        }
    };
    Some(FindingView { about: "policy".to_owned(), check: "policy".to_owned(), standing, message })
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

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, text};

    #[tokio::test]
    async fn looks_at_everything_for_administrators() {
        let world = World::new().await;
        let root = world.sign_in("root@example.com").await;
        let seen = world.post(&root, "/api/v1/doctor", serde_json::json!({})).await.ok();
        let about: std::collections::BTreeSet<_> =
            seen["findings"].as_array().expect("a list").iter().map(|f| text(f, "about")).collect();
        assert!(["clock", "ledger", "services/db"].iter().all(|name| about.contains(*name)), "{seen}");
        let dev = world.sign_in("dev@example.com").await;
        assert_eq!(world.post(&dev, "/api/v1/doctor", serde_json::json!({})).await.code(), "forbidden");
        let kinds = world.get(&dev, "/api/v1/connectors").await.ok();
        assert_eq!(kinds["items"][0]["name"], "postgres");
    }
}
