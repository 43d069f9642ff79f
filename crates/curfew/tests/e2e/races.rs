//! Two people at the same instant, over HTTP, a thousand times.

use crate::harness::{Http, World, runtime, verifier};
use curfew_api::{ApproveBody, DenyBody, RequestView};
use futures::future::join_all;

const ROUNDS: usize = 1_000;
/// Rounds under way at once, so that they also meet each other in one commit.
const AT_ONCE: usize = 10;

struct Cast {
    developer: Http,
    ann: Http,
    bob: Http,
    verifier: String,
}

impl Cast {
    async fn of(world: &World) -> Self {
        let url = world.url();
        let sign_in = async |email| Http::sign_in(&url, email).await.unwrap();
        Self {
            developer: sign_in("dev@example.com").await,
            ann: sign_in("ann@example.com").await,
            bob: sign_in("bob@example.com").await,
            verifier: verifier("a-password-that-only-tests-use"),
        }
    }
}

fn yes(request: &RequestView) -> ApproveBody {
    ApproveBody { digest: request.digest.clone(), ..ApproveBody::default() }
}

fn no(request: &RequestView) -> DenyBody {
    DenyBody { digest: request.digest.clone(), reason: "not today".to_owned() }
}

#[test]
fn two_approvers_make_one_grant() {
    let world = World::start();
    runtime().block_on(async {
        let cast = Cast::of(&world).await;
        for _ in 0..ROUNDS / AT_ONCE {
            join_all((0..AT_ONCE).map(|_| approved_twice(&cast))).await;
        }
    });
    assert!(world.postgres.temporary_roles().is_empty(), "nobody activated");
}

async fn approved_twice(cast: &Cast) {
    let asked = cast.developer.ask("debug", 600).await.unwrap();
    let id = asked.id.to_string();
    let body = yes(&asked);
    let (a, b) = tokio::join!(cast.ann.client.approve(&id, &body), cast.bob.client.approve(&id, &body));
    assert!(a.is_ok() || b.is_ok(), "{a:?} {b:?}");
    let after = cast.developer.client.show_request(&id).await.unwrap();
    assert_eq!(after.state, "approved");
    assert_eq!(after.approvals.len(), 1, "one approval was needed, and one counts: {after:?}");
    assert!(after.grant_id.is_some());
}

#[test]
fn a_denial_wins_against_an_approval() {
    let world = World::start();
    runtime().block_on(async {
        let cast = Cast::of(&world).await;
        for _ in 0..ROUNDS / AT_ONCE {
            join_all((0..AT_ONCE).map(|_| approved_and_denied(&cast))).await;
        }
    });
    world.nothing_left(std::time::Duration::from_secs(5));
}

/// Whichever comes first, nobody has access when both are answered.
async fn approved_and_denied(cast: &Cast) {
    let asked = cast.developer.ask("debug", 600).await.unwrap();
    let id = asked.id.to_string();
    let (approve, deny) = (yes(&asked), no(&asked));
    let claim = cast.developer.activate(&id, &cast.verifier);
    let (_, denied, _) = tokio::join!(cast.ann.client.approve(&id, &approve), cast.bob.client.deny(&id, &deny), claim);
    denied.expect("a denial is always heard");
    let after = cast.developer.client.show_request(&id).await.unwrap();
    match after.state.as_str() {
        "denied" => assert!(after.grant_id.is_none(), "{after:?}"),
        "approved" => {
            let grant = cast.developer.client.show_grant(&id).await.unwrap();
            let over = grant.state == "ending" || grant.state == "ended";
            assert!(over, "the approval came first, and the denial revokes what came of it: {grant:?}");
            assert!(grant.leases.len() <= 1, "one lease at most: {grant:?}");
            assert!(cast.developer.activate(&id, &cast.verifier).await.is_err(), "nothing can be claimed any more");
        }
        other => panic!("the request is {other}"),
    }
}
