//! The built server as a process.

use super::programs::{Child, free_port, soon, text};
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How the server is started.
pub(crate) enum Way<'a> {
    /// `curfew serve`, with the way into `services/db` and further variables.
    Serve { services_db: &'a str, variables: &'a [(&'a str, String)] },
    /// `curfew dev` and nothing else.
    Dev,
}

pub(crate) struct Server {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Server {
    /// Starts it and waits until it is ready. `folder` holds the state and the `policies`.
    pub(crate) fn start(folder: &Path, way: &Way<'_>) -> Self {
        Self::start_on(folder, way, free_port())
    }

    /// The same on a port that clients know already.
    pub(crate) fn start_on(folder: &Path, way: &Way<'_>, port: u16) -> Self {
        let mut server = Self::start_unready_on(folder, way, port);
        let begun = soon("the server is ready or gone", Duration::from_secs(60), || {
            server.is_ready() || !server.child.is_running()
        });
        assert!(server.is_ready(), "the server ended after {begun:?}:\n{}", server.log());
        server
    }

    /// Starts it and does not wait.
    pub(crate) fn start_unready(folder: &Path, way: &Way<'_>) -> Self {
        Self::start_unready_on(folder, way, free_port())
    }

    fn start_unready_on(folder: &Path, way: &Way<'_>, port: u16) -> Self {
        let log = folder.join("server.log");
        let out = File::options().append(true).create(true).open(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder);
        match way {
            Way::Serve { services_db, variables } => {
                command.arg("serve").arg("--config").arg(configuration(folder, port));
                command.env("CURFEW_SERVICES_DB_URL", services_db);
                command.envs(variables.iter().map(|(name, value)| (name, value)));
            }
            Way::Dev => {
                command.args(["dev", "--listen", &format!("127.0.0.1:{port}"), "--policies"]);
                command.arg(folder.join("policies")).arg("--state").arg(folder.join("state"));
            }
        }
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        Self { child: Child::start(&mut command), port, log }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.is_running()
    }

    pub(crate) fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            let host = format!("127.0.0.1:{}", self.port);
            write!(stream, "GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// Everything it printed, on both streams, over all its starts.
    pub(crate) fn log(&self) -> String {
        text(&self.log)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(mut self) {
        self.child.signal("TERM");
        let status = self.child.wait(Duration::from_secs(30));
        assert!(status.success(), "a graceful stop ended with {status}:\n{}", self.log());
    }
}

fn configuration(folder: &Path, port: u16) -> PathBuf {
    let seal = folder.join("seal.key");
    if !seal.exists() {
        std::fs::write(&seal, "6f".repeat(32)).unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&seal, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let state = folder.join("state");
    std::fs::create_dir_all(&state).unwrap();
    let text = format!(
        "listen = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\n\
         ledger = \"sqlite:{}\"\ndevelopment_sign_in = true\n\n[policy]\npath = \"{}\"\n\n[seal]\nkey = \"file:{}\"\n",
        state.join("ledger.db").display(),
        folder.join("policies").display(),
        seal.display()
    );
    let file = folder.join("curfew.toml");
    std::fs::write(&file, text).unwrap();
    file
}
