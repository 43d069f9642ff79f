//! A psql session that stays open.

use super::programs::{Child, postgres_programs};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

pub(crate) struct Session {
    child: Child,
    input: std::process::ChildStdin,
    lines: Receiver<String>,
}

impl Session {
    /// Logs in with the variables `curfew env` gives.
    pub(crate) fn open(variables: &BTreeMap<String, String>) -> Self {
        let mut psql = psql(variables);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = psql.spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let (out, err) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        let (sender, lines) = channel();
        let other = sender.clone();
        std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|l| sender.send(l)));
        std::thread::spawn(move || BufReader::new(err).lines().map_while(Result::ok).try_for_each(|l| other.send(l)));
        Self { child: process.into(), input, lines }
    }

    /// One statement in a session of its own: what it prints, or why it was refused.
    pub(crate) fn once(variables: &BTreeMap<String, String>, sql: &str) -> Result<String, String> {
        let output = psql(variables).args(["-c", sql]).stdin(Stdio::null()).output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    }

    /// Runs SQL that gives one line.
    pub(crate) fn ask(&mut self, sql: &str) -> String {
        writeln!(self.input, "{sql}").unwrap();
        self.lines.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Runs SQL that gives no line; whatever it says comes with the next answer.
    pub(crate) fn tell(&mut self, sql: &str) {
        writeln!(self.input, "{sql}").unwrap();
    }

    /// Whether the server has closed it: the next statement fails and psql leaves.
    pub(crate) fn has_closed(mut self) -> bool {
        // psql may have left already; then the pipe is broken, which is as good.
        drop(writeln!(self.input, "SELECT 'still here';"));
        drop(self.input);
        let status = self.child.wait(Duration::from_secs(10));
        !status.success() && !self.lines.iter().any(|line| line == "still here")
    }
}

fn psql(variables: &BTreeMap<String, String>) -> Command {
    let mut psql = Command::new(postgres_programs().join("psql"));
    psql.args(["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1"]).envs(variables).env("PGCONNECT_TIMEOUT", "10");
    psql
}
