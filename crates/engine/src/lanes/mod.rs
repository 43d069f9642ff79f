//! Each target has its own lanes: one for giving, one for taking, one for clearing what was left behind. So a mass
//! expiry never starves an ask, a hung target holds up nobody else, and what a subject left delays nobody's end.

mod giving;
mod queue;
mod taking;

pub(crate) use giving::Give;
pub(crate) use queue::Queue;

use crate::Engine;
use crate::nudge::Nudge;
use crate::seams::connector::{CallError, Reach, Target};
use crate::seams::{BoxFuture, Connector};
use curfew_domain::lease::Definition;
use curfew_domain::{Lease, LeaseState, ResourceName};
use futures::FutureExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Orders that share one call to a target.
const BATCH: usize = 64;
/// Calls a lane has under way at once.
const WORKERS: usize = 2;
/// How often a dead target is probed.
const PROBE_EVERY: Duration = Duration::from_millis(1_000);

/// One target: a resource as one policy version defines it.
pub(crate) struct Lane {
    pub(crate) resource: ResourceName,
    pub(crate) definition: Definition,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) give: Queue<Give>,
    take: Queue<Lease>,
    clear: Queue<Lease>,
    health: Mutex<Health>,
    fallen: Nudge,
}

#[derive(Default)]
struct Health {
    down: Option<String>,
    parked: Vec<Lease>,
    drift: Vec<String>,
    clock: Option<String>,
    prepared: bool,
}

impl Lane {
    pub(crate) fn new(resource: ResourceName, definition: Definition, connector: Arc<dyn Connector>) -> Self {
        Self {
            resource,
            definition,
            connector,
            give: Queue::new(),
            take: Queue::new(),
            clear: Queue::new(),
            health: Mutex::default(),
            fallen: Nudge::default(),
        }
    }

    /// Puts a lease where its end goes on: access first, leftovers where nobody waits for them.
    pub(crate) fn enqueue(&self, lease: Lease) {
        match lease.state {
            LeaseState::LockedOut { .. } => self.clear.push([lease]),
            LeaseState::Wanted
            | LeaseState::Issuing { .. }
            | LeaseState::Live { .. }
            | LeaseState::Revoking { .. }
            | LeaseState::Revoked { .. } => self.take.push([lease]),
        }
    }

    /// Why nothing new may be made there now, if so.
    pub(crate) fn refuses(&self) -> Option<CallError> {
        let health = self.health();
        let resource = self.resource.to_string();
        if let Some(message) = &health.down {
            return Some(CallError::Unreachable { resource, message: message.clone() });
        }
        if let Some(doubt) = &health.clock {
            return Some(CallError::Refused { resource, message: doubt.clone() });
        }
        let first = health.drift.first()?;
        Some(CallError::Refused { resource, message: format!("what Curfew keeps there was changed by hand: {first}") })
    }

    /// Remembers what a look at the target showed; new grants stop while it differs from policy, or while its clock
    /// is in doubt.
    pub(crate) fn saw(&self, drift: Vec<String>, clock: Option<String>) {
        let mut health = self.health();
        (health.drift, health.clock) = (drift, clock);
    }

    /// Notes how a call ended; one that got no answer opens the circuit until a probe succeeds.
    pub(crate) fn note(&self, error: &CallError) {
        if let CallError::Unreachable { message, .. } | CallError::Lost { message, .. } = error {
            self.fall(message.clone());
        }
    }

    pub(crate) fn fall(&self, message: String) {
        self.health().down = Some(message);
        self.fallen.give();
    }

    fn is_down(&self) -> bool {
        self.health().down.is_some()
    }

    fn park(&self, leases: Vec<Lease>) {
        self.health().parked.extend(leases);
    }

    /// Whether what Curfew keeps in the target was made by this server.
    pub(crate) fn is_prepared(&self) -> bool {
        self.health().prepared
    }

    pub(crate) fn set_prepared(&self) {
        self.health().prepared = true;
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// The futures that work a lane, for ever.
    pub(crate) fn lane_workers<'a>(&'a self, lane: &Arc<Lane>) -> Vec<BoxFuture<'a, ()>> {
        let mut workers = Vec::new();
        for _ in 0..WORKERS {
            workers.push(giving::work(self, lane.clone()).boxed());
            workers.push(taking::work(self, lane.clone(), Reach::Access).boxed());
        }
        workers.push(taking::work(self, lane.clone(), Reach::Leftovers).boxed());
        workers.push(probing(self, lane.clone()).boxed());
        workers
    }

    /// The target a lane's calls are for, with its way in.
    pub(crate) fn target(&self, lane: &Lane) -> Result<Target, CallError> {
        let admin = self
            .secrets
            .resolve(&lane.resource, lane.definition.admin.as_deref())
            .map_err(|e| CallError::Refused { resource: lane.resource.to_string(), message: e.to_string() })?;
        let standing = self.standing();
        Ok(Target {
            resource: lane.resource.clone(),
            definition: lane.definition.clone(),
            admin,
            installation: standing.installation,
            epoch: standing.epoch,
            mark: self.furthest.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }
}

/// The circuit breaker: a target that fell is probed until it answers, and then all that waited goes on.
async fn probing(engine: &Engine, lane: Arc<Lane>) {
    loop {
        lane.fallen.given().await;
        while lane.is_down() {
            let answer = match engine.target(&lane) {
                Ok(target) => lane.connector.probe(&target).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(()) => {
                    let parked = {
                        let mut health = lane.health();
                        health.down = None;
                        std::mem::take(&mut health.parked)
                    };
                    tracing::info!(resource = %lane.resource, waiting = parked.len(), "target answers again");
                    parked.into_iter().for_each(|lease| lane.enqueue(lease));
                }
                Err(error) => {
                    tracing::debug!(resource = %lane.resource, %error, "target does not answer yet");
                    engine.clock.sleep(PROBE_EVERY).await;
                }
            }
        }
    }
}
