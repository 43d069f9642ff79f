//! What every handler can reach.

use crate::checkpointer::Checkpointer;
use crate::config::Config;
use crate::edge::{IdempotentAnswers, Names, Throttle};
use crate::hooks::Hooks;
use crate::policy_source::PolicyDesk;
use crate::refusals::Refusals;
use crate::tail::Tail;
use crate::workload::{Issuers, SeenProofs};
use curfew_domain::SubjectId;
use curfew_engine::Engine;
use curfew_engine::seams::{Clock, Entropy, HostDesk};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::watch;

/// The server's shared parts, cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) engine: Arc<Engine>,
    pub(crate) config: Config,
    pub(crate) policy: Arc<PolicyDesk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) host_desk: Option<Arc<dyn HostDesk>>,
    pub(crate) checkpointer: Arc<Checkpointer>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) names: Names,
    pub(crate) answers: IdempotentAnswers,
    pub(crate) sign_ins: Throttle,
    pub(crate) machine_sign_ins: Throttle,
    pub(crate) refused: Throttle,
    pub(crate) host_calls: Throttle,
    pub(crate) asks: Throttle<SubjectId>,
    /// By the hash of a machine's token.
    pub(crate) bound_calls: Throttle<String>,
    pub(crate) issuers: Issuers,
    pub(crate) hooks: Hooks,
    pub(crate) proofs: SeenProofs,
    /// When the ledger was last read for `/metrics`, by the steady clock.
    pub(crate) sampled: tokio::sync::Mutex<Option<std::time::Duration>>,
    pub(crate) tail: Tail,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) phase: Phase,
    pub(crate) stopping: watch::Receiver<Stopping>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Whether the server has been told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// It serves.
    No,
    /// It finishes what is under way.
    Yes,
}

/// Waits until the server has been told to stop.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<Stopping>) {
    // The sender outlives every listener; were it gone, the server would be gone too.
    let _ = stopping.wait_for(|s| *s == Stopping::Yes).await;
}

/// How far the server has come.
#[derive(Debug, Default)]
pub(crate) struct Phase(AtomicU8);

/// What `/readyz` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// The ledger and the targets are being reconciled.
    Starting,
    /// It serves.
    Ready,
    /// It finishes what is under way.
    Stopping,
}

impl Phase {
    pub(crate) fn set(&self, readiness: Readiness) {
        self.0.store(readiness as u8, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> Readiness {
        match self.0.load(Ordering::SeqCst) {
            0 => Readiness::Starting,
            1 => Readiness::Ready,
            _ => Readiness::Stopping,
        }
    }
}
