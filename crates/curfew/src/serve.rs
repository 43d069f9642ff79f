//! `curfew serve`: a server as it is configured.

use crate::parts::{self, KINDS, Plan};
use curfew_cli::{Failure, ServeArgs};
use curfew_server::config::{PolicyOrigin, Setting, Sources, process_environment, process_names};
use curfew_server::{Config, PolicySource, Resolver, ServeError, ServerParts, seal};
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Runs the command.
pub(crate) fn run(args: ServeArgs) -> Result<(), Failure> {
    let sources = Sources {
        setting: Setting::Serve,
        file: Some(&args.config),
        lookup: &process_environment,
        names: process_names(),
        overrides: Vec::new(),
    };
    let config = Config::load(&sources).map_err(|error| Failure::wrong_use(error.to_string()))?;
    if args.check {
        print!("{config}");
        for line in not_there(&config) {
            eprintln!("warning: {line}");
        }
        return Ok(());
    }
    curfew_server::start_logging(&config.log);
    let key = config.seal.as_ref().ok_or_else(|| Failure::wrong_use("seal.key: is missing"))?;
    let seal = seal::read(key, &process_environment).map_err(|error| Failure::wrong_use(error.to_string()))?;
    let policy = PolicySource {
        origin: config.policy.clone(),
        environment: config.environment.clone(),
        kinds: KINDS.to_vec(),
        completion: None,
        secrets: Arc::new(Resolver::new(config.secrets.clone(), Box::new(process_environment))),
        issuers: config.issuers.clone(),
    };
    until_told_to_stop(Plan { config, seal, policy }, |_| {})
}

/// What the configuration names and this machine does not have: the server would not start with it here. A check may run on
/// another machine than the server, so none of it is an error.
fn not_there(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(why) = config.seal.as_ref().and_then(|key| seal::read(key, &process_environment).err()) {
        lines.push(format!("seal.key: {why}; `(umask 077; openssl rand -hex 32 > FILE)` makes one"));
    }
    let file = |key: &str, path: &Path| match path.exists() {
        true => None,
        false => Some(format!("{key}: there is no {} on this machine", path.display())),
    };
    match &config.policy {
        PolicyOrigin::Folder(path) => lines.extend(file("policy.path", path)),
        PolicyOrigin::Git(_) => {}
    }
    if let Some(tls) = &config.tls {
        lines.extend(file("tls.cert", &tls.cert));
        lines.extend(file("tls.key", &tls.key));
    }
    lines
}

/// Serves until SIGTERM or SIGINT. `prepare` may change the parts before they are used.
pub(crate) fn until_told_to_stop(plan: Plan, prepare: impl FnOnce(&mut ServerParts)) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unavailable(format!("no threads can be started: {error}")))?;
    runtime.block_on(async {
        let (mut parts, ledger) = parts::assemble(plan).map_err(|error| Failure::unavailable(error.to_string()))?;
        prepare(&mut parts);
        let listen = |kind| signal(kind).map_err(|error| Failure::unavailable(format!("no signals arrive: {error}")));
        let signals = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let served = curfew_server::serve(parts, told(signals)).await.map_err(failure);
        ledger.close();
        served
    })
}

async fn told((mut terminate, mut interrupt): (Signal, Signal)) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn failure(error: ServeError) -> Failure {
    let message = error.to_string();
    match &error {
        ServeError::Tls(_) | ServeError::Notices(_) | ServeError::Issuers(_) | ServeError::Hook(_) => {
            Failure::wrong_use(message)
        }
        ServeError::Policy { error, .. } => Failure::wrong_use(message).hint(
            error.hint().unwrap_or_else(|| "`curfew policy check DIR` shows everything that is wrong".to_owned()),
        ),
        ServeError::Listen { .. } => Failure::unavailable(message)
            .hint("`listen` in the configuration, or `--listen` of `curfew dev`, names the address: 127.0.0.1:7374"),
        ServeError::Start(_) | ServeError::Checkpoint(_) | ServeError::Broken => Failure::unavailable(message),
    }
}
