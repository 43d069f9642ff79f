//! What the story is played on: the built server with its private PostgreSQL, an sshd, and three people.

use super::post::PostOffice;
use super::sshd::Sshd;
use crate::process;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The scenery. Dropping it ends the server.
pub(crate) struct Stage {
    folder: PathBuf,
    port: u16,
    pub(crate) sshd: Sshd,
    pub(crate) post: PostOffice,
    server: RefCell<Option<Child>>,
}

/// What a command printed.
pub(crate) struct Printed {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

impl Stage {
    /// Starts the server in `folder`, with an SSH host below `base`, and waits until it is ready.
    pub(crate) fn set(base: &Path, folder: &Path) -> Result<Self> {
        let policies = folder.join("policies");
        std::fs::create_dir(&policies)?;
        let example = process::root().join("policies/quickstart/jit-access-policy.yaml");
        std::fs::copy(&example, policies.join("jit-access-policy.yaml")).context("cannot read the example policy")?;
        let sshd = Sshd::reserve(base)?;
        std::fs::write(policies.join("hosts.yaml"), sshd.policy())?;
        let post = PostOffice::open()?;
        std::fs::write(folder.join("curfew.toml"), post.configuration())?;
        let server = RefCell::new(None);
        let stage = Self { folder: folder.to_owned(), port: free_port()?, sshd, post, server };
        stage.start_server(&policies)?;
        Ok(stage)
    }

    fn start_server(&self, policies: &Path) -> Result<()> {
        let log = File::create(self.folder.join("curfew.log"))?;
        let mut server = Command::new(binary());
        server.args(["dev", "--listen", &format!("127.0.0.1:{}", self.port), "--policies"]).arg(policies);
        server.arg("--state").arg(self.folder.join("state")).arg("--config").arg(self.folder.join("curfew.toml"));
        server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = server.spawn().context("cannot start the server")?;
        let begun = Instant::now();
        while !self.is_ready() {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}");
            }
            ensure!(begun.elapsed() < Duration::from_secs(60), "the server is not ready after a minute");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.server.replace(Some(child));
        Ok(())
    }

    fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", self.port)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// The server's address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The demo's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Does not end the server with this value.
    pub(crate) fn leave_running(&self) {
        drop(self.server.take());
    }

    /// `curfew` as somebody with a state folder of their own.
    pub(crate) fn curfew(&self, who: &str, arguments: &[&str]) -> Command {
        let state = self.folder.join("people").join(who);
        let mut command = Command::new(binary());
        command.args(arguments).env("CURFEW_STATE", &state).env("CURFEW_SERVER", self.url()).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).current_dir(&self.folder);
        command
    }

    /// Runs it to its end, whatever that is.
    pub(crate) fn try_run(&self, who: &str, arguments: &[&str]) -> Result<Printed> {
        let output = self.curfew(who, arguments).output().context("cannot start curfew")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Printed { out: text(&output.stdout), err: text(&output.stderr), code: output.status.code() })
    }

    /// Runs it and expects it to work.
    pub(crate) fn run(&self, who: &str, arguments: &[&str]) -> Result<String> {
        let printed = self.try_run(who, arguments)?;
        ensure!(
            printed.code == Some(0),
            "`curfew {}` ended with {:?}\n{}{}",
            arguments.join(" "),
            printed.code,
            printed.out,
            printed.err
        );
        Ok(printed.out)
    }

    /// Runs it with `--json` and reads what it printed.
    pub(crate) fn json(&self, who: &str, arguments: &[&str]) -> Result<Value> {
        let out = self.run(who, &[arguments, &["--json"]].concat())?;
        serde_json::from_str(&out).with_context(|| format!("not JSON: {out}"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            process::signal("-TERM", &server.id().to_string());
            for _ in 0..100 {
                if matches!(server.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            // It did not listen; there is nothing more to do if this fails too.
            drop(server.kill());
            drop(server.wait());
        }
    }
}

/// The binary that was built.
pub(crate) fn binary() -> PathBuf {
    process::target().join("debug/curfew")
}

/// A port nothing listens on now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A text of a JSON document.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("no `{key}` in {value}"))
}
