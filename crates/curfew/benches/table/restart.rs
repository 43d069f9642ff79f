//! How long the real server takes from its start to `/readyz` over a big ledger, and how much memory it holds.

use crate::postgres::Iterations;
use crate::table::{Table, Unit};
use crate::world::{POLICY, World, from_callers, private_postgres, runtime};
use curfew_connectors::postgres::private::PrivatePostgres;
use secrecy::ExposeSecret;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PAST: usize = 100_000;
const LIVE: usize = 10_000;

pub(crate) fn measure(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let postgres = private_postgres(&folder.path().join("postgres"));
    let empty = tempfile::tempdir().unwrap();
    let (_, before) = start(empty.path(), &postgres);
    runtime().block_on(fill(folder.path(), &postgres));
    let begun = Instant::now();
    let read = std::fs::read(folder.path().join("ledger.db")).unwrap().len();
    let raw = begun.elapsed().as_secs_f64() * 1_000.0;
    let (took, after) = start(folder.path(), &postgres);
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

/// Starts the server over a folder; milliseconds until it is ready, and bytes it then holds.
fn start(folder: &Path, postgres: &PrivatePostgres) -> (f64, f64) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = configuration(folder, port);
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
    command.arg("serve").arg("--config").arg(config).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("CURFEW_SERVICES_DB_URL", postgres.admin_url().expose_secret());
    command.env("BENCH_SEAL_KEY", "07".repeat(32));
    let mut server = Running(command.spawn().unwrap());
    while !is_ready(port) {
        assert!(server.0.try_wait().unwrap().is_none(), "the server ended before it was ready");
        assert!(begun.elapsed() < Duration::from_secs(120), "the server is not ready");
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = begun.elapsed().as_secs_f64() * 1_000.0;
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: f64 = resident.trim().trim_end_matches(" kB").trim().parse().unwrap();
    (took, kilobytes * 1_024.0)
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn configuration(folder: &Path, port: u16) -> std::path::PathBuf {
    std::fs::create_dir_all(folder.join("policies")).unwrap();
    std::fs::write(folder.join("policies/policy.yaml"), POLICY).unwrap();
    let mut text = format!("listen = \"127.0.0.1:{port}\"\ndevelopment_sign_in = true\n");
    writeln!(text, "ledger = \"sqlite:{}\"", folder.join("ledger.db").display()).unwrap();
    writeln!(text, "[policy]\npath = \"{}\"", folder.join("policies").display()).unwrap();
    text.push_str("[seal]\nkey = \"env:BENCH_SEAL_KEY\"\n");
    let file = folder.join("curfew.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
