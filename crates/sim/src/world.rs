//! The world: one ledger, four targets, a few people, and a server that may die and come back.

use crate::chance::Chance;
use crate::clock::SimClock;
use crate::commits::CommitTrouble;
use crate::edge::{Edge, Edged, LateCall};
use crate::executor::Executor;
use crate::jobs::Jobs;
use crate::memory::{Backup, Ledger, Memory};
use crate::policies::{Rules, policy};
use crate::targets::{Targets, resources};
use crate::turns::InTurns;
use curfew_domain::{Email, GroupName, Identity, ResourceName, Subject, SubjectId, SubjectKind};
use curfew_engine::seams::secrets::SecretError;
use curfew_engine::seams::{BoxFuture, Clock, Connector, Secrets};
use curfew_engine::{Audience, Engine, EngineParts, Pipelines, Unnamed};
use curfew_policy::PolicySet;
use curfew_store::memory::MemoryStore;
use futures::FutureExt;
use secrecy::SecretString;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What may go wrong in a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trouble {
    /// The server dies once in so many boundaries; never when 0.
    pub crash_once_in: usize,
    /// The server dies at just this boundary; nowhere when 0.
    pub crash_at: u64,
    /// A commit fails, or its answer is lost, once in so many; never when 0.
    pub commit_fault_once_in: usize,
    /// A step of the script breaks a target, a clock, the ledger or a role once in so many; never when 0.
    pub target_fault_once_in: usize,
}

/// When the server that runs now began to serve, on the monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Serving {
    pub(crate) started: Duration,
    pub(crate) since: Option<Duration>,
}

/// Everything there is.
pub struct World {
    pub(crate) trouble: Trouble,
    pub(crate) chance: Arc<Chance>,
    pub(crate) clock: SimClock,
    pub(crate) store: MemoryStore,
    pub(crate) targets: Targets,
    pub(crate) edge: Arc<Edge>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) rules: PolicySet,
    pub(crate) memory: Memory,
    pub(crate) jobs: Jobs,
    pub(crate) backup: Option<Backup>,
    pub(crate) late: Vec<LateCall>,
    pub(crate) serving: Arc<Mutex<Serving>>,
    pub(crate) commits: Arc<CommitTrouble>,
    executor: Executor,
    /// What happened, line by line.
    pub trace: Arc<Mutex<String>>,
    /// How often the server died.
    pub crashes: u32,
}

struct OneSecret;

impl Secrets for OneSecret {
    fn resolve(&self, resource: &ResourceName, _: Option<&str>) -> Result<Option<SecretString>, SecretError> {
        Ok(Some(SecretString::from(format!("postgres://manager@{}.invalid/fake", resource.as_str().replace('/', ".")))))
    }
}

/// A person, as a sign-in would give them.
pub(crate) fn person(name: &str) -> Identity {
    let email: Email = format!("{name}@example.com").parse().expect("INVARIANT: an address");
    let id = SubjectId::new("sim", email.as_str()).expect("INVARIANT: an id");
    let groups = std::collections::BTreeSet::<GroupName>::new();
    Identity { subject: Subject { kind: SubjectKind::Person, id, email: Some(email), name: None }, groups }
}

impl World {
    /// A new world from a seed, with a server that has started.
    pub fn new(seed: u64, trouble: Trouble) -> Self {
        let chance = Arc::new(Chance::new(seed));
        let clock = SimClock::default();
        let edge = Arc::new(Edge::default());
        edge.dies_once_in.store(trouble.crash_once_in, Ordering::SeqCst);
        edge.dies_at.store(trouble.crash_at, Ordering::SeqCst);
        let commits = Arc::new(CommitTrouble::new(trouble.commit_fault_once_in));
        let store = MemoryStore::new().with_faults(commits.faults(&chance, &edge));
        let as_clock: Arc<dyn Clock> = Arc::new(clock.clone());
        let targets = Targets::new(&as_clock);
        let rules = policy(Rules::default());
        let engine = engine(&store, &clock, &targets, &edge, &chance, &rules);
        let mut world = Self {
            trouble,
            chance,
            clock,
            store,
            targets,
            edge,
            engine,
            rules,
            memory: Memory::default(),
            jobs: Jobs::default(),
            backup: None,
            late: Vec::new(),
            serving: Arc::default(),
            commits,
            executor: Executor::default(),
            trace: Arc::default(),
            crashes: 0,
        };
        world.boot();
        world
    }

    /// Writes a line into the trace.
    pub fn note(&self, line: &str) {
        note(&self.trace, &self.clock, line);
    }

    /// Begins something that goes on while the world turns.
    pub(crate) fn begin(&mut self, what: String, verb: BoxFuture<'static, String>) {
        let (trace, clock) = (self.trace.clone(), self.clock.clone());
        note(&trace, &clock, &format!("{what} ..."));
        self.executor.spawn(
            async move {
                let outcome = verb.await;
                note(&trace, &clock, &format!("{what} -> {outcome}"));
            }
            .boxed(),
        );
    }

    /// Lets the world turn for some time. A server that dies comes back a moment later.
    pub fn pass(&mut self, length: Duration) {
        let until = self.clock.monotonic() + length;
        loop {
            let edge = self.edge.clone();
            let died = self.executor.run(&self.clock, &self.chance, until, move || edge.dead.load(Ordering::SeqCst));
            if !died {
                return;
            }
            self.die_and_return();
        }
    }

    /// Takes all trouble away.
    pub fn calm(&self) {
        self.edge.dies_once_in.store(0, Ordering::SeqCst);
        self.edge.dies_at.store(0, Ordering::SeqCst);
        self.commits.calm();
        self.targets.mend();
    }

    /// The server dies and is started again on what is durable.
    pub(crate) fn die_and_return(&mut self) {
        self.die();
        self.store = self.store.reopen();
        self.come_back();
    }

    fn die(&mut self) {
        self.note("the server dies");
        self.crashes += 1;
        self.store.crash();
        self.executor.kill();
        self.clock.clear();
        self.serving().since = None;
        let calls = self.edge.drain();
        let chance = self.chance.clone();
        self.late.extend(calls.into_iter().filter(|_| chance.one_in(2)));
    }

    fn come_back(&mut self) {
        self.clock.advance(self.clock.monotonic() + Duration::from_millis(500));
        self.edge.dead.store(false, Ordering::SeqCst);
        self.engine = engine(&self.store, &self.clock, &self.targets, &self.edge, &self.chance, &self.rules);
        self.boot();
    }

    /// Copies the ledger.
    pub(crate) fn back_up(&mut self) {
        self.note("somebody copies the ledger");
        self.backup = Some(self.memory.back_up(&self.store, &self.targets));
    }

    /// The server dies, and is started on the older copy of its ledger.
    pub(crate) fn restore(&mut self) {
        let Some(backup) = self.backup.take() else { return self.back_up() };
        self.note("the ledger is lost");
        let before = Ledger::read(&self.store.reopen());
        self.die();
        self.note("an older copy of the ledger is restored");
        self.store = backup.store.copy();
        self.targets.hosts.restore(&backup.registers);
        let after = Ledger::read(&self.store);
        self.memory.set_back(&backup, &before, &after);
        self.come_back();
    }

    /// A call that an earlier server made arrives.
    pub(crate) fn late_call(&mut self) {
        if let Some(call) = self.late.pop() {
            self.begin("a call of a dead server arrives".to_owned(), call.arrive().boxed());
        }
    }

    /// Whether a target has been served by an epoch that this server does not have: by a later ledger.
    pub(crate) fn is_behind(&self) -> bool {
        let ours = futures::executor::block_on(curfew_engine::seams::Store::fact(&self.store, "epoch"));
        let ours: u64 = ours.ok().flatten().and_then(|text| text.parse().ok()).unwrap_or(0);
        resources().iter().any(|resource| self.targets.epoch(resource) > ours)
    }

    pub(crate) fn serving(&self) -> std::sync::MutexGuard<'_, Serving> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn boot(&mut self) {
        let engine = self.engine.clone();
        self.executor.spawn(async move { engine.drive().await }.boxed());
        let (engine, edge, clock, serving) =
            (self.engine.clone(), self.edge.clone(), self.clock.clone(), self.serving.clone());
        let started = clock.monotonic();
        let verb = async move {
            match engine.start().await {
                Ok(()) => {
                    let mut serving = serving.lock().unwrap_or_else(PoisonError::into_inner);
                    (serving.started, serving.since) = (started, Some(clock.monotonic()));
                    "serving".to_owned()
                }
                Err(error) => {
                    // A server that cannot start exits, and is started again.
                    edge.dead.store(true, Ordering::SeqCst);
                    format!("did not start: {error}")
                }
            }
        };
        self.begin("the server starts".to_owned(), verb.boxed());
    }
}

fn note(trace: &Mutex<String>, clock: &SimClock, line: &str) {
    let mut trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(trace, "{} {line}", clock.truth()).expect("INVARIANT: writing to a string");
}

fn engine(
    store: &MemoryStore,
    clock: &SimClock,
    targets: &Targets,
    edge: &Arc<Edge>,
    chance: &Arc<Chance>,
    rules: &PolicySet,
) -> Arc<Engine> {
    let edged = |inner: Arc<dyn Connector>| -> Arc<dyn Connector> {
        Arc::new(Edged { inner, edge: edge.clone(), chance: chance.clone() })
    };
    Arc::new(Engine::new(EngineParts {
        store: Arc::new(InTurns { inner: store.clone(), chance: chance.clone() }),
        clock: Arc::new(clock.clone()),
        entropy: chance.clone(),
        connectors: vec![edged(targets.databases.clone()), edged(targets.hosts.clone())],
        secrets: Arc::new(OneSecret),
        policy: rules.clone(),
        audience: Audience { mail_from: None, webhooks: vec!["siem".to_owned()] },
        unnamed: Unnamed::Nobody,
        pipelines: Pipelines::default(),
    }))
}

impl Trouble {
    /// The trouble of a seed: some have none, some have much.
    pub fn of(seed: u64) -> Self {
        let chance = Chance::new(seed ^ 0x7452_6F75_626C_6521);
        Self {
            crash_once_in: *chance.pick(&[0, 0, 40, 150]),
            crash_at: 0,
            commit_fault_once_in: *chance.pick(&[0, 0, 15, 60]),
            target_fault_once_in: *chance.pick(&[0, 2, 3, 5]),
        }
    }
}
