//! Somebody at a terminal of their own.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    /// The same, if it is exit 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    /// The same, if it ended so.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// The one JSON document it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("not JSON ({e}): {}\n{}", self.out, self.err))
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Answer {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    use std::os::unix::process::ExitStatusExt;
    let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
    Answer { code, out: said(output.stdout), err: said(output.stderr) }
}

/// Somebody with an e-mail address and a state folder.
pub(crate) struct Person {
    state: PathBuf,
    server: String,
}

impl Person {
    /// Signs in on a development server.
    pub(crate) fn sign_in(email: &str, server: &str, folder: &Path) -> Self {
        let person = Self { state: folder.join("people").join(email), server: server.to_owned() };
        std::fs::create_dir_all(&person.state).unwrap();
        person.curfew(&["login", "--as", email]).ok();
        person
    }

    /// A command of theirs, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", &self.state).env("CURFEW_STATE", &self.state).env("CURFEW_SERVER", &self.server);
        command
    }

    pub(crate) fn curfew(&self, arguments: &[&str]) -> Answer {
        run(&mut self.command(arguments))
    }

    /// A command with `--json` that must end 0, and what it printed.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.curfew(&[arguments, &["--json"]].concat()).ok().json()
    }

    /// Asks, and gives the request's id.
    #[track_caller]
    pub(crate) fn asks(&self, arguments: &[&str]) -> String {
        text(&self.json(&[&["request"], arguments].concat())["id"])
    }

    /// The variables with which a client finds and enters the target, with a copy of the password file: what
    /// somebody keeps who means to come back.
    #[track_caller]
    pub(crate) fn variables(&self, id: &str) -> BTreeMap<String, String> {
        let printed = self.json(&["env", id]);
        let all = printed.as_object().unwrap().iter();
        let mut all: BTreeMap<String, String> = all.map(|(name, value)| (name.clone(), text(value))).collect();
        if let Some(file) = all.get_mut("PGPASSFILE") {
            let copy = self.state.join("copied").join(id);
            std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
            std::fs::copy(&file, &copy).unwrap();
            *file = copy.display().to_string();
        }
        all
    }

    /// The state of a request or grant as `show` tells it.
    #[track_caller]
    pub(crate) fn sees(&self, id: &str) -> Value {
        self.json(&["show", id])
    }

    /// Where their tokens and secrets are.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }
}

/// A JSON text as text.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
