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

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::World;

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
