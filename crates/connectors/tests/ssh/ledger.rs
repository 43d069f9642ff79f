//! What is durable before anybody is answered, and what is known after a restart.

use crate::world::{World, target};
use curfew_domain::Timestamp;
use curfew_domain::lease::Evidence;
use curfew_engine::seams::connector::{CallError, Marker, Revocation};
use curfew_engine::seams::host_desk::{HostReport, HostSession};
use curfew_engine::seams::store::Change;
use curfew_engine::seams::{Clock, Connector, HostDesk, Store};
use curfew_store::MemoryStore;
use curfew_store::memory::Fault;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const HOST: &str = "web-1.example.com:22";

async fn enrol(store: &MemoryStore) {
    let fact = Change::Fact { name: format!("host_token/hosts/web/{HOST}"), value: Some("{}".to_owned()) };
    // Of a resource whose name begins alike; not ours.
    let other = Change::Fact { name: "host_token/hosts/web/blue/b:22".to_owned(), value: Some("{}".to_owned()) };
    store.commit(vec![fact, other]).await.expect("committed");
}

async fn report(world: &World, sessions: Vec<HostSession>) {
    let list = world.ssh.revocation_list(Some(&target("hosts/web").resource)).await.expect("a list");
    let report = HostReport {
        revocation_list_sha256: hex::encode(Sha256::digest(list)),
        sessions,
        at: world.hours.wall(),
        mark: None,
    };
    world.ssh.sync(&target("hosts/web").resource, HOST, report).await.expect("duties");
}

fn session(serial: u64, key_id: &str) -> HostSession {
    HostSession { serial, pid: 4_242, account: "deploy".to_owned(), key_id: key_id.to_owned() }
}

#[tokio::test]
async fn an_end_outlives_the_server() {
    let store = MemoryStore::default();
    let world = World::over(store.clone());
    let target = target("hosts/web");
    world.ssh.prepare(&target).await.expect("prepared");
    let (order, kept) = (world.order(), world.order());
    world.ssh.issue(&target, &[order.clone(), kept.clone()]).await;
    world.ssh.revoke(&target, &[world.end(&order)]).await;
    let before = world.ssh.revocation_list(Some(&target.resource)).await.expect("a list");
    let next = World::at(world.hours.clone(), store);
    let after = next.ssh.revocation_list(Some(&target.resource)).await.expect("a list");
    assert_eq!(before, after, "before anything is prepared");
    let found = next.ssh.observe(&target).await.expect("observed").found;
    assert_eq!(found.iter().map(|f| f.marker.as_ref().map(|m| m.lease)).collect::<Vec<_>>(), [Some(kept.lease)]);
    let again = next.ssh.issue(&target, std::slice::from_ref(&order)).await.remove(0);
    assert!(matches!(again, Err(CallError::Refused { .. })), "{again:?}");
}

#[tokio::test]
async fn nothing_is_answered_for_that_the_ledger_does_not_keep() {
    let failing = Arc::new(AtomicBool::new(false));
    let faults = failing.clone();
    let store = MemoryStore::default().with_faults(Arc::new(move |_| match faults.load(Ordering::SeqCst) {
        true => Fault::FailBefore,
        false => Fault::None,
    }));
    let world = World::over(store);
    let target = target("hosts/web");
    world.ssh.prepare(&target).await.expect("prepared");
    let order = world.order();
    world.ssh.issue(&target, std::slice::from_ref(&order)).await.remove(0).expect("issued");
    failing.store(true, Ordering::SeqCst);
    let late = world.order();
    let answer = world.ssh.issue(&target, std::slice::from_ref(&late)).await.remove(0);
    assert!(matches!(answer, Err(CallError::Lost { .. })), "no certificate without its record: {answer:?}");
    let answer = world.ssh.revoke(&target, &[world.end(&order)]).await.remove(0);
    assert!(matches!(answer, Err(CallError::Lost { .. })), "{answer:?}");
    let empty = curfew_empty_list();
    let list = world.ssh.revocation_list(Some(&target.resource)).await.expect("a list");
    assert_ne!(list, empty, "the hosts are told all the same");
    failing.store(false, Ordering::SeqCst);
    let answer = world.ssh.revoke(&target, &[world.end(&order)]).await.remove(0);
    assert!(matches!(answer, Ok(Revocation::Revoked { .. })), "{answer:?}");
}

/// A list without entries, as `curfew host setup` writes it too.
fn curfew_empty_list() -> Vec<u8> {
    let mut bytes = b"SSHKRL\n\0\0\0\0\x01".to_vec();
    bytes.extend([0; 24]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 6]);
    bytes.extend(b"curfew");
    bytes
}

#[tokio::test]
async fn an_end_is_read_only_from_what_hosts_report() {
    let store = MemoryStore::default();
    let world = World::over(store.clone());
    let target = target("hosts/web");
    world.ssh.prepare(&target).await.expect("prepared");
    enrol(&store).await;
    let order = world.order();
    let issued = world.ssh.issue(&target, std::slice::from_ref(&order)).await.remove(0).expect("issued");
    let serial: u64 = issued.locator.parse().expect("a serial");
    let key_id = format!("{} ann@example.com", order.marker(&target));
    let end = || [world.end(&order)];
    let silent = world.ssh.revoke(&target, &end()).await.remove(0);
    assert!(matches!(silent, Err(CallError::Unreachable { .. })), "{silent:?}");
    report(&world, vec![session(serial, &key_id)]).await;
    let open = world.ssh.revoke(&target, &end()).await.remove(0);
    assert!(matches!(&open, Err(CallError::Lost { message, .. }) if message.contains("deploy")), "{open:?}");
    report(&world, Vec::new()).await;
    let read = world.ssh.revoke(&target, &end()).await.remove(0);
    let Ok(Revocation::Revoked { evidence: Evidence::Read { at }, .. }) = read else { panic!("{read:?}") };
    assert!(at >= order.now);
}

#[tokio::test]
async fn a_session_that_the_ledger_does_not_know_is_found_and_locked() {
    let store = MemoryStore::default();
    let world = World::over(store.clone());
    let target = target("hosts/web");
    world.ssh.prepare(&target).await.expect("prepared");
    enrol(&store).await;
    let marker = Marker {
        installation: target.installation.clone(),
        lease: world.lease(),
        expires_at: Timestamp::from_millis(world.hours.wall().as_millis() / 1_000 * 1_000 + 60_000),
    };
    report(&world, vec![session(99, &format!("{marker} bob@example.com"))]).await;
    let found = world.ssh.observe(&target).await.expect("observed").found.remove(0);
    assert_eq!((found.marker.as_ref(), found.locator.as_str()), (Some(&marker), "99"));
    world.ssh.lock(&target, &found).await.expect("locked");
    let report =
        HostReport { revocation_list_sha256: String::new(), sessions: Vec::new(), at: world.hours.wall(), mark: None };
    let duties = world.ssh.sync(&target.resource, HOST, report).await.expect("duties");
    assert_eq!(duties.end_serials, [99]);
    let foreign = Marker { installation: "ffffffffffffffff".to_owned(), ..marker };
    let found = curfew_engine::seams::connector::Found { marker: Some(foreign), locator: "98".to_owned(), ..found };
    let answer = world.ssh.lock(&target, &found).await;
    assert!(matches!(answer, Err(CallError::NotOurs { .. })), "{answer:?}");
}

#[tokio::test]
async fn what_has_long_expired_is_forgotten() {
    let store = MemoryStore::default();
    let world = World::over(store.clone());
    let target = target("hosts/web");
    world.ssh.prepare(&target).await.expect("prepared");
    let (first, second) = (world.order(), world.order());
    world.ssh.issue(&target, &[first.clone(), second.clone()]).await;
    world.ssh.revoke(&target, &[world.end(&first)]).await;
    world.hours.pass(3_600 + 23 * 3_600);
    world.ssh.revoke(&target, &[world.end(&second)]).await;
    assert_eq!(store.facts("ssh/certificate/").await.expect("facts").len(), 2, "a clock may be off by hours");
    world.hours.pass(2 * 3_600);
    world.ssh.revoke(&target, &[world.end(&second)]).await;
    assert_eq!(store.facts("ssh/certificate/").await.expect("facts").len(), 0);
    assert_eq!(store.facts("ssh/standing/").await.expect("facts").len(), 0);
}

#[tokio::test]
async fn hosts_of_unknown_resources_get_nothing() {
    let world = World::over(MemoryStore::default());
    let report =
        HostReport { revocation_list_sha256: String::new(), sessions: Vec::new(), at: world.hours.wall(), mark: None };
    let answer = world.ssh.sync(&target("hosts/none").resource, HOST, report).await;
    assert!(matches!(answer, Err(CallError::Invalid(_))), "{answer:?}");
    assert_eq!(world.ssh.authorities(None).await.expect("none"), []);
}
