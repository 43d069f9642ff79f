//! `curfew.toml` and `CURFEW_...`: what this server is told, checked before anything is opened.

mod deployers;
mod effective;
mod file;
mod issuers;
mod layers;
mod policy;
mod reference;
mod rules;
mod slips;
mod variables;

pub use issuers::{Hook, Issuer};
pub(crate) use issuers::{is_loopback, plain, unclear, word};
pub use policy::{FollowedBranch, PolicyOrigin, SignersAt};
pub use reference::{NotAReference, Reference, Unresolved};

use crate::wording::without_values;
use curfew_domain::{Email, ResourceName, Seconds};
use curfew_policy::Workload;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use url::Url;

/// What the configuration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// `curfew serve`.
    Serve,
    /// `curfew dev`: loopback only, sign-in with any e-mail.
    Dev,
}

/// A configuration that holds together.
#[derive(Debug, Clone)]
pub struct Config {
    /// What it is for.
    pub setting: Setting,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How browsers and programs reach it. None: at the address it listens on.
    pub public_url: Option<Url>,
    /// Where the ledger is.
    pub ledger: Ledger,
    /// How people sign in.
    pub sign_in: SignInMethod,
    /// Where policy comes from.
    pub policy: PolicyOrigin,
    /// Which environment this server is, if policy is to be read as one has it.
    pub environment: Option<String>,
    /// Who may vouch for machines.
    pub issuers: Vec<Issuer>,
    /// Which pipelines may say that a policy they checked is to be in force.
    pub deployers: Vec<Workload>,
    /// How long a pipeline's client may be silent.
    pub heartbeat_window: Seconds,
    /// By which providers say that a run ended.
    pub hooks: Vec<Hook>,
    /// Which references policy may use, and for which resources.
    pub secrets: BTreeMap<String, Vec<ResourceName>>,
    /// Certificate and key.
    pub tls: Option<TlsFiles>,
    /// What the signing keys are sealed with.
    pub seal: Option<Reference>,
    /// The way mail leaves.
    pub mail: Option<Mail>,
    /// Where events are sent.
    pub webhooks: Vec<Webhook>,
    /// A file that every signed checkpoint is appended to. Best on another machine's disk.
    pub witness: Option<PathBuf>,
    /// What is logged, and how.
    pub log: Log,
}

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ledger {
    /// In a file of its own.
    Sqlite(PathBuf),
}

impl Ledger {
    /// The folder that holds the ledger and everything beside it.
    pub fn state_folder(&self) -> &Path {
        match self {
            Self::Sqlite(file) => file.parent().unwrap_or(Path::new("/")),
        }
    }
}

/// How people sign in. An identity provider becomes another variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInMethod {
    /// As anybody, from this machine only.
    Development,
}

/// Certificate and key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The way mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// `smtp://user@host:587` (STARTTLS) or `smtps://user@host:465`.
    pub smtp: Url,
    /// The user's password.
    pub password: Option<Reference>,
    /// What mail is sent from.
    pub from: Email,
}

/// One place that events are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: Url,
    /// What its messages are signed with.
    pub secret: Reference,
    /// Whether its address may be a private one.
    pub reach: Reach,
}

/// Where a webhook may point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses only.
    Public,
    /// Private ones as well.
    Private,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Lines for people or for machines.
    pub format: LogFormat,
    /// A filter such as `info` or `curfew_engine=debug,info`.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Something in the configuration that cannot stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct ConfigProblem {
    /// The key or variable.
    pub key: String,
    /// What is wrong with it, and what to do.
    pub why: String,
}

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The file is not what a configuration looks like.
    #[error("{0}")]
    Malformed(String),
    /// One or more keys cannot stand.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<ConfigProblem>),
}

/// Where a configuration comes from.
pub struct Sources<'a> {
    /// What it is for.
    pub setting: Setting,
    /// The file; none uses the defaults.
    pub file: Option<&'a Path>,
    /// The environment.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
    /// The names of all variables there are: under `serve`, one of ours that means nothing is an error.
    pub names: Vec<String>,
    /// What the command line said, by key: `listen`, `policy.path`, `ledger`. It wins over the environment,
    /// which wins over the file.
    pub overrides: Vec<(&'static str, String)>,
}

/// Looks a variable up in the process's own environment.
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The names of the process's own variables. One that is not UTF-8 is none of ours.
pub fn process_names() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

impl Config {
    /// Reads, lays the layers over each other, and checks. All problems at once.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(sources: &Sources<'_>) -> Result<Self, ConfigError> {
        let mut table = match sources.file {
            Some(path) => read(path)?,
            None => toml::Table::new(),
        };
        let one = |problem| ConfigError::Problems(vec![problem]);
        layers::environment(&mut table, sources.lookup).map_err(one)?;
        layers::overrides(&mut table, &sources.overrides).map_err(one)?;
        let mut unknown = variables::unknown(&sources.names, &table);
        let file: file::ConfigFile = table
            .try_into()
            .map_err(|e: toml::de::Error| ConfigError::Malformed(slips::said(&without_values(e.message()))))?;
        match (sources.setting, rules::check(file, sources.setting)) {
            // What is tried out is not held up by it.
            (Setting::Dev, checked) => checked.map_err(ConfigError::Problems),
            (Setting::Serve, Ok(config)) if unknown.is_empty() => Ok(config),
            (Setting::Serve, Ok(_)) => Err(ConfigError::Problems(unknown)),
            (Setting::Serve, Err(problems)) => {
                unknown.extend(problems);
                Err(ConfigError::Problems(unknown))
            }
        }
    }
}

fn read(path: &Path) -> Result<toml::Table, ConfigError> {
    let unreadable = |why: String| ConfigError::Unreadable { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    if text.len() > 1 << 20 {
        return Err(unreadable("it is longer than 1 MiB".to_owned()));
    }
    // Typed first, so that an unknown key is reported with its place in the file.
    let malformed = |e: &toml::de::Error| ConfigError::Malformed(format!("{}: {}", path.display(), placed(&text, e)));
    toml::from_str::<file::ConfigFile>(&text).map_err(|e| malformed(&e))?;
    text.parse().map_err(|e| malformed(&e))
}

/// What is wrong and where, without the line itself: a secret may stand in it.
fn placed(text: &str, error: &toml::de::Error) -> String {
    let message = slips::said(&without_values(error.message()));
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return message };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    format!("line {line}, column {column}: {message}")
}

fn problem(key: &str, why: impl Into<String>) -> ConfigProblem {
    ConfigProblem { key: key.to_owned(), why: why.into() }
}

#[cfg(test)]
mod tests;
