//! Temporary roles a second, made and ended, against the same statements without Curfew.

use crate::table::{Table, Unit};
use crate::world::{World, from_callers, private_postgres, runtime};
use curfew_connectors::postgres::Postgres;
use curfew_connectors::postgres::private::PrivatePostgres;
use curfew_engine::GrantRef;
use curfew_engine::seams::Clock;
use curfew_engine::seams::Store;
use curfew_engine::seams::connector::PublicHalf;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

/// The connector as the binary makes it.
pub(crate) fn connector(clock: Arc<dyn Clock>) -> Postgres {
    Postgres::new(clock)
}

/// How often the client's verifier was hashed. PostgreSQL hashes as often for each new role.
#[derive(Clone, Copy)]
pub(crate) enum Iterations {
    /// What `curfew connect` and `exec` send, which start libpq themselves.
    Libpq,
    /// What every driver takes.
    AnyDriver,
}

impl Iterations {
    fn verifier(self) -> &'static str {
        match self {
            Self::Libpq => {
                "SCRAM-SHA-256$1:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
            }
            Self::AnyDriver => {
                "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
            }
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Libpq => "1 iteration",
            Self::AnyDriver => "4,096 iterations",
        }
    }

    pub(crate) fn half(self) -> PublicHalf {
        PublicHalf { kind: "scram_sha_256".to_owned(), value: self.verifier().to_owned() }
    }
}

pub(crate) fn measure(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let postgres = private_postgres(&folder.path().join("postgres"));
    runtime().block_on(async {
        let world = World::start(folder.path(), Some(&postgres)).await;
        for iterations in [Iterations::AnyDriver, Iterations::Libpq] {
            for (callers, times) in [(1, 200), (16, 1_600), (64, 3_200)] {
                measure_with(table, (&world, &postgres), iterations, (callers, times)).await;
            }
        }
        world.stop().await;
    });
}

async fn measure_with(
    table: &mut Table,
    (world, postgres): (&World, &PrivatePostgres),
    iterations: Iterations,
    (callers, times): (usize, usize),
) {
    let (raw_make, raw_end) = raw(postgres, iterations, (callers, times)).await;
    let mut grants = Vec::new();
    for _ in 0..times {
        grants.push(world.ask("database", 3_600).await);
    }
    let grants: &[GrantRef] = &grants;
    let make = from_callers(callers, times, |n| async move {
        world.activate(grants[n], "services/db", iterations.half()).await;
    });
    let make = make.await;
    let begun = Instant::now();
    from_callers(callers, times, |n| async move { world.give_back(grants[n]).await }).await;
    // An order is answered when it is durable; what counts is when the target was read and shows nothing.
    while !world.store.open_leases().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let end = times as f64 / begun.elapsed().as_secs_f64();
    let words = iterations.words();
    let name = |what| format!("PostgreSQL {what}, {callers} at once, {words}");
    let made = ("CREATE ROLE + GRANT, as many connections", raw_make);
    table.against(name("activations"), Unit::PerSecond, make, made);
    table.against(name("revocations"), Unit::PerSecond, end, ("DROP ROLE, as many connections", raw_end));
}

/// Roles a second that so many connections make and drop.
async fn raw(postgres: &PrivatePostgres, iterations: Iterations, (connections, times): (usize, usize)) -> (f64, f64) {
    let verifier = iterations.verifier();
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
            "BEGIN; CREATE ROLE raw_{n} LOGIN PASSWORD '{verifier}' VALID UNTIL '2099-01-01'; \
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
