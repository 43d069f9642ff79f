//! The thread that holds a child process.
//!
//! The kernel's parent-death signal follows the *thread* that started a child, so that thread has to live as
//! long as the child does: a pool's thread would take it along when it idles away.

use super::{StartError, system};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A running child with its thread.
#[derive(Debug)]
pub(super) struct Keeper {
    pid: u32,
    ended: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts the command; the kernel ends it should this process die.
    pub(super) fn start(command: Command, log: File) -> Result<Self, StartError> {
        let mut command = dying_with_us(command);
        let what = || system("starting a program");
        let stdout = log.try_clone().map_err(what())?;
        command.stdin(Stdio::null()).stdout(stdout).stderr(log);
        let (tell, told) = mpsc::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        let body = move || {
            match command.spawn() {
                Ok(mut child) => {
                    let _ = tell.send(Ok(child.id()));
                    let _ = child.wait();
                }
                Err(error) => drop(tell.send(Err(error))),
            }
            seen.store(true, Ordering::SeqCst);
        };
        let thread = std::thread::Builder::new().name("ssh-keeper".to_owned()).spawn(body).map_err(what())?;
        let pid = told.recv().expect("INVARIANT: the thread tells before it ends").map_err(what())?;
        Ok(Self { pid, ended, thread })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Ends it at once, and all it started: an sshd's sessions outlive it otherwise.
    pub(super) fn stop(self) {
        for pid in family(self.pid) {
            if !(pid == self.pid && self.has_ended()) {
                kill(pid);
            }
        }
        for _ in 0..500 {
            if self.has_ended() {
                let _ = self.thread.join();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// The process and all that descends from it.
fn family(root: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(of) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    after.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// `setpriv` asks the kernel for the signal where it can.
fn dying_with_us(command: Command) -> Command {
    let help = Command::new("setpriv").arg("--help").output();
    if !help.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("--pdeathsig")) {
        return command;
    }
    let mut wrapped = Command::new("setpriv");
    wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    wrapped
}
