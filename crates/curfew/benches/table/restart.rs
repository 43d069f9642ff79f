//! How long the real server takes from its start to `/readyz` over a big ledger, and how much memory it holds.

use crate::postgres::Iterations;
use crate::served::Served;
use crate::table::{Table, Unit};
use crate::world::{World, from_callers, private_postgres, runtime};
use curfew_connectors::postgres::private::PrivatePostgres;
use std::path::Path;
use std::time::Instant;

const PAST: usize = 100_000;
const LIVE: usize = 10_000;

pub(crate) fn measure(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let postgres = private_postgres(&folder.path().join("postgres"));
    let empty = tempfile::tempdir().unwrap();
    let before = Served::start(empty.path(), &postgres).resident();
    runtime().block_on(fill(folder.path(), &postgres));
    let begun = Instant::now();
    let read = std::fs::read(folder.path().join("ledger.db")).unwrap().len();
    let raw = begun.elapsed().as_secs_f64() * 1_000.0;
    let served = Served::start(folder.path(), &postgres);
    let (took, after) = (served.took.as_secs_f64() * 1_000.0, served.resident());
    eprintln!("the ledger has {} MB", read / 1_000_000);
    let what = "restart to ready, 100,000 past and 10,000 live grants";
    table.against(what, Unit::Millis, took, ("reading the ledger's file", raw));
    table.alone("resident memory, empty ledger", Unit::Megabytes, before / 1e6);
    table.alone("resident memory, that ledger", Unit::Megabytes, after / 1e6);
    table.alone("resident memory for a live grant", Unit::Bytes, ((after - before) / LIVE as f64).max(0.0));
}

/// Grants that were approved and given back, and grants that live in the target.
async fn fill(folder: &Path, postgres: &PrivatePostgres) {
    let world = World::start(folder, Some(postgres)).await;
    let world = &world;
    from_callers(256, PAST, |_| async move {
        let grant = world.ask("database", 7_000).await;
        world.give_back(grant).await;
    })
    .await;
    from_callers(64, LIVE, |_| async move {
        let grant = world.ask("database", 7_000).await;
        world.activate(grant, "services/db", Iterations::Libpq.half()).await;
    })
    .await;
    world.engine.stop();
    world.store.close();
}
