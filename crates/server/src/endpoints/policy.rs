//! `GET /api/v1/policy`

use super::auditors_only;
use super::policy_apply::deployers_only;
use crate::app::App;
use crate::auth::Caller;
use crate::config::PolicyOrigin;
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;
use curfew_api::{PolicyFileView, PolicySourceView, PolicyView};

/// The policy in force with its text, where it comes from, and how following it goes. For auditors, administrators and the
/// pipelines of `policy.deployers`.
#[utoipa::path(get, path = "/policy", tag = "policy", responses((status = 200, body = PolicyView), RefusalResponses))]
pub(crate) async fn policy(State(app): State<App>, caller: Caller) -> Answer<PolicyView> {
    match &caller.workload {
        Some(bound) => deployers_only(&app, bound)?,
        None => auditors_only(&app, &caller)?,
    }
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

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, halves, text};
    use serde_json::json;

    #[tokio::test]
    async fn auditors_read_it_and_what_it_was_made_of() {
        let world = World::new().await;
        let auditor = world.sign_in("auditor@example.com").await;
        let policy = world.get(&auditor, "/api/v1/policy").await.ok();
        assert_eq!(
            (&policy["source"], &policy["commit"], &policy["stale"]),
            (&"folder".into(), &json!(null), &json!(null))
        );
        assert_eq!(policy["policy_version"], policy["content"]);
        assert_eq!(text(&policy["files"][0], "path"), "policy.yaml");
        assert_eq!(text(&policy["files"][0], "text"), crate::endpoints::testing::POLICY);
        let dev = world.sign_in("dev@example.com").await;
        assert_eq!(world.get(&dev, "/api/v1/policy").await.code(), "forbidden");
    }

    #[tokio::test]
    async fn administrators_apply_what_is_there_and_nothing_that_they_send() {
        let world = World::new().await;
        let root = world.sign_in("root@example.com").await;
        let apply = async |who: &str, body| world.post(who, "/api/v1/policy/apply", body).await;
        // This server's folder is not there.
        assert_eq!(apply(&root, json!({})).await.code(), "policy_refused");
        for body in [json!({"commit": "0123456789ab"}), json!({"rollback": true})] {
            let refused = apply(&root, body).await;
            assert_eq!((refused.code().as_str(), refused.status.as_u16()), ("policy_refused", 422));
        }
        assert_eq!(apply(&root, json!({"files": []})).await.code(), "malformed");
        let dev = world.sign_in("dev@example.com").await;
        for body in [json!({}), json!({"rollback": true})] {
            assert_eq!(apply(&dev, body).await.code(), "forbidden");
        }
        let refused = world.get(&root, "/api/v1/audit/search?q=policy.refused").await.ok();
        assert_eq!(refused["items"].as_array().map(Vec::len), Some(1), "{refused}");
    }

    #[tokio::test]
    async fn a_doubtful_policy_gives_nothing_new_and_takes_nothing_away() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let active = text(&world.active(&dev).await, "id");
        let waiting = text(&world.approved(&dev).await, "grant_id");
        world.app.engine.doubt_policy(Some("it is old".to_owned()));
        let ask = json!({"role": "db-debug", "reason": "orders are stuck"});
        let refused = world.post(&dev, "/api/v1/requests", ask.clone()).await;
        assert_eq!((refused.code().as_str(), refused.status.as_u16()), ("policy_stale", 503));
        let claim = world.post(&dev, &format!("/api/v1/grants/{waiting}/activate"), halves(2)).await;
        assert_eq!(claim.code(), "policy_stale");
        assert_eq!(world.get("", "/readyz").await.json(), json!({"status": "ready", "policy": "stale"}));
        world.post(&dev, &format!("/api/v1/grants/{active}/return"), json!({})).await.ok();
        world.until(&dev, &active, "ended").await;
        world.app.engine.doubt_policy(None);
        world.post(&dev, "/api/v1/requests", ask).await.ok();
        world.post(&dev, &format!("/api/v1/grants/{waiting}/activate"), halves(2)).await.ok();
    }
}
