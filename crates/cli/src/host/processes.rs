//! What the kernel says of processes (proc(5)), and how one is ended without mistaking it for another.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

/// One process at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) parent: u32,
    /// Clock ticks since the boot.
    pub(super) start: u64,
    /// The first 15 bytes of its program's name.
    pub(super) name: String,
}

/// Which boot of the host this is.
pub(super) fn boot() -> std::io::Result<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned())
}

/// A process that has not ended; none when there is no such, or it only waits to be collected.
pub(super) fn look(pid: u32) -> Option<Process> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Every process that has not ended.
pub(super) fn all() -> BTreeMap<u32, Process> {
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, look(pid)?))).collect()
}

/// `pid (name) state ppid ...`, field 22 being the start. The name may hold anything, so the last `)` counts.
fn parse(stat: &str) -> Option<Process> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let ended = matches!(*fields.first()?, "Z" | "X" | "x");
    let process =
        Process { parent: fields.get(1)?.parse().ok()?, start: fields.get(19)?.parse().ok()?, name: name.to_owned() };
    (!ended).then_some(process)
}

/// Whether the name is that of the program that serves a connection: `sshd`, and from OpenSSH 9.8 on
/// `sshd-session`.
pub(super) fn is_sshd(name: &str) -> bool {
    matches!(name, "sshd" | "sshd-session")
}

/// These processes and all that descend from them.
pub(super) fn descendants(table: &BTreeMap<u32, Process>, roots: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
    let mut found: BTreeSet<u32> = roots.into_iter().filter(|pid| table.contains_key(pid)).collect();
    loop {
        let children = table.iter().filter(|(pid, p)| !found.contains(pid) && found.contains(&p.parent));
        let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
        if children.is_empty() {
            return found;
        }
        found.extend(children);
    }
}

/// The value of a variable in the environment that a process of this user was started with.
pub(super) fn variable(pid: u32, uid: u32, name: &str) -> Option<String> {
    if std::fs::metadata(format!("/proc/{pid}")).ok()?.uid() != uid {
        return None;
    }
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value =
        environment.split(|b| *b == 0).find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    value.map(|value| String::from_utf8_lossy(value).into_owned())
}

/// Sends the signal if the process is still the one that was looked at.
pub(super) fn signal(pid: u32, seen: &Process, signal: Signal) {
    let Some(id) = i32::try_from(pid).ok().filter(|id| *id > 1).and_then(Pid::from_raw) else { return };
    // The descriptor holds on to the process, so that what is looked at is what is signalled.
    let Ok(handle) = pidfd_open(id, PidfdFlags::empty()) else { return };
    if look(pid).is_some_and(|now| now.start == seen.start) {
        // It may end by itself in between, which is as good.
        let _ = pidfd_send_signal(&handle, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_confuse() {
        let line = "12 (a) b (c) S 7 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2";
        let expected = Process { parent: 7, start: 4242, name: "a) b (c".to_owned() };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse(&line.replace(" S ", " Z ")), None, "ended");
        assert_eq!(parse("12 (a"), None);
    }

    #[test]
    fn this_process_is_there() {
        let own = std::process::id();
        let seen = look(own).expect("this process runs");
        assert_eq!(all().get(&own).map(|p| p.start), Some(seen.start));
        assert!(descendants(&all(), [seen.parent]).contains(&own));
    }
}
