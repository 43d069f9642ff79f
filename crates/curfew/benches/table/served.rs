//! The real server as a process of its own, spoken to over HTTP.

use crate::world::POLICY;
use curfew_connectors::postgres::private::PrivatePostgres;
use secrecy::ExposeSecret;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that is ready.
pub(crate) struct Served {
    process: Running,
    /// Where it listens.
    pub(crate) url: String,
    /// From its start until it was ready.
    pub(crate) took: Duration,
}

impl Served {
    /// Starts the server over a folder and waits until it is ready.
    pub(crate) fn start(folder: &Path, postgres: &PrivatePostgres) -> Self {
        let port = free_port();
        let config = configuration(folder, port);
        let begun = Instant::now();
        let mut command = program();
        command.env("CURFEW_SERVICES_DB_URL", postgres.admin_url().expose_secret());
        let process = Running::serve(command, &config, port);
        Self { process, url: format!("http://127.0.0.1:{port}"), took: begun.elapsed() }
    }

    /// Bytes of memory it holds.
    pub(crate) fn resident(&self) -> f64 {
        self.process.resident()
    }
}

/// The binary, with nothing of this program's environment: settings that a server does not know it refuses.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// A process that ends with its owner.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// A server that is ready. Its seal key is in `BENCH_SEAL_KEY`.
    pub(crate) fn serve(mut command: Command, config: &Path, port: u16) -> Self {
        let begun = Instant::now();
        command.arg("serve").arg("--config").arg(config).env("BENCH_SEAL_KEY", "07".repeat(32));
        let mut server = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        while !is_ready(port) {
            assert!(server.0.try_wait().unwrap().is_none(), "the server ended before it was ready");
            assert!(begun.elapsed() < Duration::from_secs(120), "the server is not ready");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// Bytes of memory it holds.
    pub(crate) fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kilobytes: f64 = resident.trim().trim_end_matches(" kB").trim().parse().unwrap();
        kilobytes * 1_024.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A port of the loopback that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn configuration(folder: &Path, port: u16) -> PathBuf {
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

/// Whether a server serves there.
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
