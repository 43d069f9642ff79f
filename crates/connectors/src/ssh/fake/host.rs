//! What is in the ledger, on the host and with the subjects, and what `curfew host` does by itself.

use curfew_domain::Timestamp;
use curfew_engine::seams::connector::{LedgerMark, Marker, Target};
use std::collections::{BTreeMap, BTreeSet};

/// A certificate that some subject holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeCertificate {
    /// Its serial.
    pub serial: u64,
    /// Its name: the lease's handle.
    pub name: String,
    /// What its key id says.
    pub marker: Marker,
    /// What it lets do.
    pub actions: Vec<String>,
    /// The subject's key.
    pub key: String,
    /// Which authority signed it.
    pub authority: u64,
}

/// What is kept in the ledger about one resource.
#[derive(Debug, Clone, Default)]
pub struct Register {
    pub(super) standing: BTreeMap<u64, FakeCertificate>,
    pub(super) refused: BTreeSet<u64>,
    pub(super) epoch: u64,
    /// How far the ledger has come.
    pub(super) mark: LedgerMark,
    /// Every place of the ledger that its host was told of, or that was dealt with.
    pub(super) marks: BTreeSet<LedgerMark>,
    /// The authority that signs now, and the first that counts.
    pub(super) authority: u64,
    pub(super) first_authority: u64,
}

/// When the `curfew host` of a resource does what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Agent {
    /// At once: whoever looks finds it up to date.
    #[default]
    Prompt,
    /// At its turns only ([`FakeSsh::take_turn`]); what it was told at one turn is in force at the next.
    Late,
}

/// What a host said when it last reported.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    /// The revocation list that sshd read then.
    pub(super) refused: BTreeSet<u64>,
    pub(super) sessions: Vec<u64>,
    /// When it came, by the server's clock; none before the first.
    pub(super) at: Option<Timestamp>,
    /// The epoch of the server that it came to.
    pub(super) epoch: u64,
}

/// What a host is told to do.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    refused: BTreeSet<u64>,
    first_authority: u64,
    mark: LedgerMark,
}

/// What is on the host of one resource.
#[derive(Debug, Clone, Default)]
pub(super) struct Host {
    /// The revocation list that sshd reads.
    pub(super) refused: BTreeSet<u64>,
    /// Certificates of earlier authorities open nothing.
    pub(super) first_authority: u64,
    /// What was fetched and is not in force yet.
    pub(super) fetched: Option<Fetched>,
    /// How far the ledger had come when what is in force was fetched.
    pub(super) told: Option<LedgerMark>,
    /// What it was told and the ledger of the server does not have: it is not served.
    pub(super) strange: Option<LedgerMark>,
    /// Open sessions by the serials they came with.
    pub(super) sessions: Vec<u64>,
    pub(super) reported: Report,
    pub(super) agent: Agent,
    pub(super) clock_offset_millis: i64,
}

/// A certificate and what its host does with it, seen from outside and changing nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The certificate.
    pub certificate: FakeCertificate,
    /// How the host answers a login with it.
    pub admits: Admits,
    /// How the host would answer if the certificate never expired.
    pub unexpired: Admits,
    /// How many sessions with it are open.
    pub sessions: usize,
}

/// How a host answers a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits {
    /// It opens a session.
    Yes,
    /// The certificate has expired there, or is refused.
    No,
}

#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) register: Register,
    pub(super) host: Host,
    /// Every certificate there ever was: they are with the subjects.
    pub(super) made: BTreeMap<u64, FakeCertificate>,
    /// How many authorities there ever were, in any ledger.
    pub(super) authorities: u64,
}

impl Host {
    fn now(&self, wall: Timestamp) -> Timestamp {
        Timestamp::from_millis(wall.as_millis().saturating_add(self.clock_offset_millis))
    }

    pub(super) fn admits(&self, certificate: &FakeCertificate, wall: Timestamp) -> bool {
        certificate.marker.expires_at > self.now(wall) && !self.refuses(certificate)
    }

    pub(super) fn refuses(&self, certificate: &FakeCertificate) -> bool {
        self.refused.contains(&certificate.serial) || certificate.authority < self.first_authority
    }
}

impl World {
    /// What any call of a server that is in force tells.
    pub(super) fn hears(&mut self, target: &Target) {
        if target.epoch >= self.register.epoch && target.mark > self.register.mark {
            self.register.mark = target.mark.clone();
        }
    }

    /// What `curfew host` does on its own: ends the sessions whose certificates have expired.
    pub(super) fn expire(&mut self, wall: Timestamp) {
        let now = self.host.now(wall);
        let made = &self.made;
        self.host.sessions.retain(|s| made.get(s).is_some_and(|c| c.marker.expires_at > now));
    }

    /// What `curfew host` does when it reaches the server: nothing before its turn when it is late.
    pub(super) fn sync(&mut self, wall: Timestamp) {
        match self.host.agent {
            Agent::Prompt => {
                self.turn(wall);
                self.turn(wall);
            }
            Agent::Late => self.expire(wall),
        }
    }

    /// One turn of `curfew host`: what it fetched before comes into force, it reports, it fetches again.
    pub(super) fn turn(&mut self, wall: Timestamp) {
        self.expire(wall);
        if let Some(told) = self.host.told.as_ref().filter(|mark| !self.register.marks.contains(*mark)) {
            self.host.strange = Some(told.clone());
            return;
        }
        self.host.strange = None;
        if let Some(Fetched { refused, first_authority, mark }) = self.host.fetched.take() {
            (self.host.refused, self.host.first_authority, self.host.told) = (refused, first_authority, Some(mark));
        }
        let refused = self.host.refused.clone();
        self.host.sessions.retain(|s| !refused.contains(s));
        let epoch = self.register.epoch;
        self.host.reported = Report { refused, sessions: self.host.sessions.clone(), at: Some(wall), epoch };
        self.register.marks.insert(self.register.mark.clone());
        self.host.fetched = Some(Fetched {
            refused: self.register.refused.clone(),
            first_authority: self.register.first_authority,
            mark: self.register.mark.clone(),
        });
    }
}
