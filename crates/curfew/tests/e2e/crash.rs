//! `kill -9`, at random moments and at every boundary there is. After the next start there is no role
//! without a live grant and no live grant without its role, and the audit log verifies.

use crate::harness::{Http, POLICY, World, run, runtime, soon, verifier};
use curfew_api::{ClientError, GrantView, RevocationBody};
use futures::stream::{FuturesUnordered, StreamExt};
use std::process::Command;
use std::time::{Duration, SystemTime};

const ROUNDS: usize = 50;
/// Rounds on one ledger, so that its log stays short enough to be verified after each.
const ROUNDS_A_LEDGER: usize = 10;
const GRANTS: usize = 200;
const AT_ONCE: usize = 16;
/// The longest a start may take.
const A_START: Duration = Duration::from_secs(60);
/// There are more boundaries than this in the life of one grant; fewer means that nobody counts.
const FEWEST_BOUNDARIES: u64 = 20;
/// A first start makes an installation, keys and an epoch: more boundaries than this.
const FEWEST_AT_A_START: u64 = 5;
/// The name of what a grant of these tests gives.
const ROLE: &str = "self-service";

#[test]
fn killed_at_random_moments() {
    let mut random = Random::seeded();
    let verifier = verifier("a-password-that-only-tests-use");
    for _ in 0..ROUNDS / ROUNDS_A_LEDGER {
        let mut world = World::start();
        for _ in 0..ROUNDS_A_LEDGER {
            let delay = Duration::from_millis(random.below(2_500));
            let url = world.url();
            let runtime = runtime();
            let verifier = verifier.clone();
            let made = runtime.spawn(async move { make_and_end(&url, &verifier).await });
            std::thread::sleep(delay);
            world.server().kill();
            // Whoever was being served got no answer.
            drop(runtime.block_on(made));
            world.start_server(&[]);
            runtime.block_on(all_is_right(&world));
            runtime.block_on(end_all(&world));
        }
    }
}

/// Makes grants and ends every other one, many at once, until they are made or the server is gone.
async fn make_and_end(url: &str, verifier: &str) -> Result<(), ClientError> {
    let developer = Http::sign_in(url, "dev@example.com").await?;
    let mut under_way = FuturesUnordered::new();
    let mut number = 0;
    while number < GRANTS || !under_way.is_empty() {
        while under_way.len() < AT_ONCE && number < GRANTS {
            under_way.push(one(&developer, verifier, number % 2 == 0));
            number += 1;
        }
        if let Some(ended) = under_way.next().await {
            ended?;
        }
    }
    Ok(())
}

async fn one(developer: &Http, verifier: &str, is_returned: bool) -> Result<(), ClientError> {
    let id = developer.ask(ROLE, 600).await?.id.to_string();
    developer.activate(&id, verifier).await?;
    if is_returned {
        developer.client.give_back(&id).await?;
    }
    Ok(())
}

/// Waits until nothing moves any more, then compares the ledger with the target, both ways.
async fn all_is_right(world: &World) {
    let url = world.url();
    let developer = Http::sign_in(&url, "dev@example.com").await.unwrap();
    let mut grants = Vec::new();
    for _ in 0..1_000 {
        grants = developer.open_grants().await.unwrap();
        if grants.iter().all(is_quiet) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(grants.iter().all(is_quiet), "something never ended: {:?}", grants.iter().find(|grant| !is_quiet(grant)));
    let leases = grants.iter().flat_map(|grant| &grant.leases);
    let mut live: Vec<String> =
        leases.filter(|lease| lease.state == "live").map(|lease| lease.handle.clone()).collect();
    live.sort();
    assert_eq!(world.postgres.temporary_roles(), live, "the roles there are, and the leases that live");
    verify(world, &Http::sign_in(&url, "root@example.com").await.unwrap()).await;
}

fn is_quiet(grant: &GrantView) -> bool {
    let moving = |lease: &curfew_api::LeaseView| lease.state != "live" && lease.state != "revoked";
    let settled = grant.state == "approved" || grant.state == "active";
    settled && !grant.leases.iter().any(moving)
}

async fn verify(world: &World, root: &Http) {
    let file = world.folder().join("export.jsonl");
    std::fs::write(&file, root.export().await.unwrap()).unwrap();
    let key = root.client.audit_key().await.unwrap().key;
    let mut verify = Command::new(env!("CARGO_BIN_EXE_curfew"));
    run(verify.args(["audit", "verify"]).arg(&file).args(["--key", &key])).ok();
}

async fn end_all(world: &World) {
    let root = Http::sign_in(&world.url(), "root@example.com").await.unwrap();
    let role = Some(curfew_domain::RoleName::new(ROLE).unwrap());
    let body = RevocationBody { reason: "the round is over".to_owned(), role, ..RevocationBody::default() };
    root.client.revoke_all(&body).await.unwrap();
    world.nothing_left(Duration::from_secs(20));
}

#[test]
fn killed_once_at_every_boundary_of_the_first_start() {
    let runtime = runtime();
    for boundary in 1.. {
        let mut world = World::without_server(POLICY);
        world.start_server_unready(&[("CURFEW_CRASH_AT", boundary.to_string())]);
        soon("the server is ready or dead", A_START, || !world.server().is_running() || world.server().is_ready());
        if world.server().is_running() {
            assert!(boundary > FEWEST_AT_A_START, "only {} boundaries were found", boundary - 1);
            break;
        }
        world.start_server(&[]);
        runtime.block_on(all_is_right(&world));
    }
}

#[test]
fn killed_once_at_every_boundary_of_a_grant() {
    let runtime = runtime();
    let verifier = verifier("a-password-that-only-tests-use");
    let mut world = World::start();
    for boundary in 1.. {
        world.start_server_unready(&[("CURFEW_CRASH_AT", boundary.to_string())]);
        let url = world.url();
        let lived = runtime.block_on(live_a_life(&mut world, &url, &verifier));
        if lived.is_ok() && world.server().is_running() {
            eprintln!("{} boundaries", boundary - 1);
            assert!(boundary > FEWEST_BOUNDARIES, "only {} boundaries were found", boundary - 1);
            break;
        }
        // The one who was being served may notice the end before we do.
        let what = format!("the server died at boundary {boundary}; what was asked of it ended so: {lived:?}");
        soon(&what, Duration::from_secs(5), || !world.server().is_running());
        world.start_server(&[]);
        runtime.block_on(all_is_right(&world));
        runtime.block_on(end_all(&world));
    }
}

/// Everything that can happen to a grant: given back, and expired.
async fn live_a_life(world: &mut World, url: &str, verifier: &str) -> Result<(), ClientError> {
    soon("the server answers, or died", A_START, || world.server().is_ready() || !world.server().is_running());
    let developer = Http::sign_in(url, "dev@example.com").await?;
    one(&developer, verifier, true).await?;
    let id = developer.ask(ROLE, 1).await?.id.to_string();
    if let Err(error) = developer.activate(&id, verifier).await {
        // On a slow machine its second may be over before it is live.
        let open = developer.open_grants().await?;
        let is_over = open.iter().all(|grant| grant.request_id.to_string() != id || grant.state == "ending");
        if !is_over {
            return Err(error);
        }
    }
    soon("the short grant has ended, or the server died", Duration::from_secs(20), || {
        world.postgres.temporary_roles().is_empty() || !world.server().is_running()
    });
    // The commit that says so comes after the target was read.
    for _ in 0..500 {
        if !world.server().is_running() || developer.open_grants().await?.iter().all(is_quiet) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Moments that differ from run to run; the seed is printed.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let seed =
            std::env::var("CURFEW_CRASH_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(now.as_nanos() as u64);
        eprintln!("CURFEW_CRASH_SEED={seed}");
        Self(seed | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64 (Marsaglia, 2003)
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
