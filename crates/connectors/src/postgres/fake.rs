//! A PostgreSQL target in memory, for the simulator: the same answers as the real one, and faults on order.
//!
//! **Invariant:** there is no runtime, no network and no clock but the seam here, so the same calls give
//! the same bytes. Whether it answers as the real one does is the conformance suite's question.

pub(crate) mod faults;
mod verbs;

pub use faults::{Call, Fault};

use super::KIND;
use curfew_domain::connector::ConnectorKind;
use curfew_domain::lease::Leftover;
use curfew_domain::{ResourceName, Timestamp};
use curfew_engine::seams::connector::{
    CallError, ExtendOrder, Finding, Found, IssueOrder, Issued, LedgerMark, Observation, Revocation, RevokeOrder,
    Standing, Target, Told,
};
use curfew_engine::seams::{BoxFuture, Clock, Connector};
use faults::Faults;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A role in a fake target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeRole {
    /// Its oid; never used twice in one target.
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// Its comment, where its marker is.
    pub comment: Option<String>,
    /// Whether it may log in.
    pub login: bool,
    /// Its own expiry.
    pub valid_until: Timestamp,
    /// The groups it is a member of, by action.
    pub actions: Vec<String>,
    /// What it would leave behind.
    pub owns: Vec<Leftover>,
    verifier: String,
}

/// One fake target.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) roles: BTreeMap<u32, FakeRole>,
    /// Open sessions, as the oids of their roles.
    pub(super) sessions: Vec<u32>,
    pub(super) epoch: Option<u64>,
    pub(super) drift: Vec<String>,
    pub(super) clock_offset_millis: i64,
    pub(super) last_oid: u32,
    pub(super) told: Option<LedgerMark>,
}

/// Whether a fake target answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// It does.
    Up,
    /// Every call fails as when nothing listens. Open sessions stay open.
    Down,
}

/// PostgreSQL targets in memory, one for each resource.
pub struct FakePostgres {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    worlds: BTreeMap<ResourceName, World>,
    faults: Faults,
}

impl FakePostgres {
    /// Empty targets, all up.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, inner: Mutex::default() }
    }

    /// The next call of this sort to this resource meets the fault; several queue up.
    pub fn break_next(&self, resource: &ResourceName, call: Call, fault: Fault) {
        self.lock_inner().faults.queue(resource, call, fault);
    }

    /// Forgets the faults that are still to come.
    pub fn mend(&self, resource: &ResourceName) {
        self.lock_inner().faults.mend(resource);
    }

    /// The highest epoch that a target has seen; none before the first `prepare`.
    pub fn epoch(&self, resource: &ResourceName) -> Option<u64> {
        self.with(resource, |world| world.epoch)
    }

    /// Takes a target's network away, or gives it back.
    pub fn set_power(&self, resource: &ResourceName, power: Power) {
        self.lock_inner().faults.set_power(resource, power);
    }

    /// Moves a target's clock away from ours.
    pub fn set_clock_offset(&self, resource: &ResourceName, millis: i64) {
        self.with(resource, |world| world.clock_offset_millis = millis);
    }

    /// What `observe` reports as drift from now on.
    pub fn set_drift(&self, resource: &ResourceName, drift: Vec<String>) {
        self.with(resource, |world| world.drift = drift);
    }

    /// Every role of a target, by oid.
    pub fn roles(&self, resource: &ResourceName) -> Vec<FakeRole> {
        self.with(resource, |world| world.roles.values().cloned().collect())
    }

    /// Changes the role of this name behind Curfew's back; false when there is none.
    pub fn tamper(&self, resource: &ResourceName, name: &str, change: impl FnOnce(&mut FakeRole)) -> bool {
        self.with(resource, |world| world.roles.values_mut().find(|r| r.name == name).map(change).is_some())
    }

    /// Removes the role of this name behind Curfew's back, as an administrator would; sessions stay.
    pub fn remove(&self, resource: &ResourceName, name: &str) {
        self.with(resource, |world| world.roles.retain(|_, role| role.name != name));
    }

    /// Adds a role behind Curfew's back, and returns its oid.
    pub fn plant(&self, resource: &ResourceName, name: &str, comment: Option<String>) -> u32 {
        self.with(resource, |world| {
            let oid = world.next_oid();
            let role = FakeRole {
                oid,
                name: name.to_owned(),
                comment,
                login: true,
                valid_until: Timestamp::from_millis(i64::MAX),
                actions: Vec::new(),
                owns: Vec::new(),
                verifier: String::new(),
            };
            world.roles.insert(oid, role);
            oid
        })
    }

    /// Logs in as the subject would. The session stays open until somebody ends it.
    ///
    /// # Errors
    /// What the target says, as text.
    pub fn log_in(&self, resource: &ResourceName, name: &str) -> Result<(), String> {
        let wall = self.clock.wall();
        self.with(resource, |world| {
            let now = world.now(wall);
            let role = world.roles.values().find(|r| r.name == name).ok_or("role does not exist")?;
            if !role.login {
                return Err("role is not permitted to log in".to_owned());
            }
            if role.valid_until <= now {
                return Err("password authentication failed".to_owned());
            }
            world.sessions.push(role.oid);
            Ok(())
        })
    }

    /// How many sessions of this oid are open.
    pub fn sessions(&self, resource: &ResourceName, oid: u32) -> usize {
        self.with(resource, |world| world.sessions.iter().filter(|s| **s == oid).count())
    }

    /// The oid of every open session, also of roles that are gone.
    pub fn open_sessions(&self, resource: &ResourceName) -> Vec<u32> {
        self.with(resource, |world| world.sessions.clone())
    }

    fn with<T>(&self, resource: &ResourceName, look: impl FnOnce(&mut World) -> T) -> T {
        look(self.lock_inner().worlds.entry(resource.clone()).or_default())
    }

    fn lock_inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a verb on a target with the fault that is due, if any.
    async fn call<T>(
        &self,
        target: &Target,
        call: Call,
        verb: impl FnOnce(&mut World, Timestamp) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let fault = self.lock_inner().faults.due(&target.resource, call);
        if let Some(Fault::Slow(length)) = fault {
            self.clock.sleep(length).await;
        }
        let (resource, message) = (target.resource.to_string(), "a scripted fault".to_owned());
        if fault == Some(Fault::Refuse) {
            return Err(CallError::Refused { resource, message });
        }
        if fault == Some(Fault::LoseCall) {
            return Err(CallError::Lost { resource, message });
        }
        if fault == Some(Fault::Down) || self.lock_inner().faults.power(&target.resource) == Power::Down {
            return Err(CallError::Unreachable { resource, message });
        }
        let wall = self.clock.wall();
        self.with(&target.resource, |world| {
            let before = world.clone();
            let answer = verb(world, wall);
            match fault {
                Some(Fault::LoseReply) => Err(CallError::Lost { resource, message }),
                Some(Fault::Forget) => {
                    *world = World { last_oid: world.last_oid, epoch: world.epoch, told: world.told.clone(), ..before };
                    answer
                }
                Some(Fault::Slow(_) | Fault::Refuse | Fault::LoseCall | Fault::Down) | None => answer,
            }
        })
    }
}

impl Connector for FakePostgres {
    fn kind(&self) -> &'static ConnectorKind {
        &KIND
    }

    fn preflight<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let looked = self.call(target, Call::Preflight, |_, _| Ok(())).await;
            let (standing, message) = match looked {
                Ok(()) => (Standing::Ok, "it answers".to_owned()),
                Err(e) => (Standing::Failed, e.to_string()),
            };
            vec![Finding { check: "reachable".to_owned(), standing, message }]
        })
    }

    fn prepare<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.call(target, Call::Prepare, move |world, _| verbs::prepare(world, target)))
    }

    fn probe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.call(target, Call::Probe, |_, _| Ok(())))
    }

    fn issue<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [IssueOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(async move {
            let verb =
                |world: &mut World, wall| Ok(orders.iter().map(|o| verbs::issue(world, target, o, wall)).collect());
            let answers = self.call(target, Call::Issue, verb).await;
            answers.unwrap_or_else(|e| vec![Err(e); orders.len()])
        })
    }

    fn extend<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [ExtendOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(async move {
            let verb =
                |world: &mut World, wall| Ok(orders.iter().map(|o| verbs::extend(world, target, o, wall)).collect());
            let answers = self.call(target, Call::Extend, verb).await;
            answers.unwrap_or_else(|e| vec![Err(e); orders.len()])
        })
    }

    fn revoke<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [RevokeOrder],
    ) -> BoxFuture<'a, Vec<Result<Revocation, CallError>>> {
        Box::pin(async move {
            let verb =
                |world: &mut World, wall| Ok(orders.iter().map(|o| verbs::revoke(world, target, o, wall)).collect());
            let answers = self.call(target, Call::Revoke, verb).await;
            answers.unwrap_or_else(|e| vec![Err(e); orders.len()])
        })
    }

    fn observe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Observation, CallError>> {
        Box::pin(self.call(target, Call::Observe, |world, _| Ok(verbs::observe(world))))
    }

    fn told<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Told, CallError>> {
        Box::pin(self.call(target, Call::Told, |world, _| Ok(verbs::told(world))))
    }

    fn tell<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.call(target, Call::Tell, move |world, _| verbs::tell(world, target)))
    }

    fn begin_again<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.call(target, Call::Tell, move |world, _| verbs::begin_again(world, target)))
    }

    fn lock<'a>(&'a self, target: &'a Target, found: &'a Found) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.call(target, Call::Lock, move |world, _| verbs::lock(world, target, found)))
    }
}
