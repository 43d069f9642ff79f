//! SSH hosts in memory, for the simulator: one host for each resource, with a `curfew host` that reports.
//!
//! What is special about SSH is kept: a certificate, once made, is with the subject and cannot be taken back.
//! It opens the host until it expires there or the host refuses it; a host that is down learns nothing, and one
//! that is late refuses nothing new. What is known of a host is what it last reported.
//!
//! **Invariant:** there is no runtime, no network and no clock but the seam here, so the same calls give
//! the same bytes. Whether it answers as the real one does is the conformance suite's question.

mod host;
mod verbs;

use super::KIND;
use crate::postgres::fake::faults::Faults;
pub use crate::postgres::fake::{Call, Fault, Power};
use curfew_domain::connector::ConnectorKind;
use curfew_domain::{Id, Lease, ResourceName, Timestamp};
use curfew_engine::seams::connector::{
    CallError, ExtendOrder, Finding, Found, IssueOrder, Issued, Marker, Observation, Revocation, RevokeOrder, Standing,
    Target, Told,
};
use curfew_engine::seams::{BoxFuture, Clock, Connector};
use host::World;
pub use host::{Admits, Agent, FakeCertificate, Register, Shown};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a revocation waits for a host that is late to report.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// SSH resources in memory, each with one host.
pub struct FakeSsh {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    worlds: BTreeMap<ResourceName, World>,
    faults: Faults,
}

impl FakeSsh {
    /// Hosts without sessions, all up.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, inner: Mutex::default() }
    }

    /// The next call of this sort to this resource meets the fault; several queue up. [`Fault::Forget`] is a
    /// host that falls back to how it was before the call; what the ledger keeps stays.
    pub fn break_next(&self, resource: &ResourceName, call: Call, fault: Fault) {
        self.lock_inner().faults.queue(resource, call, fault);
    }

    /// Takes a host's network away, or gives it back. Certificates are made all the same; they open the host
    /// until it refuses them.
    pub fn set_power(&self, resource: &ResourceName, power: Power) {
        self.lock_inner().faults.set_power(resource, power);
    }

    /// Forgets the faults that are still to come.
    pub fn mend(&self, resource: &ResourceName) {
        self.lock_inner().faults.mend(resource);
    }

    /// How fast a host's agent is from now on.
    pub fn set_agent(&self, resource: &ResourceName, agent: Agent) {
        self.with(resource, |world| world.host.agent = agent);
    }

    /// One turn of a host's agent, if the host is up: it puts the list in force that it fetched before, ends the
    /// sessions of that list, reports, and fetches the next list.
    pub fn take_turn(&self, resource: &ResourceName) {
        let wall = self.clock.wall();
        let power = self.lock_inner().faults.power(resource);
        self.with(resource, |world| match power {
            Power::Up => world.turn(wall),
            Power::Down => world.expire(wall),
        });
    }

    /// Every certificate of a resource as its host treats it now. Nobody reaches the host for this.
    pub fn look(&self, resource: &ResourceName) -> Vec<Shown> {
        let wall = self.clock.wall();
        self.with(resource, |world| {
            let host = &world.host;
            let shown = |certificate: &FakeCertificate| Shown {
                certificate: certificate.clone(),
                admits: if host.admits(certificate, wall) { Admits::Yes } else { Admits::No },
                unexpired: if host.refuses(certificate) { Admits::No } else { Admits::Yes },
                sessions: host.sessions.iter().filter(|s| **s == certificate.serial).count(),
            };
            world.made.values().map(shown).collect()
        })
    }

    /// What the ledger keeps of every resource, as a copy of the ledger would hold it.
    pub fn registers(&self) -> BTreeMap<ResourceName, Register> {
        self.lock_inner().worlds.iter().map(|(name, world)| (name.clone(), world.register.clone())).collect()
    }

    /// The ledger is an older copy: so is what it keeps of every resource. Hosts and subjects keep what they have.
    pub fn restore(&self, registers: &BTreeMap<ResourceName, Register>) {
        for (name, world) in &mut self.lock_inner().worlds {
            world.register = registers.get(name).cloned().unwrap_or_default();
        }
    }

    /// The highest epoch that has served a resource, as the ledger has it.
    pub fn epoch(&self, resource: &ResourceName) -> u64 {
        self.with(resource, |world| world.register.epoch)
    }

    /// Moves a host's clock away from ours.
    pub fn set_clock_offset(&self, resource: &ResourceName, millis: i64) {
        self.with(resource, |world| world.host.clock_offset_millis = millis);
    }

    /// Every certificate that was ever made for a resource.
    pub fn certificates(&self, resource: &ResourceName) -> Vec<FakeCertificate> {
        self.with(resource, |world| world.made.values().cloned().collect())
    }

    /// Logs in with the certificate of this name. The session stays open until somebody ends it.
    ///
    /// # Errors
    /// What the host says, as text.
    pub fn log_in(&self, resource: &ResourceName, name: &str) -> Result<(), String> {
        let wall = self.clock.wall();
        self.reach(resource, wall);
        self.with(resource, |world| {
            let certificate = world.made.values().find(|c| c.name == name).ok_or("no such certificate")?;
            if !world.host.admits(certificate, wall) {
                return Err("permission denied".to_owned());
            }
            world.host.sessions.push(certificate.serial);
            Ok(())
        })
    }

    /// Whether the certificate of this name opens the host, or a session with it is open.
    pub fn is_open(&self, resource: &ResourceName, name: &str) -> bool {
        let wall = self.clock.wall();
        self.reach(resource, wall);
        self.with(resource, |world| {
            let mut named = world.made.values().filter(|c| c.name == name);
            named.any(|c| world.host.admits(c, wall) || world.host.sessions.contains(&c.serial))
        })
    }

    /// How many sessions with this serial are open.
    pub fn sessions(&self, resource: &ResourceName, serial: u64) -> usize {
        self.reach(resource, self.clock.wall());
        self.with(resource, |world| world.host.sessions.iter().filter(|s| **s == serial).count())
    }

    /// Ends every session with the certificate of this name behind Curfew's back, and has the host refuse it,
    /// as an administrator would.
    pub fn remove(&self, resource: &ResourceName, name: &str) {
        self.with(resource, |world| {
            let serials: Vec<u64> = world.made.values().filter(|c| c.name == name).map(|c| c.serial).collect();
            world.host.sessions.retain(|s| !serials.contains(s));
            world.host.refused.extend(serials);
        });
    }

    /// Opens a session with a certificate that the ledger does not know, and gives its serial: what a ledger
    /// restored from a backup meets.
    pub fn plant(&self, resource: &ResourceName, marker: Marker) -> u64 {
        let serial = super::certificate::serial(marker.lease);
        let name = curfew_domain::lease::handle(marker.lease);
        let key = String::new();
        self.with(resource, |world| {
            let authority = world.register.authority;
            let certificate = FakeCertificate { serial, name, marker, actions: Vec::new(), key, authority };
            world.made.insert(serial, certificate);
            world.host.sessions.push(serial);
        });
        serial
    }

    /// The serial of a lease's certificate.
    pub fn serial(lease: Id<Lease>) -> u64 {
        super::certificate::serial(lease)
    }

    fn with<T>(&self, resource: &ResourceName, look: impl FnOnce(&mut World) -> T) -> T {
        look(self.lock_inner().worlds.entry(resource.clone()).or_default())
    }

    /// Lets the host ask what to do, if it is up. In the real thing this happens every second.
    fn reach(&self, resource: &ResourceName, wall: Timestamp) -> Power {
        let power = self.lock_inner().faults.power(resource);
        self.with(resource, |world| match power {
            Power::Up => world.sync(wall),
            // `curfew host` ends what has expired without asking anybody.
            Power::Down => world.expire(wall),
        });
        power
    }

    fn lock_inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a verb on a resource with the fault that is due, if any. The verb is told whether the host is up.
    async fn call<T>(
        &self,
        target: &Target,
        call: Call,
        verb: impl FnOnce(&mut World, Power, Timestamp) -> Result<T, CallError>,
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
        let wall = self.clock.wall();
        self.with(&target.resource, |world| world.hears(target));
        let reached = self.reach(&target.resource, wall);
        let power = if fault == Some(Fault::Down) { Power::Down } else { reached };
        self.with(&target.resource, |world| {
            let before = world.host.clone();
            let answer = verb(world, power, wall);
            match fault {
                Some(Fault::LoseReply) => Err(CallError::Lost { resource, message }),
                Some(Fault::Forget) => {
                    world.host = before;
                    answer
                }
                Some(Fault::Slow(_) | Fault::Refuse | Fault::LoseCall | Fault::Down) | None => answer,
            }
        })
    }
}

impl Connector for FakeSsh {
    fn kind(&self) -> &'static ConnectorKind {
        &KIND
    }

    fn preflight<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let looked = self.call(target, Call::Preflight, |_, power, _| verbs::probe(target, power)).await;
            let (standing, message) = match looked {
                Ok(()) => (Standing::Ok, "the host reports".to_owned()),
                Err(e) => (Standing::Warning, e.to_string()),
            };
            vec![Finding { check: "host".to_owned(), standing, message }]
        })
    }

    fn prepare<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.call(target, Call::Prepare, |world, _, _| verbs::prepare(world, target)))
    }

    fn probe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.call(target, Call::Probe, |_, power, _| verbs::probe(target, power)))
    }

    fn issue<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [IssueOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(async move {
            let verb = |world: &mut World, _, _| Ok(orders.iter().map(|o| verbs::issue(world, target, o)).collect());
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
            let verb = |world: &mut World, _, _| Ok(orders.iter().map(|o| verbs::extend(world, target, o)).collect());
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
            let verb = |world: &mut World, power, wall| verbs::revoke(world, target, orders, power, wall);
            match self.call(target, Call::Revoke, verb).await {
                Ok(answers) if answers.iter().all(Result::is_ok) => answers,
                Ok(_) => {
                    self.clock.sleep(PATIENCE).await;
                    self.with(&target.resource, |world| verbs::verdicts(world, target, orders))
                }
                Err(error) => vec![Err(error); orders.len()],
            }
        })
    }

    fn observe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Observation, CallError>> {
        Box::pin(self.call(target, Call::Observe, |world, _, wall| Ok(verbs::observe(world, wall))))
    }

    fn told<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Told, CallError>> {
        Box::pin(self.call(target, Call::Told, |world, _, _| Ok(verbs::told(world, target))))
    }

    // A host is told whenever it asks.
    fn tell<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.call(target, Call::Tell, |world, _, _| verbs::tell(world, target)))
    }

    fn begin_again<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.call(target, Call::Tell, |world, _, _| verbs::begin_again(world, target)))
    }

    fn lock<'a>(&'a self, target: &'a Target, found: &'a Found) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.call(target, Call::Lock, |world, power, wall| verbs::lock(world, target, found, power, wall)))
    }
}
