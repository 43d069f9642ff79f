//! The world: one ledger, two targets, a few people, and a server that may die and come back.

use crate::chance::Chance;
use crate::clock::SimClock;
use crate::edge::{Edge, Edged};
use crate::executor::Executor;
use curfew_connectors::postgres::KIND;
use curfew_connectors::postgres::fake::FakePostgres;
use curfew_domain::{Email, GroupName, Identity, ResourceName, Subject, SubjectId, SubjectKind};
use curfew_engine::seams::secrets::SecretError;
use curfew_engine::seams::{BoxFuture, Clock, Connector, Secrets};
use curfew_engine::{Audience, Engine, EngineParts, Unnamed};
use curfew_policy::{PolicySet, Purpose, SourceFile, check};
use curfew_store::memory::{CommitPoint, Fault, MemoryStore};
use futures::FutureExt;
use secrecy::SecretString;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const POLICY: &str = r#"
groups:
  dba: [ann@example.com, bob@example.com]
resources:
  - {name: services/db, connector: postgres, admin: "env:CURFEW_SERVICES_DB_URL"}
  - {name: services/mq, connector: postgres, admin: "env:CURFEW_SERVICES_MQ_URL"}
administrators: [root@example.com]
roles:
  - name: debug
    duration: {min: 1s, default: 10m, max: 1h}
    conditions: [{resource: services/db, actions: [read, write]}]
    deny: [mallory@example.com]
    approvers: [group:dba]
  - name: everywhere
    duration: 20m
    conditions: [{resource: "services/*", actions: [read]}]
    approvers: [ann@example.com, dev@example.com]
  - name: glance
    requesters: [dev@example.com, eve@example.com]
    duration: 2m
    conditions: [{resource: services/mq, actions: [read]}]
    approval: automatic
"#;

/// What may go wrong in a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trouble {
    /// The server dies once in so many boundaries; never when 0.
    pub crash_once_in: usize,
    /// The server dies at just this boundary; nowhere when 0.
    pub crash_at: u64,
    /// A commit fails, or its answer is lost, once in so many; never when 0.
    pub commit_fault_once_in: usize,
    /// A step of the script breaks a target, a clock or a role once in so many; never when 0.
    pub target_fault_once_in: usize,
}

/// Everything there is.
pub struct World {
    pub(crate) chance: Arc<Chance>,
    pub(crate) clock: SimClock,
    pub(crate) store: MemoryStore,
    pub(crate) targets: Arc<FakePostgres>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) engine: Arc<Engine>,
    executor: Executor,
    commit_faults: Arc<Mutex<usize>>,
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

/// The policy of every world.
pub(crate) fn policy() -> PolicySet {
    let files = [SourceFile { path: "policy.yaml".to_owned(), bytes: POLICY.as_bytes().to_vec() }];
    let checked = check(&files, &[&KIND], Purpose::Load);
    let problems: Vec<String> =
        checked.problems.iter().map(|p| format!("{}:{} {}", p.line, p.column, p.message)).collect();
    checked.set.unwrap_or_else(|| panic!("the simulator's policy: {problems:?}"))
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
        let commit_faults = Arc::new(Mutex::new(trouble.commit_fault_once_in));
        let store = MemoryStore::new().with_faults(faults(&chance, &edge, &commit_faults));
        let targets = Arc::new(FakePostgres::new(Arc::new(clock.clone())));
        let engine = engine(&store, &clock, &targets, &edge, &chance);
        let trace = Arc::default();
        let mut world = Self {
            chance,
            clock,
            store,
            targets,
            edge,
            engine,
            executor: Executor::default(),
            commit_faults,
            trace,
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
        *self.commit_faults.lock().unwrap_or_else(PoisonError::into_inner) = 0;
    }

    pub(crate) fn die_and_return(&mut self) {
        self.note("the server dies");
        self.crashes += 1;
        self.store.crash();
        self.executor.kill();
        self.clock.clear();
        self.clock.advance(self.clock.monotonic() + Duration::from_millis(500));
        self.edge.dead.store(false, Ordering::SeqCst);
        self.store = self.store.reopen();
        self.engine = engine(&self.store, &self.clock, &self.targets, &self.edge, &self.chance);
        self.boot();
    }

    fn boot(&mut self) {
        let engine = self.engine.clone();
        self.executor.spawn(async move { engine.drive().await }.boxed());
        let (engine, edge) = (self.engine.clone(), self.edge.clone());
        let verb = async move {
            match engine.start().await {
                Ok(()) => "serving".to_owned(),
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
    targets: &Arc<FakePostgres>,
    edge: &Arc<Edge>,
    chance: &Arc<Chance>,
) -> Arc<Engine> {
    let inner: Arc<dyn Connector> = targets.clone();
    Arc::new(Engine::new(EngineParts {
        store: Arc::new(store.clone()),
        clock: Arc::new(clock.clone()),
        entropy: chance.clone(),
        connectors: vec![Arc::new(Edged { inner, edge: edge.clone(), chance: chance.clone() })],
        secrets: Arc::new(OneSecret),
        policy: policy(),
        audience: Audience { mail_from: None, webhooks: vec!["siem".to_owned()] },
        unnamed: Unnamed::Nobody,
    }))
}

fn faults(chance: &Arc<Chance>, edge: &Arc<Edge>, odds: &Arc<Mutex<usize>>) -> curfew_store::memory::Faults {
    let (chance, edge, odds) = (chance.clone(), edge.clone(), odds.clone());
    Arc::new(move |_: CommitPoint<'_>| {
        if edge.dies(&chance) {
            return Fault::CrashBefore;
        }
        if edge.dies(&chance) {
            return Fault::CrashAfter;
        }
        let odds = *odds.lock().unwrap_or_else(PoisonError::into_inner);
        match odds {
            0 => Fault::None,
            n if chance.one_in(n) => *chance.pick(&[Fault::FailBefore, Fault::LoseReply]),
            _ => Fault::None,
        }
    })
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
