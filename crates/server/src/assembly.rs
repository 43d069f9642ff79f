//! Puts the server's own parts together before anything is served.

use crate::app::{App, Parts, Phase, Stopping};
use crate::checkpointer::{Checkpointer, CheckpointerParts};
use crate::config::{Config, PolicyOrigin, Setting, plain, process_environment};
use crate::edge::tls;
use crate::edge::{IdempotentAnswers, Names, Throttle};
use crate::hooks::Hooks;
use crate::notices::{Courier, CourierParts, audience};
use crate::policy_source::{Begun, DeskParts, Follower, PolicyDesk, PolicyError, PolicySource, Reached};
use crate::refusals::Refusals;
use crate::serve::{ServeError, ServerParts};
use crate::tail::Tail;
use crate::workload::{Issuers, SeenProofs};
use crate::{endpoints, telemetry};
use curfew_engine::keyring::Keyring;
use curfew_engine::seams::{Clock, Entropy, HostDesk, Store};
use curfew_engine::{Engine, EngineParts, Pipelines, StartError, Unnamed};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use url::Url;

/// A server that listens but does not serve yet.
pub(crate) struct Assembled {
    pub(crate) app: App,
    pub(crate) tcp: TcpListener,
    pub(crate) bound: SocketAddr,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) courier: Courier,
    pub(crate) stop: watch::Sender<Stopping>,
    pub(crate) ready: Option<Box<dyn FnOnce(SocketAddr) + Send>>,
}

/// Reads the policy, takes the address, and makes the engine. Nothing has touched the ledger or a target yet.
///
/// # Errors
/// See [`ServeError`].
pub(crate) async fn assemble(parts: ServerParts) -> Result<Assembled, ServeError> {
    let tls = parts.config.tls.as_ref().map(tls::acceptor).transpose()?;
    let source = Arc::new(parts.policy);
    // What was in force goes on, whatever the repository says now.
    let in_force = parts.store.fact("policy").await.map_err(StartError::from)?;
    let in_force = in_force.and_then(|version| version.split_once(':').map(|(commit, _)| commit.to_owned()));
    let reached = PolicyDesk::reached_before(&*parts.store).await.map_err(StartError::from)?;
    let (follower, begun) = begin(&source, &parts.config, in_force).await?;
    let Begun { loaded, reached: reached_now } = begun;
    let address = parts.config.listen;
    let failed = |e: std::io::Error| ServeError::Listen { address, why: e.to_string() };
    let tcp = TcpListener::bind(address).await.map_err(failed)?;
    let bound = tcp.local_addr().map_err(failed)?;
    let public_url = public_url(&parts.config, bound);
    let courier = Courier::new(CourierParts {
        store: parts.store.clone(),
        clock: parts.clock.clone(),
        entropy: parts.entropy.clone(),
        public_url: &public_url,
        mail: parts.config.mail.as_ref(),
        webhooks: &parts.config.webhooks,
        lookup: &process_environment,
    })?;
    let hooks = Hooks::new(&parts.config.hooks, &process_environment)?;
    let issuers = Issuers::new(&parts.config.issuers, &plain(&public_url), &parts.clock)?;
    let engine = Engine::new(EngineParts {
        store: parts.store.clone(),
        clock: parts.clock.clone(),
        entropy: parts.entropy.clone(),
        connectors: parts.connectors,
        secrets: source.secrets.clone(),
        policy: loaded.set,
        audience: audience(parts.config.mail.as_ref(), &parts.config.webhooks),
        unnamed: match parts.config.setting {
            Setting::Dev => Unnamed::Everybody,
            Setting::Serve => Unnamed::Nobody,
        },
        pipelines: Pipelines {
            heartbeat_window: parts.config.heartbeat_window,
            issuers: parts.config.issuers.iter().map(|issuer| (issuer.name.clone(), issuer.kind)).collect(),
        },
    });
    let (stop, stopping) = watch::channel(Stopping::No);
    let engine = Arc::new(engine);
    let reached = match reached_now {
        Reached::Yes => Some(engine.now()),
        Reached::No => reached,
    };
    let desk = DeskParts { source, follower, engine: engine.clone(), files: loaded.files, reached };
    let app = app(Making {
        engine,
        policy: Arc::new(PolicyDesk::new(desk)),
        stopping,
        config: parts.config,
        store: parts.store,
        clock: parts.clock,
        entropy: parts.entropy,
        keyring: parts.keyring,
        host_desk: parts.host_desk,
        issuers,
        hooks,
    });
    Ok(Assembled { app, tcp, bound, tls, courier, stop, ready: parts.ready })
}

/// The set to begin with, and who follows it.
async fn begin(
    source: &Arc<PolicySource>,
    config: &Config,
    in_force: Option<String>,
) -> Result<(Option<Follower>, Begun), ServeError> {
    let (opening, state) = (source.clone(), config.ledger.state_folder().to_owned());
    let begun = move || -> Result<(Option<Follower>, Begun), PolicyError> {
        match &opening.origin {
            PolicyOrigin::Folder(folder) => Ok((None, Begun { loaded: opening.load(folder)?, reached: Reached::No })),
            PolicyOrigin::Git(branch) => {
                let follower = Follower::open(&opening, branch, &state)?;
                let begun = follower.begin(in_force.as_deref())?;
                Ok((Some(follower), begun))
            }
        }
    };
    match tokio::task::spawn_blocking(begun).await {
        Ok(begun) => begun.map_err(|error| ServeError::Policy { place: source.origin.shown(), error: Box::new(error) }),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// How browsers and programs reach the server: as configured, else where it listens.
fn public_url(config: &Config, bound: SocketAddr) -> Url {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let here = || Url::parse(&format!("{scheme}://{bound}")).expect("INVARIANT: an address is a URL's host");
    config.public_url.clone().unwrap_or_else(here)
}

/// What an [`App`] is made of.
pub(crate) struct Making {
    pub(crate) engine: Arc<Engine>,
    pub(crate) policy: Arc<PolicyDesk>,
    pub(crate) stopping: watch::Receiver<Stopping>,
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) host_desk: Option<Arc<dyn HostDesk>>,
    pub(crate) issuers: Issuers,
    pub(crate) hooks: Hooks,
}

/// The parts that handlers share.
pub(crate) fn app(making: Making) -> App {
    let Making { engine, policy, stopping, config, store, clock, entropy, keyring, host_desk, issuers, hooks } = making;
    let host = config.public_url.as_ref().and_then(Url::host_str).unwrap_or("curfew.local").to_owned();
    let proofs = SeenProofs::new(engine.now());
    let checkpointer = Checkpointer::new(CheckpointerParts {
        store: store.clone(),
        clock: clock.clone(),
        keyring,
        host,
        witness: config.witness.clone(),
    });
    App::new(Parts {
        engine,
        policy,
        names: Names::new(config.public_url.clone()),
        answers: IdempotentAnswers::new(clock.clone()),
        sign_ins: Throttle::new(endpoints::SIGN_IN_RATE, "too many sign-ins from this address", clock.clone()),
        machine_sign_ins: Throttle::new(
            endpoints::MACHINE_SIGN_IN_RATE,
            "too many sign-ins of machines from this address",
            clock.clone(),
        ),
        refused: Throttle::new(endpoints::REFUSAL_RATE, "too many refusals at this address", clock.clone()),
        host_calls: Throttle::new(endpoints::HOST_RATE, "too many reports from this address", clock.clone()),
        asks: Throttle::new(endpoints::ASK_RATE, "too many asks by one person", clock.clone()),
        bound_calls: Throttle::new(endpoints::BOUND_RATE, "too many calls by one machine", clock.clone()),
        proofs,
        issuers,
        hooks,
        sampled: tokio::sync::Mutex::default(),
        refusals: Arc::new(Refusals::new(store, clock.clone())),
        checkpointer: Arc::new(checkpointer),
        tail: Tail::new(),
        metrics: telemetry::metrics_handle(),
        phase: Phase::default(),
        stopping,
        config,
        clock,
        entropy,
        host_desk,
    })
}
