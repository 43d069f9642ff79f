//! The thread that holds a server process.
//!
//! The kernel's parent-death signal follows the *thread* that started a child, so that thread has to
//! live as long as the server does: a pool's thread would take the server along when it idles away.

use super::StartError;
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
    pub(super) fn start(mut command: Command, arguments: Vec<String>, log: File) -> Result<Self, StartError> {
        let what = "starting postgres";
        let stdout = log.try_clone().map_err(StartError::system(what))?;
        command.args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(log);
        let (tell, told) = mpsc::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        let body = move || {
            let child = command.spawn();
            match child {
                Ok(mut child) => {
                    let _ = tell.send(Ok(child.id()));
                    let _ = child.wait();
                }
                Err(e) => drop(tell.send(Err(e))),
            }
            seen.store(true, Ordering::SeqCst);
        };
        let thread = std::thread::Builder::new().name("postgres-keeper".to_owned()).spawn(body);
        let thread = thread.map_err(StartError::system(what))?;
        let pid = told.recv().expect("INVARIANT: the thread tells before it ends").map_err(StartError::system(what))?;
        Ok(Self { pid, ended, thread })
    }

    /// The process's number: that of the server itself, which takes its starter's place.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Fast shutdown, then immediate, then by force.
    pub(super) fn stop(self) {
        for (signal, tenths) in [(Signal::INT, 100), (Signal::QUIT, 50), (Signal::KILL, 50)] {
            if self.has_ended() {
                break;
            }
            let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                let _ = kill_process(pid, signal);
            }
            for _ in 0..tenths * 10 {
                if self.has_ended() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        if self.has_ended() {
            let _ = self.thread.join();
        }
    }
}
