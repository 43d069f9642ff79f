//! Which sessions there are, and ending them with all they started.

use super::folder::{Folder, Record};
use super::processes::{self, Process};
use crate::failure::Failure;
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a session is given to end by itself.
const GRACE: Duration = Duration::from_millis(150);
/// Between looks at what is left.
const PAUSE: Duration = Duration::from_millis(50);
/// How often is looked before it is left to the next time.
const ROUNDS: usize = 20;

/// The sessions of which something runs. Others are forgotten.
pub(super) fn open(folder: &Folder) -> Result<Vec<Record>, Failure> {
    let records = folder.records()?;
    if records.is_empty() {
        return Ok(records);
    }
    let (table, boot) = (processes::all(), processes::boot().unwrap_or_default());
    let (running, over): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|r| r.boot == boot && !processes_of(&table, r).is_empty());
    for record in &over {
        folder.forget(record)?;
    }
    Ok(running)
}

/// Ends these sessions: asks, then insists, until a look shows nothing of them.
pub(super) async fn end(sessions: &[&Record]) {
    for round in 0..ROUNDS {
        let table = processes::all();
        let victims: BTreeSet<u32> = sessions.iter().flat_map(|r| processes_of(&table, r)).collect();
        if victims.is_empty() {
            return;
        }
        let (signal, pause) = if round == 0 { (Signal::TERM, GRACE) } else { (Signal::KILL, PAUSE) };
        for (pid, seen) in victims.iter().filter_map(|pid| Some((*pid, table.get(pid)?))) {
            processes::signal(pid, seen, signal);
        }
        tokio::time::sleep(pause).await;
    }
}

/// The sshd process of a session, all that descends from it, and what it left behind: processes of the same
/// account with the session's connection in their environment, whatever their parent is now.
fn processes_of(table: &BTreeMap<u32, Process>, record: &Record) -> BTreeSet<u32> {
    let sshd = table.get(&record.pid).filter(|p| p.start == record.start && processes::is_sshd(&p.name));
    let own = std::process::id();
    let left = table.iter().filter(|(pid, process)| {
        process.start >= record.start
            && record.connection.is_some()
            && processes::variable(**pid, record.uid, "SSH_CONNECTION") == record.connection
    });
    let roots = sshd.map(|_| record.pid).into_iter().chain(left.map(|(pid, _)| *pid));
    let mut found = processes::descendants(table, roots);
    found.remove(&own);
    found
}
