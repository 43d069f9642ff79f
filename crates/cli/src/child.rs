//! Running a command with a credential, and standing between it and our own signals.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::machine::Machine;
use rustix::process::{Pid, Signal};
use std::collections::BTreeMap;
use std::ffi::OsString;
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};

/// Variables that libpq prefers to the ones we set: left alone they would send the command elsewhere, or
/// with another password.
const LIBPQ_OVERRIDES: [&str; 4] = ["PGHOSTADDR", "PGPASSWORD", "PGSERVICE", "PGSERVICEFILE"];

/// A command to run. It is never handed to a shell.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The program, looked up in `PATH` like a shell would.
    pub(crate) program: OsString,
    /// Its arguments. None of them is a secret: everybody on the machine can read them.
    pub(crate) args: Vec<OsString>,
    /// Variables on top of those of this process.
    pub(crate) env: BTreeMap<String, String>,
}

impl Launch {
    /// Starts it with this process's own streams.
    pub(crate) fn start(&self, machine: &Machine) -> Result<Child, Failure> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().envs(machine.vars());
        if self.env.contains_key("PGPASSFILE") {
            for name in LIBPQ_OVERRIDES {
                command.env_remove(name);
            }
        }
        command.envs(&self.env).spawn().map_err(|error| self.not_started(&error))
    }

    fn not_started(&self, error: &std::io::Error) -> Failure {
        let program = self.program.to_string_lossy();
        match error.kind() {
            std::io::ErrorKind::NotFound => {
                Failure::new(Exit::NoSuchCommand, "no_such_command", format!("{program}: command not found"))
            }
            _ => Failure::new(Exit::CannotRun, "cannot_run", format!("{program}: {error}")),
        }
    }
}

/// The signals that ask us to stop. While one of these exists, none of them ends this process by itself.
pub(crate) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hang_up: unix::Signal,
    quit: unix::Signal,
}

impl Signals {
    /// Takes them over.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            unix::signal(kind).map_err(|error| Failure::unavailable(format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hang_up: on(SignalKind::hangup())?,
            quit: on(SignalKind::quit())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hang_up.recv() => Signal::HUP,
            _ = self.quit.recv() => Signal::QUIT,
        }
    }

    /// One that came already.
    pub(crate) async fn pending(&mut self) -> Option<Signal> {
        tokio::select! {
            biased;
            signal = self.next() => Some(signal),
            () = std::future::ready(()) => None,
        }
    }
}

/// The exit of a process that this signal ended.
pub(crate) fn exit_of(signal: Signal) -> Exit {
    Exit::Signal(u8::try_from(signal.as_raw()).unwrap_or(u8::MAX))
}

/// Waits for its end, handing on the signals that it does not get by itself.
pub(crate) async fn wait(child: &mut Child, signals: &mut Signals) -> Result<Exit, Failure> {
    wait_with(child, async || signals.next().await).await
}

async fn wait_with(child: &mut Child, mut next: impl AsyncFnMut() -> Signal) -> Result<Exit, Failure> {
    let failed = |error| Failure::unavailable(format!("cannot wait for the command: {error}"));
    loop {
        tokio::select! {
            ended = child.wait() => return ended.map(Exit::from).map_err(failed),
            signal = next() => forward(child, signal),
        }
    }
}

fn forward(child: &Child, signal: Signal) {
    // What is typed at a terminal goes to the command as well, whose process group is ours.
    let typed = matches!(signal, Signal::INT | Signal::QUIT) && is_in_foreground();
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid.filter(|_| !typed) {
        // It may have ended in this very moment: then there is nobody to tell.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Asks a command to end; one that has is not there to be asked.
pub(crate) fn stop(id: Option<u32>) {
    if let Some(pid) = id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
}

fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(program: &str, args: &[&str], env: &[(&str, &str)]) -> Launch {
        Launch {
            program: program.into(),
            args: args.iter().map(OsString::from).collect(),
            env: env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        }
    }

    async fn run(launch: &Launch, machine: &Machine) -> Result<Exit, Failure> {
        wait_with(&mut launch.start(machine)?, std::future::pending::<Signal>).await
    }

    #[tokio::test]
    async fn the_exit_is_the_commands_own() {
        let machine = Machine::here();
        for (script, exit) in
            [("exit 7", Exit::Command(7)), ("exit 0", Exit::Command(0)), ("kill -9 $$", Exit::Signal(9))]
        {
            assert_eq!(run(&launch("sh", &["-c", script], &[]), &machine).await, Ok(exit), "{script}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_started_ends_as_in_a_shell() {
        let folder = tempfile::tempdir().expect("a folder");
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "text").expect("written");
        let machine = Machine::here();
        let missing = run(&launch("/nowhere/at-all", &[], &[]), &machine).await.map_err(|f| f.exit);
        assert_eq!(missing, Err(Exit::NoSuchCommand));
        let denied = run(&launch(&plain.display().to_string(), &[], &[]), &machine).await.map_err(|f| f.exit);
        assert_eq!(denied, Err(Exit::CannotRun));
    }

    #[tokio::test]
    async fn variables_that_would_win_over_ours_are_gone() {
        let path = std::env::var_os("PATH").expect("a PATH");
        let vars = [("PATH".into(), path), ("PGPASSWORD".into(), "old".into()), ("KEPT".into(), "yes".into())];
        let machine = Machine::with(std::path::Path::new("/"), vars);
        let test = "test -z \"$PGPASSWORD\" && test \"$KEPT$PGPASSFILE\" = yes/x";
        let with_ours = launch("sh", &["-c", test], &[("PGPASSFILE", "/x")]);
        assert_eq!(run(&with_ours, &machine).await, Ok(Exit::Command(0)));
        let without = launch("sh", &["-c", "test \"$PGPASSWORD\" = old"], &[]);
        assert_eq!(run(&without, &machine).await, Ok(Exit::Command(0)));
    }

    #[tokio::test]
    async fn signals_are_handed_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let ready = folder.path().join("ready");
        let script = format!("trap 'exit 9' TERM; touch {}; while :; do sleep 0.05; done", ready.display());
        let mut child = launch("sh", &["-c", &script], &[]).start(&Machine::here()).expect("started");
        let mut sent = false;
        let exit = wait_with(&mut child, async || {
            while sent || !ready.exists() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            sent = true;
            Signal::TERM
        })
        .await;
        assert_eq!(exit, Ok(Exit::Command(9)));
    }
}
