//! `POST /api/v1/sign-out`

use crate::app::App;
use crate::auth::{Caller, sign_in};
use crate::edge::{Answer, RefusalResponses};
use axum::Json;
use axum::extract::State;

/// Gives the sign-in up; its token is worth nothing any more.
#[utoipa::path(post, path = "/sign-out", tag = "session",
    responses((status = 200, description = "It is over.", body = Object), RefusalResponses))]
pub(crate) async fn sign_out(State(app): State<App>, caller: Caller) -> Answer<serde_json::Value> {
    sign_in::end(&app, caller.token_hash).await?;
    Ok(Json(serde_json::json!({})))
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::World;

    #[tokio::test]
    async fn the_token_is_worth_nothing_afterwards() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        world.post_once(&dev, "/api/v1/sign-out", serde_json::json!({}), "k").await.ok();
        let again = world.post_once(&dev, "/api/v1/sign-out", serde_json::json!({}), "k").await;
        assert_eq!((again.status.as_u16(), again.code().as_str()), (401, "unauthenticated"));
        assert_eq!(world.get(&dev, "/api/v1/whoami").await.status, 401);
    }

    #[tokio::test]
    async fn a_sign_in_is_over_after_its_time() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        world.clock.turn(std::time::Duration::from_secs(12 * 3_600 - 1));
        world.get(&dev, "/api/v1/whoami").await.ok();
        world.clock.turn(std::time::Duration::from_secs(1));
        assert_eq!(world.get(&dev, "/api/v1/whoami").await.status, 401);
    }
}
