//! SSH certificates a second, each durable in the ledger before it is handed out, against bare signatures.

use crate::table::{Table, Unit, rate};
use crate::world::{RealEntropy, World, from_callers, runtime};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use curfew_engine::seams::Entropy;
use curfew_engine::seams::connector::PublicHalf;
use ed25519_dalek::{Signer, SigningKey};
use std::hint::black_box;
use std::time::Duration;

pub(crate) fn measure(table: &mut Table) {
    let mut seed = [0u8; 32];
    RealEntropy.fill(&mut seed);
    let key = SigningKey::from_bytes(&seed);
    let message = [0u8; 400];
    let raw = rate(Duration::from_secs(2), || {
        black_box(key.sign(black_box(&message)));
    });
    let half = PublicHalf { kind: "ssh_public_key".to_owned(), value: public_key() };
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let world = World::start(folder.path(), None).await;
        for (callers, times) in [(1, 300), (16, 3_000), (64, 6_000)] {
            let mut grants = Vec::new();
            for _ in 0..times {
                grants.push(world.ask("shell", 3_600).await);
            }
            let half = &half;
            let world = &world;
            let grants = &grants;
            let ours = from_callers(callers, times, |n| async move {
                world.activate(grants[n], "hosts/web", half.clone()).await;
            });
            let ours = ours.await;
            let limit = ("ed25519 signatures on one core", raw);
            table.against(format!("SSH certificates, {callers} at once"), Unit::PerSecond, ours, limit);
        }
        world.stop().await;
    });
}

/// A public key as a client sends it.
pub(crate) fn public_key() -> String {
    let key = SigningKey::from_bytes(&[9; 32]);
    let mut blob = Vec::new();
    for part in [b"ssh-ed25519".as_slice(), key.verifying_key().as_bytes()] {
        blob.extend((part.len() as u32).to_be_bytes());
        blob.extend(part);
    }
    format!("ssh-ed25519 {}", BASE64.encode(blob))
}
