//! The engine and what it is made of.

use crate::activation::Waiters;
use crate::busy::Busy;
use crate::drive::NewWork;
use crate::lanes::{Lane, Queue};
use crate::nudge::Nudge;
use crate::retries::Retries;
use crate::seams::connector::{CallError, LedgerMark};
use crate::seams::store::{Change, CommitError, Committed, Notice};
use crate::seams::{Clock, Connector, Entropy, Secrets, Store};
use crate::steady::SteadyClock;
use curfew_domain::id::Identified;
use curfew_domain::lease::Definition;
use curfew_domain::transition::Noun;
use curfew_domain::{Email, Grant, Id, Lease, Request, ResourceName, Run, Seconds, Timestamp, Transition, limits};
use curfew_policy::{PolicySet, Provider};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// Who is told of what happens.
#[derive(Debug, Clone, Default)]
pub struct Audience {
    /// The address mail is sent from; none sends no mail.
    pub mail_from: Option<Email>,
    /// Names of configured webhooks; each hears everything.
    pub webhooks: Vec<String>,
}

/// What it means that a policy names no administrators, or no auditors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unnamed {
    /// Nobody is one. The rule outside development.
    Nobody,
    /// Everybody is one. Only a `dev` server says this.
    Everybody,
}

/// What an engine is made of.
pub struct EngineParts {
    /// The ledger.
    pub store: Arc<dyn Store>,
    /// The machine's clocks.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// The plugs, one of each kind.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// What references in policy name.
    pub secrets: Arc<dyn Secrets>,
    /// The policy in force.
    pub policy: PolicySet,
    /// Who is told.
    pub audience: Audience,
    /// What a policy without administrators means.
    pub unnamed: Unnamed,
    /// What is known of pipelines.
    pub pipelines: Pipelines,
}

/// What is known of pipelines.
#[derive(Debug, Clone)]
pub struct Pipelines {
    /// How long a client of a run may be silent.
    pub heartbeat_window: Seconds,
    /// Who may vouch for runs here, by the name this server has for them.
    pub issuers: BTreeMap<String, Provider>,
}

impl Default for Pipelines {
    fn default() -> Self {
        Self { heartbeat_window: limits::HEARTBEAT_WINDOW, issuers: BTreeMap::new() }
    }
}

/// A grant, or the request it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantRef {
    /// By its own id.
    Grant(Id<Grant>),
    /// By the request's id.
    Request(Id<Request>),
}

/// Which Curfew this is, and which start of it.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) installation: String,
    pub(crate) epoch: u64,
    /// When this server started.
    pub(crate) began: Timestamp,
}

/// The verbs, over a ledger, clocks, and plugs to targets.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: SteadyClock,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) connectors: BTreeMap<&'static str, Arc<dyn Connector>>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) audience: Audience,
    pub(crate) unnamed: Unnamed,
    pub(crate) pipelines: Pipelines,
    pub(crate) policy: RwLock<Arc<PolicySet>>,
    /// Why the policy in force may be an old one; nothing new is given then.
    pub(crate) policy_doubt: RwLock<Option<String>>,
    pub(crate) standing: OnceLock<Standing>,
    pub(crate) lanes: Mutex<BTreeMap<(ResourceName, String), Arc<Lane>>>,
    pub(crate) new_work: Queue<NewWork>,
    pub(crate) busy: Busy,
    pub(crate) retries: Retries,
    pub(crate) waiters: Waiters,
    /// Callers that wait for an extension, and the grants that are being extended.
    pub(crate) extensions: Waiters,
    pub(crate) extending: Mutex<std::collections::BTreeSet<Id<Grant>>>,
    /// Held from a count of a role's grants to the commit that it is for.
    pub(crate) counting: futures::lock::Mutex<()>,
    /// Live access by its end, so that it ends on time even when the ledger cannot be read.
    pub(crate) live: Mutex<BTreeMap<Id<Lease>, Lease>>,
    /// What the loop of hours waits for, in milliseconds since the epoch, and its wake-up when that is too late.
    pub(crate) next_due: AtomicI64,
    pub(crate) hour: Nudge,
    pub(crate) begun_hours: Nudge,
    pub(crate) begun_looking: Nudge,
    pub(crate) look: Nudge,
    /// Whether something outlived its run because the ledger could not be written.
    pub(crate) strays: AtomicBool,
    pub(crate) serving: AtomicBool,
    pub(crate) stopping: AtomicBool,
    pub(crate) stopped: Nudge,
    /// Alarms that stand, so that each is raised once.
    pub(crate) alarms: Mutex<std::collections::BTreeSet<String>>,
    /// The last event of ours in the ledger.
    pub(crate) furthest: Mutex<LedgerMark>,
    /// Held while a target is told of a ledger that is behind what it knew.
    pub(crate) beginning_again: futures::lock::Mutex<()>,
}

impl Engine {
    /// An engine of these parts. It does nothing before [`Engine::start`], and nothing goes on without
    /// [`Engine::drive`].
    pub fn new(parts: EngineParts) -> Self {
        Self {
            store: parts.store,
            clock: SteadyClock::new(parts.clock),
            entropy: parts.entropy,
            connectors: parts.connectors.into_iter().map(|c| (c.kind().name, c)).collect(),
            secrets: parts.secrets,
            audience: parts.audience,
            unnamed: parts.unnamed,
            pipelines: parts.pipelines,
            policy: RwLock::new(Arc::new(parts.policy)),
            policy_doubt: RwLock::default(),
            standing: OnceLock::new(),
            lanes: Mutex::default(),
            new_work: Queue::new(),
            busy: Busy::default(),
            retries: Retries::default(),
            waiters: Waiters::default(),
            extensions: Waiters::default(),
            extending: Mutex::default(),
            counting: futures::lock::Mutex::default(),
            live: Mutex::default(),
            next_due: AtomicI64::new(i64::MIN),
            hour: Nudge::default(),
            begun_hours: Nudge::default(),
            begun_looking: Nudge::default(),
            look: Nudge::default(),
            strays: AtomicBool::new(false),
            serving: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            stopped: Nudge::default(),
            alarms: Mutex::default(),
            furthest: Mutex::default(),
            beginning_again: futures::lock::Mutex::default(),
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<PolicySet> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says why the policy in force may be an old one, or that it is not. While it may be, nothing new is given; what
    /// was given runs to its end, and ends are carried out.
    pub fn doubt_policy(&self, because: Option<String>) {
        *self.policy_doubt.write().unwrap_or_else(PoisonError::into_inner) = because;
    }

    /// Why the policy in force may be an old one.
    pub fn policy_doubt(&self) -> Option<String> {
        self.policy_doubt.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The time by which everything is decided.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Why the clocks cannot be trusted now; new grants are refused then.
    pub fn clock_doubt(&self) -> Option<String> {
        self.clock.doubt()
    }

    /// The ledger, for reading.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The plugs, by the name of their kind.
    pub fn connectors(&self) -> impl Iterator<Item = &Arc<dyn Connector>> {
        self.connectors.values()
    }

    /// Which Curfew this is: 16 lower-case hex digits; empty before [`Engine::start`].
    pub fn installation(&self) -> String {
        self.standing().installation
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing.get().cloned().unwrap_or(Standing {
            installation: String::new(),
            epoch: 0,
            began: Timestamp::from_millis(i64::MAX),
        })
    }

    /// Stops: nothing new is begun, what is under way is finished, then [`Engine::drive`] returns.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.stopped.give();
    }

    /// Nothing new is given before the start has put everything right, nor after a stop was asked for.
    pub(crate) fn gives_nothing_new(&self) -> bool {
        !self.serving.load(Ordering::SeqCst) || self.stopping.load(Ordering::SeqCst)
    }

    pub(crate) fn mint<T: Identified>(&self) -> Id<T> {
        let mut random = [0u8; 10];
        self.entropy.fill(&mut random);
        Id::new(self.clock.now(), random)
    }

    /// The lane of a resource as it is defined, made on first use.
    pub(crate) fn lane(
        &self,
        resource: &ResourceName,
        kind: &str,
        definition: &Definition,
    ) -> Result<Arc<Lane>, CallError> {
        let Some(connector) = self.connectors.get(kind) else {
            return Err(CallError::Invalid(format!("this server has no connector `{kind}`")));
        };
        let key = (resource.clone(), format!("{kind} {:?} {}", definition.admin, definition.settings));
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&key) {
            return Ok(lane.clone());
        }
        let lane = Arc::new(Lane::new(resource.clone(), definition.clone(), connector.clone()));
        lanes.insert(key, lane.clone());
        self.new_work.push([NewWork::Lane(lane.clone())]);
        Ok(lane)
    }

    pub(crate) fn lane_of(&self, lease: &Lease) -> Result<Arc<Lane>, CallError> {
        self.lane(&lease.resource, &lease.connector, &lease.definition)
    }

    /// Puts leases into their taking lanes.
    pub(crate) fn take(&self, leases: impl IntoIterator<Item = Lease>) {
        for lease in leases {
            match self.lane_of(&lease) {
                Ok(lane) => lane.enqueue(lease),
                Err(error) => tracing::error!(lease_id = %lease.id, %error, "a lease has no lane"),
            }
        }
    }

    pub(crate) async fn commit(&self, changes: Changes) -> Result<Committed, CommitError> {
        let committed = self.store.commit(changes.0).await?;
        if let Some(last) = committed.events.last() {
            let mut furthest = self.furthest.lock().unwrap_or_else(PoisonError::into_inner);
            if last.seq >= furthest.seq {
                *furthest = LedgerMark { seq: last.seq, leaf_hash: last.leaf_hash.clone() };
            }
        }
        Ok(committed)
    }
}

/// Changes that go into the ledger together.
#[derive(Default)]
pub(crate) struct Changes(pub(crate) Vec<Change>);

impl Changes {
    pub(crate) fn request(&mut self, step: Transition<Request>) -> Request {
        self.keep(step, Change::Request)
    }

    pub(crate) fn grant(&mut self, step: Transition<Grant>) -> Grant {
        self.keep(step, Change::Grant)
    }

    pub(crate) fn lease(&mut self, step: Transition<Lease>) -> Lease {
        self.keep(step, Change::Lease)
    }

    pub(crate) fn run(&mut self, step: Transition<Run>) -> Run {
        self.keep(step, Change::Run)
    }

    pub(crate) fn notices(&mut self, notices: Vec<Notice>) {
        self.0.extend(notices.into_iter().map(Change::Notice));
    }

    fn keep<T: Noun>(&mut self, step: Transition<T>, change: fn(Box<Transition<T>>) -> Change) -> T {
        let next = step.next.clone();
        self.0.push(change(Box::new(step)));
        next
    }
}
