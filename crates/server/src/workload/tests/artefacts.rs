//! What an approval names is what the run presents, or nothing is given.

use super::runs::{Client, Shop};
use super::*;

const COMMIT: &str = "c0ffee254729296a45a3885639ac7e10f9d54979";

/// A grant of the run's own that was approved for this very thing.
async fn approved_for(shop: &Shop, client: &Client, kind: &str, value: &str) -> String {
    let asked = shop.ask(client, "deploy").await.ok();
    let lead = shop.bed.world.sign_in("lead@example.com").await;
    let body = json!({"digest": asked["digest"], "artefact": {"kind": kind, "value": value}});
    let path = format!("/api/v1/requests/{}/approve", text(&asked, "id"));
    text(&shop.bed.world.post(&lead, &path, body).await.ok(), "grant_id")
}

/// The claim of a run that presents these.
async fn claimed(shop: &Shop, client: &Client, grant: &str, artefacts: Value) -> Reply {
    let mut body = halves(7);
    body["artefacts"] = artefacts;
    shop.post(&client.job, &format!("grants/{grant}/activate"), &body).await
}

async fn refused(shop: &Shop, client: &Client, grant: &str, artefacts: Value) {
    let reply = claimed(shop, client, grant, artefacts).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (409, "no_longer_allowed"), "{}", reply.text);
    assert!(text(&reply.json()["error"], "message").contains("it was approved for"), "{}", reply.text);
    assert_eq!(made(shop), 0, "nothing was made in the target");
    let shown = shop.get(&client.job, &format!("grants/{grant}")).await.ok();
    assert_eq!((&shown["state"], &shown["leases"]), (&"approved".into(), &json!([])), "{shown}");
}

/// How many roles there are in the target.
fn made(shop: &Shop) -> usize {
    shop.bed.world.target.roles(&"services/db".parse().expect("a name")).len()
}

#[tokio::test]
async fn another_commit_than_approved_is_given_nothing() {
    let shop = Shop::new().await;
    let other = "714a629c0b401fdce83e847fc9589983fc6f46bc";
    let (client, _) = shop.begun(&[("sha", json!(other))]).await;
    let grant = approved_for(&shop, &client, "commit", COMMIT).await;
    refused(&shop, &client, &grant, json!([])).await;
    // What the run says of itself is no proof, whatever it calls it.
    for by in ["claimed", "measured"] {
        refused(&shop, &client, &grant, json!([{"kind": "commit", "value": COMMIT, "by": by}])).await;
    }
    let as_token = json!([{"kind": "commit", "value": COMMIT, "by": "token"}]);
    assert_eq!(claimed(&shop, &client, &grant, as_token).await.code(), "malformed");
    assert_eq!(made(&shop), 0);
    let (same, _) = shop.begun(&[("run_id", json!("5"))]).await;
    let grant = approved_for(&shop, &same, "commit", &COMMIT.to_uppercase()).await;
    let given = claimed(&shop, &same, &grant, json!([])).await.ok();
    assert_eq!(given["grant"]["state"], "active");
    assert_eq!(given["grant"]["artefacts"], json!([{"kind": "commit", "value": COMMIT, "by": "token"}]));
}

#[tokio::test]
async fn another_image_or_plan_than_approved_is_given_nothing() {
    let shop = Shop::new().await;
    let (client, _) = shop.begun(&[]).await;
    let (right, wrong) = ("ab".repeat(32), "cd".repeat(32));
    for kind in ["image", "plan"] {
        let grant = approved_for(&shop, &client, kind, &format!("sha256:{right}")).await;
        let presents = |value: &str, by: &str| json!([{"kind": kind, "value": value, "by": by}]);
        refused(&shop, &client, &grant, json!([])).await;
        refused(&shop, &client, &grant, presents(&wrong, "measured")).await;
        refused(&shop, &client, &grant, presents(&right, "claimed")).await;
        let given = claimed(&shop, &client, &grant, presents(&right, "measured")).await.ok();
        assert_eq!(given["grant"]["state"], "active");
        shop.post(&client.job, &format!("grants/{grant}/return"), &json!({})).await.ok();
        shop.ended(&grant).await;
    }
}
