//! An OpenSSH server of one's own, for `curfew dev`, the demo and the tests, with its `curfew host`.
//!
//! **Invariant:** it listens on the loopback address only, knows no password and no key but what its
//! authorities signed, and does not outlive the process that started it.

mod keeper;

use super::revocation_list;
use curfew_domain::ResourceName;
use keeper::Keeper;
use secrecy::{ExposeSecret, SecretString};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where distributions put sshd; it insists on being started by its whole path.
const PLACES: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
const READY_SECONDS: u64 = 20;

/// Why there is no private sshd.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// OpenSSH's server is not installed where we look.
    #[error("no sshd was found in {0}: install it (Debian: `apt-get install openssh-server`)")]
    NoBinary(String),
    /// sshd could not read such a path from its configuration.
    #[error("the path {0} cannot stand in sshd's configuration")]
    Path(PathBuf),
    /// Something on this machine's disk or process table said no.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Which.
        program: String,
        /// The end of what it printed.
        output: String,
    },
    /// It did not answer.
    #[error("the private sshd did not answer within {READY_SECONDS} s; its log ends with: {log}")]
    NotReady {
        /// The end of its log.
        log: String,
    },
}

fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> StartError {
    let what = what.into();
    move |source| StartError::System { what, source }
}

/// How a host's agent reaches its server.
pub struct Agent<'a> {
    /// The server's address.
    pub server: &'a str,
    /// The resource whose host this is.
    pub resource: &'a ResourceName,
    /// The host's token.
    pub token: &'a SecretString,
}

/// A running private sshd. Dropping it ends it, its sessions and its agent; its files stay in its folder.
#[derive(Debug)]
pub struct PrivateSshd {
    dir: PathBuf,
    program: PathBuf,
    account: String,
    port: u16,
    sshd: Option<Keeper>,
    agent: Option<Keeper>,
}

impl PrivateSshd {
    /// Starts sshd with its files under `dir`. `program` is the `curfew` that it asks for principals. Nobody gets
    /// in before [`PrivateSshd::start_agent`]. Blocks until it answers.
    ///
    /// # Errors
    /// When OpenSSH is not installed, or does not start.
    pub fn start(dir: &Path, program: &Path) -> Result<Self, StartError> {
        let sshd = PLACES.iter().map(Path::new).find(|path| path.exists());
        let sshd = sshd.ok_or_else(|| StartError::NoBinary(PLACES.join(", ")))?;
        let dir = std::path::absolute(dir).map_err(system("looking for the folder"))?;
        make_folder(&dir)?;
        make_folder(&dir.join("curfew"))?;
        make_privilege_separation_folder()?;
        let mut host = Self { dir, program: program.to_owned(), account: account()?, port: 0, sshd: None, agent: None };
        host.make_host_key()?;
        let files = [("revoked.krl", revocation_list::encode(&[])), ("authorities.pub", Vec::new())];
        for (name, content) in files {
            let path = host.agent_dir().join(name);
            if !path.exists() {
                write_private(&path, &content)?;
            }
        }
        host.start_on_a_free_port(sshd)?;
        Ok(host)
    }

    /// The loopback port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As it stands in a resource's `hosts`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The only account that can be entered: the one this process runs under.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The host's public key, as it stands in a resource's `host_keys`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn host_key(&self) -> Result<String, StartError> {
        let text = std::fs::read_to_string(self.dir.join("host_key.pub")).map_err(system("reading the host key"))?;
        Ok(text.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned())
    }

    /// The folder that sshd and its agent share.
    pub fn agent_dir(&self) -> PathBuf {
        self.dir.join("curfew")
    }

    /// sshd's own log.
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("sshd.log")
    }

    /// Starts `curfew host run`, which fetches what sshd must trust and refuse. Ends the one that runs.
    ///
    /// # Errors
    /// When it cannot be set up or started.
    pub fn start_agent(&mut self, agent: &Agent<'_>) -> Result<(), StartError> {
        self.stop_agent();
        let dir = self.agent_dir();
        let mut setup = Command::new(&self.program);
        setup.args(["host", "setup", "--write", "--resource", agent.resource.as_str(), "--server", agent.server]);
        run(setup.arg("--dir").arg(&dir), "curfew host setup")?;
        let token = dir.join("token");
        write_private(&token, agent.token.expose_secret().as_bytes())?;
        let mut command = Command::new(&self.program);
        command.args(["host", "run", "--dir"]).arg(&dir);
        self.agent = Some(Keeper::start(command, self.log("agent.log")?)?);
        Ok(())
    }

    /// Ends the agent without a word, as a crash does. Does nothing when none runs.
    pub fn stop_agent(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.stop();
        }
    }

    fn make_host_key(&self) -> Result<(), StartError> {
        let path = self.dir.join("host_key");
        if path.exists() {
            return Ok(());
        }
        let mut command = Command::new("ssh-keygen");
        run(command.args(["-q", "-t", "ed25519", "-N", "", "-C", "curfew private host", "-f"]).arg(path), "ssh-keygen")
    }

    fn start_on_a_free_port(&mut self, sshd: &Path) -> Result<(), StartError> {
        // Somebody may take the port between our looking and sshd's binding it.
        for _ in 0..4 {
            self.port = free_port()?;
            match self.run(sshd) {
                Err(StartError::NotReady { log }) if log.contains("Address already in use") => {}
                other => return other,
            }
        }
        self.port = free_port()?;
        self.run(sshd)
    }

    fn run(&mut self, sshd: &Path) -> Result<(), StartError> {
        let config = self.dir.join("sshd_config");
        write_private(&config, self.config()?.as_bytes())?;
        let mut command = Command::new(sshd);
        command.arg("-D").arg("-f").arg(&config).arg("-E").arg(self.log_path());
        let keeper = Keeper::start(command, self.log("sshd.out")?)?;
        for _ in 0..READY_SECONDS * 50 {
            if keeper.has_ended() {
                break;
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                self.sshd = Some(keeper);
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        keeper.stop();
        let log = [self.dir.join("sshd.out"), self.log_path()].map(|p| std::fs::read(p).unwrap_or_default()).concat();
        Err(StartError::NotReady { log: last_of(&String::from_utf8_lossy(&log)) })
    }

    /// `env` stands before the program because sshd wants every part of the command's own path to be root's, and a
    /// program that was just built is not. It replaces itself, so sshd stays the parent.
    fn config(&self) -> Result<String, StartError> {
        let (dir, shared, program) = (word(&self.dir)?, self.agent_dir(), word(&self.program)?);
        let (shared, account, port) = (word(&shared)?, &self.account, self.port);
        Ok(format!(
            "ListenAddress 127.0.0.1:{port}\n\
             HostKey {dir}/host_key\n\
             PidFile none\n\
             UsePAM no\n\
             PasswordAuthentication no\n\
             KbdInteractiveAuthentication no\n\
             PubkeyAuthentication yes\n\
             PermitRootLogin prohibit-password\n\
             AuthorizedKeysFile none\n\
             AllowUsers {account}\n\
             MaxStartups 200\n\
             LogLevel VERBOSE\n\
             TrustedUserCAKeys {shared}/authorities.pub\n\
             RevokedKeys {shared}/revoked.krl\n\
             AuthorizedPrincipalsCommand /usr/bin/env {program} host principals --dir {shared} -- %u %U %s %i\n\
             AuthorizedPrincipalsCommandUser {account}\n"
        ))
    }

    fn log(&self, name: &str) -> Result<File, StartError> {
        let path = self.dir.join(name);
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        file.map_err(system(format!("opening {}", path.display())))
    }
}

impl Drop for PrivateSshd {
    fn drop(&mut self) {
        self.stop_agent();
        if let Some(sshd) = self.sshd.take() {
            sshd.stop();
        }
    }
}

fn free_port() -> Result<u16, StartError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(system("looking for a free port"))?;
    Ok(listener.local_addr().map_err(system("looking for a free port"))?.port())
}

/// sshd started by root wants an empty folder to lock itself into (`/run/sshd` on Debian).
fn make_privilege_separation_folder() -> Result<(), StartError> {
    if !rustix::process::getuid().is_root() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o755).create("/run/sshd");
    made.map_err(system("making /run/sshd"))
}

fn account() -> Result<String, StartError> {
    let mut id = Command::new("id");
    let output = id.arg("-un").stdin(Stdio::null()).output().map_err(system("asking `id` for the account"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn make_folder(path: &Path) -> Result<(), StartError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(system(format!("making {}", path.display())))
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), StartError> {
    let what = || system(format!("writing {}", path.display()));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(what())?;
    file.write_all(bytes).map_err(what())
}

/// A path that sshd reads as one word.
fn word(path: &Path) -> Result<&str, StartError> {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'%' | b'#' | b'\\');
    path.to_str().filter(|text| text.bytes().all(plain)).ok_or_else(|| StartError::Path(path.to_owned()))
}

fn run(command: &mut Command, program: &str) -> Result<(), StartError> {
    let output = command.stdin(Stdio::null()).output().map_err(system(format!("running {program}")))?;
    if output.status.success() {
        return Ok(());
    }
    let output = last_of(&String::from_utf8_lossy(&output.stderr));
    Err(StartError::Program { program: program.to_owned(), output })
}

fn last_of(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(1_000);
    text.chars().skip(skip).collect::<String>().trim().to_owned()
}
