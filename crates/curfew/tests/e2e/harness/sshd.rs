//! A private sshd with `curfew host` beside it.

use super::person::{Person, run};
use super::programs::{Child, free_port, is_root, soon, text};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) struct Sshd {
    pub(crate) port: u16,
    /// The account that certificates may enter: our own.
    pub(crate) account: String,
    folder: Folder,
    running: Vec<Child>,
}

impl Sshd {
    /// A port, a folder and a host key; nothing runs yet.
    pub(crate) fn reserve() -> Self {
        let account = run(Command::new("id").arg("-un")).ok().out.trim().to_owned();
        let sshd = Self { port: free_port(), account, folder: Folder::make(), running: Vec::new() };
        let mut keygen = as_root("ssh-keygen");
        run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(sshd.folder.path("host_key"))).ok();
        // sshd runs no program that others than root could have written, nor below a folder they could.
        run(as_root("cp").arg(env!("CARGO_BIN_EXE_curfew")).arg(sshd.folder.path("curfew"))).ok();
        sshd
    }

    /// The public half of the host's key, as policy names it.
    pub(crate) fn host_key(&self) -> String {
        let key = run(as_root("cat").arg(self.folder.path("host_key.pub"))).ok().out;
        key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// The host as policy names it, for a list of resources.
    pub(crate) fn resource(&self, name: &str) -> String {
        let (port, key, account) = (self.port, self.host_key(), &self.account);
        let settings = format!("hosts: [\"127.0.0.1:{port}\"], host_keys: [\"{key}\"]");
        let actions = format!("actions: {{shell: {{principals: [{account}]}}}}");
        format!("  - {{name: {name}, connector: ssh, risk: low, settings: {{{settings}, {actions}}}}}\n")
    }

    /// Sets the host up as an administrator would, and starts it.
    pub(crate) fn start(mut self, administrator: &Person, server: &str, resource: &str) -> Self {
        let dir = self.folder.path("curfew.d");
        let mut setup = self.host(server);
        setup.args(["setup", "--write", "--resource", resource, "--dir"]).arg(&dir);
        let settings = run(&mut setup).ok().out;
        let host = format!("127.0.0.1:{}", self.port);
        let token = administrator.curfew(&["host", "token", "--resource", resource, "--host", &host]).ok().out;
        let token_file = dir.join("token");
        let mut keep = as_root("sh");
        keep.args(["-c", "umask 077; printf %s \"$1\" > \"$2\"", "sh", token.trim()]).arg(&token_file);
        run(&mut keep).ok();
        let mut agent = self.host(server);
        agent.args(["run", "--dir"]).arg(&dir);
        self.begin(agent, "agent.log");
        let authorities = dir.join("authorities.pub");
        soon("the host trusts an authority", Duration::from_secs(10), || text(&authorities).contains("ssh-ed25519"));
        self.start_sshd(&settings);
        self
    }

    fn start_sshd(&mut self, settings: &str) {
        let shown = |path: &Path| path.display().to_string();
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nAuthorizedKeysFile none\nPermitRootLogin yes\nStrictModes no\n{settings}",
            self.port,
            shown(&self.folder.path("host_key"))
        );
        let file = self.folder.path("sshd_config");
        let mut write = as_root("sh");
        run(write.args(["-c", "printf %s \"$1\" > \"$2\"", "sh", &config]).arg(&file)).ok();
        run(as_root("mkdir").args(["-p", "/run/sshd"])).ok();
        let mut sshd = as_root("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"]).arg(&file);
        self.begin(sshd, "sshd.log");
        let port = self.port;
        soon("sshd listens", Duration::from_secs(10), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    fn host(&self, server: &str) -> Command {
        let mut host = as_root(self.folder.path("curfew"));
        host.arg("host").arg("--server").arg(server);
        host
    }

    fn begin(&mut self, mut command: Command, log: &str) {
        let out = File::create(self.folder.logs.path().join(log)).unwrap();
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        self.running.push(Child::start(&mut command));
    }

    /// What sshd and the host program have said.
    pub(crate) fn log(&self) -> String {
        ["agent.log", "sshd.log"].map(|file| text(&self.folder.logs.path().join(file))).concat()
    }

    /// Opens a session that stays.
    pub(crate) fn hold_open(&self, person: &Person, id: &str) -> Child {
        let mut connect = person.command(&["connect", id, "--", "sleep", &self.sleep()]);
        Child::start(connect.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// How many programs of such sessions run on the host.
    pub(crate) fn sleepers(&self) -> usize {
        let wanted = format!("sleep\0{}\0", self.sleep());
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.filter(|line| line == wanted.as_bytes()).count()
    }

    /// A length no other test sleeps.
    fn sleep(&self) -> String {
        format!("5{}", self.port)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // As root they do not hear our own signals.
        for child in &self.running {
            drop(as_root("kill").arg(child.id().to_string()).status());
        }
    }
}

/// A folder whose parents only root may write.
struct Folder {
    path: PathBuf,
    logs: tempfile::TempDir,
}

impl Folder {
    fn make() -> Self {
        let logs = tempfile::tempdir().unwrap();
        let name = logs.path().file_name().unwrap().to_string_lossy().replace('.', "");
        let path = Path::new("/var/lib").join(format!("curfew-e2e-{name}"));
        run(as_root("mkdir").arg("-m").arg("755").arg(&path)).ok();
        Self { path, logs }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(as_root("rm").arg("-rf").arg(&self.path).status());
    }
}

/// A program under root, which sshd needs to be.
fn as_root(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.arg("-n").arg(program);
    sudo
}
