//! The targets of the world: both connectors' fakes behind one face, so that every step and every invariant is
//! about databases and hosts alike.

use curfew_connectors::postgres::fake::{Call, FakePostgres, Fault, Power};
use curfew_connectors::ssh::fake::{Admits, Agent, FakeSsh};
use curfew_domain::lease::{Leftover, LeftoverDone};
use curfew_domain::{ResourceName, Timestamp};
use curfew_engine::seams::Clock;
use curfew_engine::seams::connector::{Marker, PublicHalf};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// What stands behind a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Database,
    Host,
}

/// Every resource of the world.
pub(crate) fn resources() -> [ResourceName; 4] {
    ["services/db", "services/mq", "hosts/web", "hosts/jobs"]
        .map(|name| ResourceName::new(name).expect("INVARIANT: a name"))
}

/// What a resource is.
pub(crate) fn kind(resource: &ResourceName) -> Kind {
    if resource.as_str().starts_with("hosts/") { Kind::Host } else { Kind::Database }
}

/// A valid SCRAM verifier, whose secret nobody knows.
const VERIFIER: &str = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$\
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// A public key, whose secret nobody keeps.
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdIKQxE7jZQ5TmjjXKrKPmgVtyq6QY65iWTG/jxfvup sim";

/// What a subject sends for a resource.
pub(crate) fn public_half(resource: &ResourceName) -> PublicHalf {
    let (kind, value) = match kind(resource) {
        Kind::Database => ("scram_sha_256", VERIFIER),
        Kind::Host => ("ssh_public_key", KEY),
    };
    PublicHalf { kind: kind.to_owned(), value: value.to_owned() }
}

/// Whether a target has a thing at all, whoever it lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    There,
    /// A certificate that its host refuses, or a role that is gone while its sessions go on.
    Gone,
}

/// A role or a certificate as its target treats it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) marker: Option<Marker>,
    pub(crate) presence: Presence,
    /// Whether a login with it would be let in now.
    pub(crate) admitted: bool,
    pub(crate) sessions: usize,
    /// The target's own end of it.
    pub(crate) until: Timestamp,
    /// What it lets do.
    pub(crate) actions: Vec<String>,
    /// The oid or the serial.
    pub(crate) number: u64,
}

impl Shown {
    /// Whether somebody gets in with it, or is in.
    pub(crate) fn is_open(&self) -> bool {
        self.admitted || self.sessions > 0
    }
}

/// Databases and hosts.
#[derive(Clone)]
pub(crate) struct Targets {
    pub(crate) databases: Arc<FakePostgres>,
    pub(crate) hosts: Arc<FakeSsh>,
    /// The name of every role that was ever seen, by its oid: sessions outlive roles.
    names: Arc<Mutex<BTreeMap<(ResourceName, u32), String>>>,
    removed: Arc<Mutex<BTreeSet<String>>>,
}

impl Targets {
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            databases: Arc::new(FakePostgres::new(clock.clone())),
            hosts: Arc::new(FakeSsh::new(clock.clone())),
            names: Arc::default(),
            removed: Arc::default(),
        }
    }

    /// Everything that a target has, and every session that is open there.
    pub(crate) fn look(&self, resource: &ResourceName) -> Vec<Shown> {
        match kind(resource) {
            Kind::Database => self.roles(resource),
            Kind::Host => self.certificates(resource),
        }
    }

    fn roles(&self, resource: &ResourceName) -> Vec<Shown> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = self.databases.open_sessions(resource);
        let open = |oid: u32| sessions.iter().filter(|s| **s == oid).count();
        let mut shown = Vec::new();
        for role in self.databases.roles(resource) {
            names.insert((resource.clone(), role.oid), role.name.clone());
            shown.push(Shown {
                marker: role.comment.as_deref().and_then(Marker::parse),
                presence: Presence::There,
                admitted: role.login,
                sessions: open(role.oid),
                until: role.valid_until,
                actions: role.actions,
                number: role.oid.into(),
                name: role.name,
            });
        }
        let gone = sessions.iter().filter(|oid| !shown.iter().any(|s| s.number == u64::from(**oid)));
        let gone: Vec<Shown> = gone
            .filter_map(|oid| {
                let name = names.get(&(resource.clone(), *oid))?.clone();
                let (marker, until) = (None, Timestamp::from_millis(0));
                let (presence, sessions, actions) = (Presence::Gone, open(*oid), Vec::new());
                let number = u64::from(*oid);
                Some(Shown { name, marker, presence, admitted: false, sessions, until, actions, number })
            })
            .collect();
        shown.extend(gone);
        shown
    }

    fn certificates(&self, resource: &ResourceName) -> Vec<Shown> {
        let shown = self.hosts.look(resource).into_iter().map(|s| Shown {
            name: s.certificate.name,
            presence: match s.unexpired {
                Admits::Yes => Presence::There,
                Admits::No => Presence::Gone,
            },
            admitted: s.admits == Admits::Yes,
            sessions: s.sessions,
            until: s.certificate.marker.expires_at,
            actions: s.certificate.actions,
            number: s.certificate.serial,
            marker: Some(s.certificate.marker),
        });
        shown.collect()
    }

    /// The epoch a target has seen; 0 before the first.
    pub(crate) fn epoch(&self, resource: &ResourceName) -> u64 {
        match kind(resource) {
            Kind::Database => self.databases.epoch(resource).unwrap_or(0),
            Kind::Host => self.hosts.epoch(resource),
        }
    }

    /// A subject logs in, and now and then leaves something behind.
    pub(crate) fn log_in(&self, resource: &ResourceName, name: &str) -> Result<(), String> {
        match kind(resource) {
            Kind::Database => self.databases.log_in(resource, name),
            Kind::Host => self.hosts.log_in(resource, name),
        }
    }

    /// A subject with a role leaves a table lying about.
    pub(crate) fn litter(&self, resource: &ResourceName, name: &str) {
        let scrap = Leftover {
            kind: "table".to_owned(),
            name: "public.scrap".to_owned(),
            database: "fake".to_owned(),
            done: LeftoverDone::Reported,
        };
        self.databases.tamper(resource, name, |role| role.owns.push(scrap));
    }

    /// An administrator takes something away behind Curfew's back.
    pub(crate) fn remove(&self, resource: &ResourceName, name: &str) {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        match kind(resource) {
            Kind::Database => self.databases.remove(resource, name),
            Kind::Host => self.hosts.remove(resource, name),
        }
    }

    /// Whether an administrator ever took it away.
    pub(crate) fn was_removed(&self, name: &str) -> bool {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// Something that bears a marker appears, as from a ledger that is lost; on a host with a session open.
    pub(crate) fn plant(&self, resource: &ResourceName, marker: &Marker) {
        match kind(resource) {
            Kind::Database => {
                let name = curfew_domain::lease::handle(marker.lease);
                self.databases.plant(resource, &name, Some(marker.to_string()));
            }
            Kind::Host => {
                self.hosts.plant(resource, marker.clone());
            }
        }
    }

    pub(crate) fn break_next(&self, resource: &ResourceName, call: Call, fault: Fault) {
        match kind(resource) {
            Kind::Database => self.databases.break_next(resource, call, fault),
            Kind::Host => self.hosts.break_next(resource, call, fault),
        }
    }

    pub(crate) fn set_power(&self, resource: &ResourceName, power: Power) {
        match kind(resource) {
            Kind::Database => self.databases.set_power(resource, power),
            Kind::Host => self.hosts.set_power(resource, power),
        }
    }

    pub(crate) fn set_clock_offset(&self, resource: &ResourceName, millis: i64) {
        match kind(resource) {
            Kind::Database => self.databases.set_clock_offset(resource, millis),
            Kind::Host => self.hosts.set_clock_offset(resource, millis),
        }
    }

    /// Nothing is wrong with any target from now on.
    pub(crate) fn mend(&self) {
        for resource in resources() {
            self.set_power(&resource, Power::Up);
            self.set_clock_offset(&resource, 0);
            match kind(&resource) {
                Kind::Database => {
                    self.databases.mend(&resource);
                    self.databases.set_drift(&resource, Vec::new());
                }
                Kind::Host => {
                    self.hosts.mend(&resource);
                    self.hosts.set_agent(&resource, Agent::Prompt);
                }
            }
        }
    }
}
