//! A PostgreSQL server of one's own, for `curfew dev`, the demo and the tests.
//!
//! **Invariant:** it listens on the loopback address only, trusts nobody without a password, and does
//! not outlive the process that started it.

mod binaries;
mod home;
mod keeper;

use curfew_engine::seams::Entropy;
use keeper::Keeper;
use secrecy::{ExposeSecret, SecretString};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The superuser of a private server.
pub const SUPERUSER: &str = "postgres";

/// Whether a private server's data survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is synced.
    Durable,
    /// Nothing is synced: faster, for tests.
    Careless,
}

/// How to start a private server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where `postgres` and `initdb` are; looked for when absent.
    pub bin_dir: Option<PathBuf>,
    /// Whether commits are synced.
    pub durability: Durability,
    /// Further server settings, as in `postgresql.conf`.
    pub settings: Vec<(String, String)>,
    password: SecretString,
}

impl Options {
    /// A durable server with the newest binaries found, and a superuser password of 256 random bits.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0u8; 32];
        entropy.fill(&mut bytes);
        Self {
            bin_dir: None,
            durability: Durability::Durable,
            settings: Vec::new(),
            password: hex::encode(bytes).into(),
        }
    }
}

/// Why there is no private server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// PostgreSQL is not installed where we look.
    #[error("no PostgreSQL server was found in {0}: install it (Debian: `apt-get install postgresql`)")]
    NoBinaries(String),
    /// Something on this machine's disk or process table said no.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// PostgreSQL runs under another account than root, which must reach the folder.
    #[error("{0} exists but does not belong to the account PostgreSQL runs under")]
    ForeignFolder(PathBuf),
    /// A program failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Which.
        program: &'static str,
        /// The end of what it printed.
        output: String,
    },
    /// The server did not become ready.
    #[error("the private PostgreSQL did not become ready within {seconds} s; its log ends with: {log}")]
    NotReady {
        /// How long it was waited for.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
}

impl StartError {
    fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}

/// A running private server. Dropping it stops the server; its data stays in its folder.
#[derive(Debug)]
pub struct PrivatePostgres {
    home: home::Home,
    bin_dir: PathBuf,
    settings: Vec<(String, String)>,
    password: SecretString,
    port: u16,
    keeper: Option<Keeper>,
}

const READY_SECONDS: u64 = 60;
/// How long the server of an earlier start may take to go down.
const LAST_GONE_SECONDS: u64 = 10;

impl PrivatePostgres {
    /// Starts a server with its data under `dir`, made there on the first start. Blocks until it answers.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start(dir: &Path, options: Options) -> Result<Self, StartError> {
        let bin_dir = match &options.bin_dir {
            Some(dir) => dir.clone(),
            None => binaries::find()?,
        };
        let home = home::Home::make(dir)?;
        let password = home.password(&options.password)?;
        if !home.data().join("PG_VERSION").exists() {
            initialise(&bin_dir, &home, &password)?;
        }
        let settings = server_settings(&options);
        let mut server = Self { home, bin_dir, settings, password, port: 0, keeper: None };
        server.start_on_its_port()?;
        Ok(server)
    }

    /// Whether it runs; it may have died by itself.
    pub fn is_running(&self) -> bool {
        self.keeper.as_ref().is_some_and(|keeper| !keeper.has_ended())
    }

    /// Starts it again on the same port after [`PrivatePostgres::stop`], or after it died. Does nothing when it runs.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn restart(&mut self) -> Result<(), StartError> {
        if self.is_running() {
            return Ok(());
        }
        self.stop();
        self.run()
    }

    /// Stops it the fast way: sessions are closed, data is kept. Does nothing when it is stopped.
    pub fn stop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.stop();
        }
    }

    /// The superuser's URL, with its password, to the database `postgres`.
    pub fn admin_url(&self) -> SecretString {
        self.url_to("postgres")
    }

    /// The superuser's URL, with its password, to a database.
    pub fn url_to(&self, database: &str) -> SecretString {
        let password = self.password.expose_secret();
        format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{}/{database}?sslmode=disable", self.port).into()
    }

    /// The loopback port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's own log.
    pub fn log_path(&self) -> PathBuf {
        self.home.log()
    }

    /// Runs statements as the superuser, in one round trip.
    ///
    /// # Errors
    /// What the server said.
    pub async fn execute(&self, database: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
        let url = self.url_to(database);
        let (client, connection) = tokio_postgres::connect(url.expose_secret(), tokio_postgres::NoTls).await?;
        let run = async {
            let done = client.batch_execute(sql).await;
            drop(client);
            done
        };
        let (done, closed) = futures::join!(run, connection);
        done.and(closed)
    }

    /// On the port of its last start, so that what was given then still finds it; on another when that is taken.
    fn start_on_its_port(&mut self) -> Result<(), StartError> {
        if let Some(port) = self.home.port().filter(|port| self.gets(*port)) {
            self.port = port;
            match self.run() {
                Err(StartError::NotReady { log, .. }) if log.contains("could not bind") => {}
                other => return other,
            }
        }
        self.start_on_a_free_port()?;
        self.home.keep_port(self.port)
    }

    /// Whether a port is free, or becomes so: after its starter was killed, the last server takes a moment to go down.
    fn gets(&self, port: u16) -> bool {
        for _ in 0..LAST_GONE_SECONDS * 50 {
            if is_free(port) {
                return true;
            }
            if !self.home.data().join("postmaster.pid").exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        is_free(port)
    }

    fn start_on_a_free_port(&mut self) -> Result<(), StartError> {
        // Somebody may take the port between our looking and the server's binding it.
        for _ in 0..4 {
            self.port = free_port()?;
            match self.run() {
                Err(StartError::NotReady { log, .. }) if log.contains("could not bind") => {}
                other => return other,
            }
        }
        self.port = free_port()?;
        self.run()
    }

    fn run(&mut self) -> Result<(), StartError> {
        let mut arguments = vec!["-D".to_owned(), self.home.data().display().to_string()];
        let port = ("port".to_owned(), self.port.to_string());
        for (name, value) in self.settings.iter().chain([&port]) {
            arguments.extend(["-c".to_owned(), format!("{name}={value}")]);
        }
        let log = self.home.open_log()?;
        let keeper = Keeper::start(self.home.command_for_long(&self.bin_dir.join("postgres")), arguments, log)?;
        let ready = || is_ready(&self.home.data().join("postmaster.pid"), keeper.pid());
        for _ in 0..READY_SECONDS * 50 {
            if keeper.has_ended() {
                break;
            }
            if ready() {
                self.keeper = Some(keeper);
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        keeper.stop();
        Err(StartError::NotReady { seconds: READY_SECONDS, log: self.home.end_of_log() })
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_port() -> Result<u16, StartError> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(StartError::system("looking for a free port"))?;
    Ok(listener.local_addr().map_err(StartError::system("looking for a free port"))?.port())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The server itself says in the eighth line of its lock file when it is ready (`pg_ctl -w` reads the same). The first
/// line is its number: one that was killed leaves its file behind, and that says nothing of the next.
fn is_ready(lock_file: &Path, pid: u32) -> bool {
    let text = std::fs::read_to_string(lock_file).unwrap_or_default();
    let line = |number: usize| text.lines().nth(number).map(str::trim);
    line(0) == Some(pid.to_string().as_str()) && line(7) == Some("ready")
}

fn server_settings(options: &Options) -> Vec<(String, String)> {
    let mut settings = vec![
        ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
        ("unix_socket_directories".to_owned(), String::new()),
        ("logging_collector".to_owned(), "off".to_owned()),
    ];
    if options.durability == Durability::Careless {
        for name in ["fsync", "synchronous_commit", "full_page_writes"] {
            settings.push((name.to_owned(), "off".to_owned()));
        }
    }
    settings.extend(options.settings.iter().cloned());
    settings
}

fn initialise(bin_dir: &Path, home: &home::Home, password: &SecretString) -> Result<(), StartError> {
    let pwfile = home.path().join("initial-password");
    write_secret(&pwfile, password.expose_secret())?;
    home.give(&pwfile)?;
    let mut command: Command = home.command(&bin_dir.join("initdb"));
    let output = command
        .arg("-D")
        .arg(home.data())
        .args(["-U", SUPERUSER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"])
        .arg(format!("--pwfile={}", pwfile.display()))
        .stdin(Stdio::null())
        .output();
    let removed = std::fs::remove_file(&pwfile);
    let output = output.map_err(StartError::system("running initdb"))?;
    removed.map_err(StartError::system("removing the password file"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(StartError::Program { program: "initdb", output: last_of(&text) })
}

fn write_secret(path: &Path, text: &str) -> Result<(), StartError> {
    let what = || StartError::system(format!("writing {}", path.display()));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(what())?;
    file.write_all(text.as_bytes()).map_err(what())
}

fn last_of(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(1_000);
    text.chars().skip(skip).collect::<String>().trim().to_owned()
}
