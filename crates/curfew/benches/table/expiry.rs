//! How late a thousand grants end that have the same hour, and how long dropping as many roles takes at least.

use crate::postgres::{Iterations, connect};
use crate::table::{Table, Unit, percentile};
use crate::world::{World, from_callers, private_postgres, runtime};
use curfew_domain::{GrantState, Id, Timestamp};
use curfew_engine::GrantRef;
use curfew_engine::seams::Store;
use std::time::{Duration, Instant};

const GRANTS: usize = 1_000;

pub(crate) fn measure(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let postgres = private_postgres(&folder.path().join("postgres"));
    runtime().block_on(async {
        let client = connect(&postgres).await;
        let sql = |verb: &str| (0..GRANTS).map(|n| format!("{verb} ROLE raw_{n};")).collect::<String>();
        client.batch_execute(&sql("CREATE")).await.unwrap();
        let begun = Instant::now();
        client.batch_execute(&sql("DROP")).await.unwrap();
        let raw = begun.elapsed().as_secs_f64() * 1_000.0;

        let world = World::start(folder.path(), Some(&postgres)).await;
        let hour = Timestamp::from_millis(world.engine.now().as_millis() + 25_000);
        let mut ids: Vec<Id<curfew_domain::Request>> = Vec::new();
        for _ in 0..GRANTS {
            let left = hour.millis_since(world.engine.now()).div_ceil(1_000) as u32;
            let GrantRef::Request(id) = world.ask("database", left).await else { unreachable!("a request was made") };
            ids.push(id);
        }
        let (world, all) = (&world, &ids);
        from_callers(32, GRANTS, |n| async move {
            world.activate(GrantRef::Request(all[n]), "services/db", Iterations::Libpq.half()).await;
        })
        .await;
        assert!(world.engine.now() < hour, "making them took too long");
        let mut late = lateness(world, all).await;
        late.sort_by(f64::total_cmp);
        let limit = ("DROP ROLE of all in one batch", raw);
        let row = |share: f64| percentile(&late, share);
        table.alone("expiry of 1,000 at once, p50", Unit::Millis, row(0.5));
        table.alone("expiry of 1,000 at once, p99", Unit::Millis, row(0.99));
        table.against("expiry of 1,000 at once, the last", Unit::Millis, row(1.0), limit);
    });
}

/// How many milliseconds after its hour each was read to be over.
async fn lateness(world: &World, requests: &[Id<curfew_domain::Request>]) -> Vec<f64> {
    let mut late = Vec::new();
    for id in requests {
        let request = world.store.request(*id).await.unwrap().unwrap();
        let curfew_domain::RequestState::Approved { grant_id, .. } = request.state else { panic!("{request:?}") };
        loop {
            let grant = world.store.grant(grant_id).await.unwrap().unwrap();
            if let GrantState::Ended { until: Some(until), evidence, .. } = grant.state {
                late.push(evidence.at().millis_since(until) as f64);
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    late
}
