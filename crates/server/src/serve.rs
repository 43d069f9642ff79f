//! The main loop: come up, serve, and go down without leaving anything half done.

use crate::app::{App, Readiness, Stopping, stopped};
use crate::assembly::{Assembled, assemble};
use crate::checkpointer::CheckpointError;
use crate::config::{Config, PolicyOrigin, Setting, Unresolved};
use crate::edge::listener::{Connections, Listener};
use crate::edge::tls::TlsError;
use crate::endpoints;
use crate::notices::{Courier, CourierError};
use crate::policy_source::{self, PolicyError, PolicySource};
use crate::workload::IssuersError;
use curfew_domain::{Seconds, Timestamp};
use curfew_engine::StartError;
use curfew_engine::keyring::Keyring;
use curfew_engine::seams::{Change, Clock, Connector, Entropy, HostDesk, Store};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often a grown log is signed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(3);
/// How often summed refusals are written.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How often what is of no use any more is removed from the ledger.
const PRUNE_EVERY: Duration = Duration::from_secs(600);
/// How long a sign-in is remembered after it is over, so that its token is told from one that never was.
const SESSIONS_KEPT: Seconds = Seconds::new(24 * 3_600);
/// How long an Idempotency-Key holds.
const KEYS_KEPT: Seconds = Seconds::new(7 * 86_400);
/// How long a start waits for the policy repository.
const FIRST_LOOK_WITHIN: Duration = Duration::from_secs(10);
/// How long verbs under way may take once the server stops.
const VERBS_WITHIN: Duration = Duration::from_secs(20);
/// How long the engine may take to finish once it is told to stop.
const ENGINE_WITHIN: Duration = Duration::from_secs(20);
/// How long notices under way may take once the server stops.
const NOTICES_WITHIN: Duration = Duration::from_secs(6);

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
    pub policy: PolicySource,
    /// How many files this process may have open; connections stay well below.
    pub descriptors: u64,
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
    #[error("the policy of {place} cannot be used: {error}")]
    Policy {
        /// Which folder, or which branch of which repository.
        place: String,
        /// Why.
        error: Box<PolicyError>,
    },
    /// Mail or webhooks cannot work as they are configured.
    #[error(transparent)]
    Notices(#[from] CourierError),
    /// The keys of an issuer can never be fetched.
    #[error(transparent)]
    Issuers(#[from] IssuersError),
    /// The secret of a provider's hook cannot be had.
    #[error("a hook of a provider cannot work: {0}")]
    Hook(#[from] Unresolved),
    /// The engine did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The log could not be signed.
    #[error("the audit log cannot be signed: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A part that goes on for ever came to an end; the log says which.
    #[error("a part of the server stopped by itself: start it again, and send us its log")]
    Broken,
}

/// Serves until `shutdown` comes, then finishes what is under way and signs the log once more.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(parts: ServerParts, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
    let descriptors = parts.descriptors;
    let Assembled { app, tcp, bound, tls, courier, stop, ready } = assemble(parts).await?;
    let mut tasks = JoinSet::new();
    let engine = app.engine.clone();
    let driving = tasks.spawn(async move { engine.drive().await });
    let mut serving = JoinSet::new();
    // `/readyz` answers 503 until everything is reconciled, and so does the API.
    let (router, stopping) = (endpoints::router(&app), app.stopping.clone());
    let connections = Connections::within(descriptors);
    serving.spawn(Listener { tcp, tls, router, stopping, connections }.serve());
    app.engine.start().await?;
    app.checkpointer.sign().await?;
    background(&mut tasks, &app);
    followed_once(&mut tasks, &app).await;
    let mut notices = JoinSet::new();
    notices.spawn(send_notices(courier, app.clone()));
    if !app.issuers.is_empty() {
        app.clock.sleep(app.proofs.opens_in(app.engine.now())).await;
    }
    app.phase.set(Readiness::Ready);
    tracing::info!(address = %bound, policy_version = %app.engine.policy().version(), "ready");
    if let Some(ready) = ready {
        ready(bound);
    }
    // What goes on beside the serving goes on for ever: if a part of it ends, the server is no longer whole, and
    // starting again puts right whatever it left.
    let broken = tokio::select! {
        () = shutdown => false,
        ended = tasks.join_next() => {
            tracing::error!(?ended, "a part of the server stopped by itself");
            true
        }
    };
    tracing::info!("stopping");
    app.phase.set(Readiness::Stopping);
    stop.send_replace(Stopping::Yes);
    while serving.join_next().await.is_some() {}
    finish_verbs(&app, &driving).await;
    let sent = async { while notices.join_next().await.is_some() {} };
    if tokio::time::timeout(NOTICES_WITHIN, sent).await.is_err() {
        tracing::warn!("some notices are sent at the next start");
    }
    tasks.shutdown().await;
    app.refusals.flush().await;
    app.checkpointer.sign().await?;
    tracing::info!("stopped");
    if broken { Err(ServeError::Broken) } else { Ok(()) }
}

/// Lets the verbs under way come to their end, then the engine.
async fn finish_verbs(app: &App, driving: &tokio::task::AbortHandle) {
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
}

/// Removes sign-ins and Idempotency-Keys that are of no use any more, so that the ledger grows by evidence alone.
async fn prune(app: &App) {
    let ago = |kept: Seconds| Timestamp::from_millis(app.engine.now().as_millis() - i64::from(kept.as_secs()) * 1_000);
    let change = Change::Prune { sessions_before: ago(SESSIONS_KEPT), keys_before: ago(KEYS_KEPT) };
    if let Err(error) = app.engine.store().commit(vec![change]).await {
        tracing::warn!(%error, "what is of no use any more could not be removed");
    }
}

async fn send_notices(courier: Courier, app: App) {
    let mut stopping = app.stopping.clone();
    courier.run(stopped(&mut stopping)).await;
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
    let pruned = app.clone();
    tasks.spawn(async move {
        loop {
            prune(&pruned).await;
            tokio::time::sleep(PRUNE_EVERY).await;
        }
    });
    let (tail, store) = (app.tail.clone(), app.engine.store().clone());
    tasks.spawn(async move { tail.follow(store).await });
    match (app.config.setting, &app.policy.source().origin) {
        (Setting::Dev, PolicyOrigin::Folder(folder)) => {
            tasks.spawn(policy_source::watch(folder.clone(), app.policy.clone()));
        }
        // What is in force outside development changes by an administrator's word or a restart, on purpose.
        (Setting::Serve, PolicyOrigin::Folder(_)) | (_, PolicyOrigin::Git(_)) => {}
    }
}

/// Begins to follow the branch, and waits a while for the first look, so that a server that is ready has what was there.
async fn followed_once(tasks: &mut JoinSet<()>, app: &App) {
    if app.policy.follower().is_none() {
        return;
    }
    let (rounds, mut looked) = watch::channel(0);
    tasks.spawn(policy_source::follow(app.policy.clone(), rounds));
    let first = looked.wait_for(|rounds| *rounds > 0);
    if tokio::time::timeout(FIRST_LOOK_WITHIN, first).await.is_err() {
        tracing::warn!("serving before the policy repository has answered");
    }
}
