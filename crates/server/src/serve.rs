//! The main loop: come up, serve, and go down without leaving anything half done.

use crate::app::{App, Parts, Phase, Readiness, Stopping};
use crate::checkpointer::{CheckpointError, Checkpointer, CheckpointerParts};
use crate::config::{Config, Setting};
use crate::edge::listener::Listener;
use crate::edge::tls::{self, TlsError};
use crate::edge::{IdempotentAnswers, Names, Throttle};
use crate::policy_folder::{self, PolicyError, PolicyFolder};
use crate::refusals::Refusals;
use crate::tail::Tail;
use crate::{endpoints, telemetry};
use curfew_engine::keyring::Keyring;
use curfew_engine::seams::{Clock, Connector, Entropy, HostDesk, Store};
use curfew_engine::{Audience, Engine, EngineParts, StartError, Unnamed};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

/// How often a grown log is signed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(3);
/// How often summed refusals are written.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How long verbs under way may take once the server stops.
const VERBS_WITHIN: Duration = Duration::from_secs(20);
/// How long the engine may take to finish once it is told to stop.
const ENGINE_WITHIN: Duration = Duration::from_secs(20);

/// What the `curfew` binary picks and hands in.
pub struct ServerParts {
    /// What it is told.
    pub config: Config,
    /// The ledger.
    pub store: Arc<dyn Store>,
    /// The machine's clocks.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// The plugs, one of each kind.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// Where SSH hosts report, if there is such a connector.
    pub host_desk: Option<Arc<dyn HostDesk>>,
    /// The signing keys.
    pub keyring: Arc<Keyring>,
    /// Where policy comes from. Its resolver is also the engine's.
    pub policy: PolicyFolder,
    /// Told the address once the server is ready. The port is the real one.
    pub ready: Option<Box<dyn FnOnce(SocketAddr) + Send>>,
}

/// Why the server did not come up, or not go down cleanly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on: {why}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        why: String,
    },
    /// TLS cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no policy to go by.
    #[error("the policy folder {folder} cannot be used: {error}")]
    Policy {
        /// Which folder.
        folder: String,
        /// Why.
        error: PolicyError,
    },
    /// The engine did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The log could not be signed.
    #[error("the audit log cannot be signed: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// Serves until `shutdown` comes, then finishes what is under way and signs the log once more.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(parts: ServerParts, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
    let tls = parts.config.tls.as_ref().map(tls::acceptor).transpose()?;
    let folder = Arc::new(parts.policy);
    let loading = folder.clone();
    let policy = tokio::task::spawn_blocking(move || loading.load()).await;
    let policy = policy.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    let refused = |error| ServeError::Policy { folder: folder.path.display().to_string(), error };
    let policy = policy.map_err(refused)?;
    let address = parts.config.listen;
    let failed = |e: std::io::Error| ServeError::Listen { address, why: e.to_string() };
    let tcp = TcpListener::bind(address).await.map_err(failed)?;
    let bound = tcp.local_addr().map_err(failed)?;
    let engine = Arc::new(Engine::new(EngineParts {
        store: parts.store.clone(),
        clock: parts.clock.clone(),
        entropy: parts.entropy.clone(),
        connectors: parts.connectors,
        secrets: folder.secrets.clone(),
        policy,
        audience: audience(&parts.config),
        unnamed: match parts.config.setting {
            Setting::Dev => Unnamed::Everybody,
            Setting::Serve => Unnamed::Nobody,
        },
    }));
    let (stop, stopping) = watch::channel(Stopping::No);
    let setting = parts.config.setting;
    let app = app(
        Made { engine: engine.clone(), stopping: stopping.clone() },
        parts.config,
        Seams {
            store: parts.store,
            clock: parts.clock,
            entropy: parts.entropy,
            keyring: parts.keyring,
            host_desk: parts.host_desk,
        },
    );
    let mut tasks = JoinSet::new();
    let driving = tasks.spawn({
        let engine = engine.clone();
        async move { engine.drive().await }
    });
    let listener = Listener { tcp, tls, router: endpoints::router(&app), stopping };
    let mut serving = JoinSet::new();
    serving.spawn(listener.serve());
    // `/readyz` answers 503 until this is done.
    engine.start().await?;
    app.checkpointer.sign().await?;
    background(&mut tasks, &app);
    if setting == Setting::Dev {
        tasks.spawn(policy_folder::watch(folder, engine.clone()));
    }
    app.phase.set(Readiness::Ready);
    tracing::info!(address = %bound, policy_version = %engine.policy().version(), "ready");
    if let Some(ready) = parts.ready {
        ready(bound);
    }
    shutdown.await;
    tracing::info!("stopping");
    app.phase.set(Readiness::Stopping);
    stop.send_replace(Stopping::Yes);
    while serving.join_next().await.is_some() {}
    go_down(&app, tasks, &driving).await
}

/// Finishes the verbs, then the engine, then the evidence.
async fn go_down(app: &App, mut tasks: JoinSet<()>, driving: &tokio::task::AbortHandle) -> Result<(), ServeError> {
    if tokio::time::timeout(VERBS_WITHIN, app.answers.quiet()).await.is_err() {
        tracing::warn!("some verbs did not come to their end; they are taken up at the next start");
    }
    app.engine.stop();
    let finished = async {
        while !driving.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(ENGINE_WITHIN, finished).await.is_err() {
        tracing::warn!("some targets did not answer; what is left for them is taken up at the next start");
    }
    tasks.shutdown().await;
    app.refusals.flush().await;
    app.checkpointer.sign().await?;
    tracing::info!("stopped");
    Ok(())
}

/// What goes on beside the serving. Each ends when it is dropped.
fn background(tasks: &mut JoinSet<()>, app: &App) {
    let checkpoints = app.clone();
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(CHECKPOINT_EVERY).await;
            if let Err(error) = checkpoints.checkpointer.sign().await {
                tracing::error!(%error, "the audit log could not be signed");
            }
        }
    });
    let refusals = app.refusals.clone();
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            refusals.sweep().await;
        }
    });
    let (tail, store) = (app.tail.clone(), app.engine.store().clone());
    tasks.spawn(async move { tail.follow(store).await });
}

struct Made {
    engine: Arc<Engine>,
    stopping: watch::Receiver<Stopping>,
}

struct Seams {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    keyring: Arc<Keyring>,
    host_desk: Option<Arc<dyn HostDesk>>,
}

fn app(made: Made, config: Config, seams: Seams) -> App {
    let clock = seams.clock.clone();
    let checkpointer = Checkpointer::new(CheckpointerParts {
        store: seams.store.clone(),
        clock: clock.clone(),
        keyring: seams.keyring,
        host: public_host(config.public_url.as_ref()),
        witness: config.witness.clone(),
    });
    App::new(Parts {
        engine: made.engine,
        names: Names::new(config.public_url.clone()),
        answers: IdempotentAnswers::new(clock.clone()),
        sign_ins: Throttle::new(endpoints::SIGN_IN_RATE, clock.clone()),
        refused: Throttle::new(endpoints::REFUSAL_RATE, clock.clone()),
        refusals: Arc::new(Refusals::new(seams.store, clock.clone())),
        checkpointer: Arc::new(checkpointer),
        tail: Tail::new(),
        metrics: telemetry::metrics_handle(),
        phase: Phase::default(),
        stopping: made.stopping,
        config,
        clock,
        entropy: seams.entropy,
        host_desk: seams.host_desk,
    })
}

fn audience(config: &Config) -> Audience {
    Audience {
        mail_from: config.mail.as_ref().map(|mail| mail.from.clone()),
        webhooks: config.webhooks.iter().map(|hook| hook.name.clone()).collect(),
    }
}

fn public_host(url: Option<&Url>) -> String {
    url.and_then(Url::host_str).unwrap_or("curfew.local").to_owned()
}
