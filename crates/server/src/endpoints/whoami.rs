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
    let mut groups = app.engine.policy().groups_of(&caller.who);
    groups.extend(caller.who.groups.iter().cloned());
    let view = WhoAmIView::new(&caller.who, groups, powers, caller.expires_at);
    Ok(Json(match &caller.workload {
        Some(bound) => view.of_run(&bound.token.run),
        None => view,
    }))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::World;

    #[tokio::test]
    async fn the_policys_own_groups_are_told_beside_those_of_the_sign_in() {
        let groups = "groups: {dba: [ann@example.com], leads: [group:dba]}\nidp_groups: [sre]\n";
        let world = World::with(&format!("{groups}{}", crate::endpoints::testing::POLICY)).await;
        let body = serde_json::json!({"email": "Ann@example.com", "groups": ["sre", "undeclared"]});
        let signed_in = world.post("", "/api/v1/sign-in", body).await.ok();
        let me = world.get(signed_in["token"].as_str().expect("a token"), "/api/v1/whoami").await.ok();
        assert_eq!(me["groups"], serde_json::json!(["dba", "leads", "sre", "undeclared"]));
    }

    #[tokio::test]
    async fn says_who_and_what_the_policy_makes_of_them() {
        let world = World::new().await;
        let root = world.sign_in("Root@example.com").await;
        let me = world.get(&root, "/api/v1/whoami").await.ok();
        assert_eq!((&me["kind"], &me["email"]), (&"person".into(), &"root@example.com".into()));
        assert_eq!((&me["administrator"], &me["auditor"]), (&true.into(), &true.into()));
        let dev = world.sign_in("dev@example.com").await;
        let me = world.get(&dev, "/api/v1/whoami").await.ok();
        assert_eq!((&me["administrator"], &me["auditor"]), (&false.into(), &false.into()));
        assert_eq!(me["name"], serde_json::Value::Null);
    }
}
