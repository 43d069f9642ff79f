//! Where this process listens: a folder of its own, which goes when it does.

use crate::failure::Failure;
use crate::job::Process;
use crate::state::{StateFolder, make_folder};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

const SOCKET: &str = "agent";
/// Bytes of a socket's path at most (unix(7): `sun_path`, its end included).
const LONGEST: usize = 107;

/// A folder of this process alone, and the socket in it; both are removed with this value.
pub(crate) struct Place {
    socket: PathBuf,
}

impl Place {
    /// A place for this process. It has one at most.
    pub(crate) fn make(state: &StateFolder) -> Result<Self, Failure> {
        sweep(state);
        let me = Process::of(std::process::id());
        let me = me.ok_or_else(|| Failure::unavailable("/proc does not show this process"))?;
        let socket = folder(state).join(name_of(me)).join(SOCKET);
        if socket.as_os_str().len() > LONGEST {
            let message = format!("{} is too long a path for a socket", socket.display());
            return Err(Failure::wrong_use(message).hint("set CURFEW_STATE to a folder with a shorter path"));
        }
        make_folder(socket.parent().expect("INVARIANT: it was joined just now"))?;
        Ok(Self { socket })
    }

    /// Where to listen.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        remove(&self.socket);
    }
}

/// Without a colon, which would part the path where it is handed on to a container (`-v PATH:PATH`).
fn name_of(process: Process) -> String {
    process.to_string().replace(':', "-")
}

fn named(name: &str) -> Option<Process> {
    name.replace('-', ":").parse().ok()
}

fn folder(state: &StateFolder) -> PathBuf {
    state.root().join("sockets")
}

/// Best effort: where nobody listens there is nothing to be had.
fn remove(socket: &Path) {
    let _ = std::fs::remove_file(socket);
    let _ = socket.parent().map(std::fs::remove_dir);
}

/// Removes what processes left behind that were killed. A name that does not live may be of another machine or container
/// with the same folder: then somebody listens.
fn sweep(state: &StateFolder) {
    let Ok(entries) = std::fs::read_dir(folder(state)) else { return };
    for entry in entries.flatten() {
        let process = entry.file_name().to_str().and_then(named);
        let socket = entry.path().join(SOCKET);
        if process.is_some_and(|process| !process.lives()) && UnixStream::connect(&socket).is_err() {
            remove(&socket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use std::os::unix::net::UnixListener;

    fn state(base: &Path, name: &str) -> StateFolder {
        let machine = Machine::with(base, [("CURFEW_STATE".into(), base.join(name).into())]);
        StateFolder::of(&machine).expect("a state folder")
    }

    #[test]
    fn what_dead_processes_left_is_swept_and_nothing_else() {
        let base = tempfile::tempdir().expect("a folder");
        let state = state(base.path(), "s");
        let left = |name: &str| {
            let folder = folder(&state).join(name);
            make_folder(&folder).expect("made");
            let listener = UnixListener::bind(folder.join(SOCKET)).expect("bound");
            (folder, listener)
        };
        let (dead, gone) = left("4194305-7");
        drop(gone);
        let (elsewhere, _listens) = left("4194306-7");
        let (strange, also_gone) = left("not-ours");
        drop(also_gone);
        let place = Place::make(&state).expect("a place");
        assert!(!dead.exists() && elsewhere.exists() && strange.exists());
        let mine = place.socket().parent().expect("a folder").to_owned();
        drop(UnixListener::bind(place.socket()).expect("bound"));
        drop(place);
        assert!(!mine.exists());
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_said() {
        let base = tempfile::tempdir().expect("a folder");
        let failure = Place::make(&state(base.path(), &"x".repeat(100))).map(drop).expect_err("too long");
        assert!(failure.hint.contains("CURFEW_STATE"), "{failure:?}");
    }
}
