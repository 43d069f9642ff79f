//! `curfew dev`: everything on this machine, for trying Curfew out.

use crate::machine::SystemEntropy;
use crate::parts::{KINDS, Plan};
use crate::serve::until_told_to_stop;
use crate::targets::PrivateTargets;
use curfew_cli::{DevArgs, Failure};
use curfew_server::config::{PolicyOrigin, Setting, Sources, process_environment, process_names};
use curfew_server::{Config, PolicySource, Resolver, seal};
use std::fs::{DirBuilder, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The policy that is in force when no folder is named.
const EXAMPLE: &str = include_str!("../../../policies/quickstart/jit-access-policy.yaml");

/// Runs the command.
pub(crate) fn run(args: DevArgs) -> Result<(), Failure> {
    let state = State::make(args.state)?;
    let policies = match args.policies {
        Some(folder) => folder,
        None => state.example()?,
    };
    let mut overrides = vec![
        ("policy.path", policies.display().to_string()),
        ("ledger", format!("sqlite:{}", state.path.join("ledger/ledger.db").display())),
    ];
    // What is not said on the command line is as it is configured.
    overrides.extend(args.listen.map(|address| ("listen", address)));
    let sources = Sources {
        setting: Setting::Dev,
        file: args.config.as_deref(),
        lookup: &process_environment,
        names: process_names(),
        overrides,
    };
    let config = Config::load(&sources).map_err(|error| Failure::wrong_use(error.to_string()))?;
    curfew_server::start_logging(&config.log);
    let made = match &config.seal {
        Some(reference) => seal::read(reference, &process_environment),
        None => seal::read_or_make(&state.path.join("keys/seal.key"), &SystemEntropy),
    };
    let seal = made.map_err(|error| Failure::wrong_use(error.to_string()))?;
    let secrets = Arc::new(Resolver::new(config.secrets.clone(), Box::new(process_environment)));
    let targets = Arc::new(PrivateTargets::new(state.path.join("postgres"), secrets.clone()));
    watch(&targets)?;
    let policy = PolicySource {
        origin: PolicyOrigin::Folder(policies.clone()),
        environment: config.environment.clone(),
        kinds: KINDS.to_vec(),
        completion: Some(targets.clone()),
        secrets,
        issuers: config.issuers.clone(),
    };
    let banner = Banner { policies, state: state.path.clone(), targets: targets.clone() };
    until_told_to_stop(Plan { config, seal, policy }, |parts| {
        parts.ready = Some(Box::new(move |address| banner.print(address)));
    })?;
    targets.stop();
    Ok(())
}

/// Keeps the private targets running, on a thread of its own: a server's start takes a while and blocks.
fn watch(targets: &Arc<PrivateTargets>) -> Result<(), Failure> {
    let weak = Arc::downgrade(targets);
    let thread = std::thread::Builder::new().name("private-targets".to_owned());
    let started = thread.spawn(move || PrivateTargets::watch(&weak));
    started.map(drop).map_err(|error| Failure::unavailable(format!("no threads can be started: {error}")))
}

/// What is said once the server is ready.
struct Banner {
    policies: PathBuf,
    state: PathBuf,
    targets: Arc<PrivateTargets>,
}

impl Banner {
    fn print(&self, address: SocketAddr) {
        eprintln!();
        eprintln!("  *** THIS IS `curfew dev`: FOR TRYING THINGS OUT, NEVER FOR REAL ACCESS ***");
        eprintln!("  Anybody on this machine can sign in as anybody.");
        eprintln!();
        let mut lines = vec![
            ("console".to_owned(), format!("http://{address}/")),
            ("policies".to_owned(), format!("{} (watched for changes)", self.policies.display())),
            ("state".to_owned(), self.state.display().to_string()),
        ];
        lines.extend(self.targets.lines());
        for line in in_columns(&lines) {
            eprintln!("  {line}");
        }
        eprintln!();
        eprintln!("  curfew login --as dev@example.com --server http://{address}");
        eprintln!();
    }
}

/// Names and what they are, under each other.
fn in_columns(lines: &[(String, String)]) -> Vec<String> {
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    lines.iter().map(|(name, what)| format!("{name:width$}   {what}")).collect()
}

/// Where everything is kept. A folder that nobody named goes with this value.
struct State {
    path: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl State {
    fn make(named: Option<PathBuf>) -> Result<Self, Failure> {
        let failed = |path: &Path, error: &std::io::Error| Failure::file("make", path, error);
        let (path, temporary) = match named {
            Some(path) => (std::path::absolute(&path).map_err(|e| failed(&path, &e))?, None),
            None => {
                let folder = tempfile::Builder::new().prefix("curfew-dev-").tempdir();
                let folder = folder.map_err(|e| failed(&std::env::temp_dir(), &e))?;
                // PostgreSQL runs under an account of its own and has to pass through; it cannot look around.
                std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711))
                    .map_err(|e| failed(folder.path(), &e))?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        for (name, mode) in [("", 0o711), ("ledger", 0o700), ("postgres", 0o711)] {
            let folder = path.join(name);
            DirBuilder::new().recursive(true).mode(mode).create(&folder).map_err(|e| failed(&folder, &e))?;
        }
        Ok(Self { path, _temporary: temporary })
    }

    /// The example policy as a folder.
    fn example(&self) -> Result<PathBuf, Failure> {
        let folder = self.path.join("policies");
        let file = folder.join("jit-access-policy.yaml");
        std::fs::create_dir_all(&folder).map_err(|e| Failure::file("make", &folder, &e))?;
        if !file.exists() {
            std::fs::write(&file, EXAMPLE).map_err(|e| Failure::file("write", &file, &e))?;
        }
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::in_columns;

    #[test]
    fn the_banner_lines_up() {
        let line = |name: &str| (name.to_owned(), "x".to_owned());
        let printed = in_columns(&[line("console"), line("lab/db"), line("services/orders-db")]);
        assert_eq!(printed, ["console              x", "lab/db               x", "services/orders-db   x"]);
    }
}
