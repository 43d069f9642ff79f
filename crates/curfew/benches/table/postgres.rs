//! Temporary roles a second, made and ended, against the same statements without Curfew.

use crate::table::{Table, Unit};
use crate::world::{World, from_callers, private_postgres, runtime};
use curfew_connectors::postgres::Postgres;
use curfew_connectors::postgres::private::PrivatePostgres;
use curfew_engine::GrantRef;
use curfew_engine::seams::Clock;
use curfew_engine::seams::connector::PublicHalf;
use secrecy::ExposeSecret;
use std::sync::Arc;
use tokio_postgres::{Client, NoTls};

/// The connector as the binary makes it.
pub(crate) fn connector(clock: Arc<dyn Clock>) -> Postgres {
    Postgres::new(clock)
}

/// A verifier of some password with 4,096 iterations, which is what clients send by default.
pub(crate) const VERIFIER: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

pub(crate) fn half() -> PublicHalf {
    PublicHalf { kind: "scram_sha_256".to_owned(), value: VERIFIER.to_owned() }
}

pub(crate) fn measure(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let postgres = private_postgres(&folder.path().join("postgres"));
    runtime().block_on(async {
        let world = World::start(folder.path(), Some(&postgres)).await;
        for (callers, times) in [(1, 200), (16, 1_600), (64, 3_200)] {
            let (raw_make, raw_end) = raw(&postgres, callers, times).await;
            let mut grants = Vec::new();
            for _ in 0..times {
                grants.push(world.ask("database", 3_600).await);
            }
            let (world, grants): (&World, &[GrantRef]) = (&world, &grants);
            let make = from_callers(callers, times, |n| async move {
                world.activate(grants[n], "services/db", half()).await;
            });
            let make = make.await;
            let end = from_callers(callers, times, |n| async move { world.give_back(grants[n]).await });
            let end = end.await;
            let name = |what| format!("PostgreSQL {what}, {callers} callers");
            let connections = ("CREATE ROLE + GRANT, as many connections", raw_make);
            table.against(name("activations"), Unit::PerSecond, make, connections);
            table.against(name("revocations"), Unit::PerSecond, end, ("DROP ROLE, as many connections", raw_end));
        }
        world.stop().await;
    });
}

/// Roles a second that so many connections make and drop.
async fn raw(postgres: &PrivatePostgres, connections: usize, times: usize) -> (f64, f64) {
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..connections {
        clients.push(connect(postgres).await);
    }
    let group = "DO $$ BEGIN CREATE ROLE raw_group NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$";
    clients[0].batch_execute(group).await.unwrap();
    let free = tokio::sync::Mutex::new(clients);
    let free = &free;
    let run = async |sql: String| {
        let client = free.lock().await.pop().expect("as many connections as callers");
        client.batch_execute(&sql).await.unwrap();
        free.lock().await.push(client);
    };
    let run = &run;
    let make = from_callers(connections, times, |n| {
        run(format!(
            "BEGIN; CREATE ROLE raw_{n} LOGIN PASSWORD '{VERIFIER}' VALID UNTIL '2099-01-01'; \
             GRANT raw_group TO raw_{n}; COMMIT"
        ))
    });
    let make = make.await;
    let end = from_callers(connections, times, |n| run(format!("DROP ROLE raw_{n}"))).await;
    (make, end)
}

/// A connection that runs as long as its client.
pub(crate) async fn connect(postgres: &PrivatePostgres) -> Client {
    let url = postgres.admin_url();
    let (client, connection) = tokio_postgres::connect(url.expose_secret(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
