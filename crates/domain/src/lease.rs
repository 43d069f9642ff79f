//! What a connector really made in a target under a grant.

use crate::audit::{AuditAction, AuditEvent};
use crate::grant::Grant;
use crate::id::{Id, Identified};
use crate::leftover;
use crate::names::{ActionName, ResourceName};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::transition::{Noun, Transition, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::leftover::{Leftover, LeftoverDone};

/// How we know what a target shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "evidence", rename_all = "snake_case")]
pub enum Evidence {
    /// The target was read at this time, and shows no access.
    Read {
        /// When it was read.
        at: Timestamp,
    },
    /// The target could not be read; what may still be open is said in words.
    Unread {
        /// When all was done that can be.
        at: Timestamp,
        /// Why it could not be read, and what may still be open.
        because: String,
    },
}

impl Evidence {
    /// When access ended, as far as is known.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Read { at } | Self::Unread { at, .. } => *at,
        }
    }
}

/// The resource as policy defined it when the lease was made. A lease is ended by this, so that a policy
/// that forgets the resource does not strand the access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The reference to the way in for Curfew's own account; never the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
    /// The connector's settings.
    pub settings: serde_json::Value,
}

/// A lease's states, each with the facts that only it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LeaseState {
    /// Decided, not begun.
    Wanted,
    /// The intent is durable; the target may have been called. After a crash it is revoked, never resumed.
    Issuing {
        /// When the intent was written.
        since: Timestamp,
        /// The fencing epoch of the server that acts.
        epoch: u64,
    },
    /// Read back from the target and right.
    Live {
        /// When it was read back.
        since: Timestamp,
        /// The target's own identifier (a PostgreSQL oid, a certificate serial).
        locator: String,
        /// What a client needs to connect, none of it secret.
        connection: BTreeMap<String, String>,
    },
    /// To be ended; retried for ever.
    Revoking {
        /// Since when.
        since: Timestamp,
        /// The target's own identifier, unless the issue was interrupted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        locator: Option<String>,
    },
    /// Nobody gets in or is still in; what the subject left lying about is still being cleared.
    LockedOut {
        /// When it was told to end.
        since: Timestamp,
        /// The target's own identifier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        locator: Option<String>,
        /// How that is known. Access ended at its time.
        #[serde(flatten)]
        evidence: Evidence,
    },
    /// Nothing is left. Final.
    Revoked {
        /// How the end of access is known.
        #[serde(flatten)]
        evidence: Evidence,
        /// When the last leftover was cleared.
        cleared_at: Timestamp,
        /// What the subject had left behind.
        leftovers: Vec<Leftover>,
    },
}

/// What a connector makes under a grant for one resource. Its name in the target is used once for all time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its id.
    pub id: Id<Lease>,
    /// How often it has changed.
    pub version: Version,
    /// The grant it serves.
    pub grant_id: Id<Grant>,
    /// Whose access it is.
    pub subject: Subject,
    /// The resource.
    pub resource: ResourceName,
    /// The kind of connector.
    pub connector: String,
    /// What it gives there.
    pub actions: Vec<ActionName>,
    /// The resource as policy defined it then.
    pub definition: Definition,
    /// Its end, also in the target where the target has one.
    pub expires_at: Timestamp,
    /// The later end that its target is being given; until that was read back, `expires_at` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends_to: Option<Timestamp>,
    /// SHA-256 of the public half, in hex: the same half again is the same activation.
    pub public_half: String,
    /// What may outlive the end.
    pub residual_exposure: Vec<String>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: LeaseState,
}

impl Identified for Lease {
    const PREFIX: &'static str = "lse";
}

impl Noun for Lease {
    fn version(&self) -> Version {
        self.version
    }
    fn set_version(&mut self, version: Version) {
        self.version = version;
    }
}

/// A step that the lease's state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a lease that is {is} cannot become {becomes}")]
pub struct WrongLeaseState {
    /// Where it stands.
    pub is: &'static str,
    /// Where it should have gone.
    pub becomes: &'static str,
}

impl Lease {
    /// Its name in the target: unique for all time, 33 bytes of ASCII.
    pub fn handle(&self) -> String {
        handle(self.id)
    }

    /// A new lease, decided and not begun.
    pub fn wanted(lease: Lease, actor: &Subject, now: Timestamp) -> Transition<Lease> {
        let lease = Lease { version: Version::NONE, state: LeaseState::Wanted, ..lease };
        let event = lease.event(AuditAction::LeaseWanted, actor, now);
        Transition::new(lease, event)
    }

    /// Writes the intent before the first call to the target.
    ///
    /// # Errors
    /// Unless it is `Wanted`.
    pub fn issuing(self, epoch: u64, actor: &Subject, now: Timestamp) -> Result<Transition<Self>, WrongLeaseState> {
        match self.state {
            LeaseState::Wanted => {}
            ref other => return Err(other.refuses("issuing")),
        }
        let event = self.event(AuditAction::LeaseIssuing, actor, now);
        Ok(Transition::new(Self { state: LeaseState::Issuing { since: now, epoch }, ..self }, event))
    }

    /// Says that the target was read back and shows exactly what was meant.
    ///
    /// # Errors
    /// Unless it is `Issuing`.
    pub fn issued(
        self,
        locator: String,
        connection: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<Transition<Self>, WrongLeaseState> {
        match self.state {
            LeaseState::Issuing { .. } => {}
            ref other => return Err(other.refuses("live")),
        }
        let event = self.event(AuditAction::LeaseIssued, &Subject::system(), now);
        Ok(Transition::new(Self { state: LeaseState::Live { since: now, locator, connection }, ..self }, event))
    }

    /// Writes the intent to give its target a later end, before the first call there.
    ///
    /// # Errors
    /// Unless it is `Live`, is not being given another end, and the new one is later.
    pub fn extending(
        self,
        until: Timestamp,
        actor: &Subject,
        now: Timestamp,
    ) -> Result<Transition<Self>, WrongLeaseState> {
        let is_live = matches!(self.state, LeaseState::Live { .. });
        if !is_live || self.extends_to.is_some() || until <= self.expires_at {
            return Err(self.state.refuses("extended"));
        }
        let event = self.event(AuditAction::LeaseExtending, actor, now).with("until", until.to_string());
        Ok(Transition::new(Self { extends_to: Some(until), ..self }, event))
    }

    /// Says that its target was read back and has the later end.
    ///
    /// # Errors
    /// Unless it is `Live` and was being given one.
    pub fn extended(
        self,
        locator: String,
        connection: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<Transition<Self>, WrongLeaseState> {
        let (LeaseState::Live { since, .. }, Some(until)) = (&self.state, self.extends_to) else {
            return Err(self.state.refuses("extended"));
        };
        let state = LeaseState::Live { since: *since, locator, connection };
        let event = self.event(AuditAction::LeaseExtended, &Subject::system(), now).with("until", until.to_string());
        Ok(Transition::new(Self { state, expires_at: until, extends_to: None, ..self }, event))
    }

    /// The latest end that its target may have: nothing later was ever ordered.
    pub fn latest_end(&self) -> Timestamp {
        self.extends_to.map_or(self.expires_at, |until| until.max(self.expires_at))
    }

    /// Orders its end. `because` says why, for a person.
    ///
    /// # Errors
    /// When its end was ordered before.
    pub fn revoking(self, actor: &Subject, because: &str, now: Timestamp) -> Result<Transition<Self>, WrongLeaseState> {
        let locator = match &self.state {
            LeaseState::Wanted | LeaseState::Issuing { .. } => None,
            LeaseState::Live { locator, .. } => Some(locator.clone()),
            LeaseState::Revoking { .. } | LeaseState::LockedOut { .. } | LeaseState::Revoked { .. } => {
                return Err(self.state.refuses("revoking"));
            }
        };
        let event = self.event(AuditAction::LeaseRevoking, actor, now).because(because);
        Ok(Transition::new(Self { state: LeaseState::Revoking { since: now, locator }, ..self }, event))
    }

    /// What the subject had left behind; nothing before all of it is gone or reported.
    pub fn leftovers(&self) -> &[Leftover] {
        match &self.state {
            LeaseState::Revoked { leftovers, .. } => leftovers,
            LeaseState::Wanted
            | LeaseState::Issuing { .. }
            | LeaseState::Live { .. }
            | LeaseState::Revoking { .. }
            | LeaseState::LockedOut { .. } => &[],
        }
    }

    /// Says that nobody gets in or is still in, while leftovers are still being cleared.
    ///
    /// # Errors
    /// Unless it is `Revoking`.
    pub fn locked_out(
        self,
        evidence: Evidence,
        because: &str,
        now: Timestamp,
    ) -> Result<Transition<Self>, WrongLeaseState> {
        let LeaseState::Revoking { since, locator } = self.state.clone() else {
            return Err(self.state.refuses("locked_out"));
        };
        let event = self.event(AuditAction::LeaseLockedOut, &Subject::system(), now).because(because);
        Ok(Transition::new(Self { state: LeaseState::LockedOut { since, locator, evidence }, ..self }, event))
    }

    /// Says that nothing is left. The end of access stays what `LockedOut` said, if it was there. Of very many
    /// leftovers the first are named and the others counted, because evidence is kept for ever.
    ///
    /// # Errors
    /// Unless it is `Revoking` or `LockedOut`.
    pub fn revoked(
        self,
        evidence: Evidence,
        leftovers: Vec<Leftover>,
        now: Timestamp,
    ) -> Result<Transition<Self>, WrongLeaseState> {
        let evidence = match &self.state {
            LeaseState::Revoking { .. } => evidence,
            LeaseState::LockedOut { evidence: first @ Evidence::Read { .. }, .. } => first.clone(),
            LeaseState::LockedOut { evidence: Evidence::Unread { .. }, .. } => evidence,
            LeaseState::Wanted | LeaseState::Issuing { .. } | LeaseState::Live { .. } | LeaseState::Revoked { .. } => {
                return Err(self.state.refuses("revoked"));
            }
        };
        let event = self.event(AuditAction::LeaseRevoked, &Subject::system(), now);
        let leftovers = leftover::recorded(leftovers);
        let state = LeaseState::Revoked { evidence, cleared_at: now, leftovers };
        Ok(Transition::new(Self { state, ..self }, event))
    }

    /// Whether it gives access until just then.
    pub fn is_live_until(&self, until: Timestamp) -> bool {
        matches!(self.state, LeaseState::Live { .. }) && self.expires_at == until
    }

    /// How the end of access is known; none while there may be access.
    pub fn evidence(&self) -> Option<&Evidence> {
        match &self.state {
            LeaseState::LockedOut { evidence, .. } | LeaseState::Revoked { evidence, .. } => Some(evidence),
            LeaseState::Wanted | LeaseState::Issuing { .. } | LeaseState::Live { .. } | LeaseState::Revoking { .. } => {
                None
            }
        }
    }

    /// The target's own identifier, where it is known.
    pub fn locator(&self) -> Option<&str> {
        match &self.state {
            LeaseState::Live { locator, .. } => Some(locator),
            LeaseState::Revoking { locator, .. } | LeaseState::LockedOut { locator, .. } => locator.as_deref(),
            LeaseState::Wanted | LeaseState::Issuing { .. } | LeaseState::Revoked { .. } => None,
        }
    }

    /// An event about this lease.
    pub fn event(&self, action: AuditAction, actor: &Subject, now: Timestamp) -> AuditEvent {
        let mut event = AuditEvent::new(now, actor.clone(), action);
        event.subject = Some(self.subject.clone());
        event.grant_id = Some(self.grant_id);
        event.lease_id = Some(self.id);
        event
    }
}

/// The name in the target of the lease with this id.
pub fn handle(id: Id<Lease>) -> String {
    format!("cf_{id}")
}

/// The lease that a name in a target is the handle of; none when it is no handle.
pub fn of_handle(name: &str) -> Option<Id<Lease>> {
    let id = name.strip_prefix("cf_")?.parse().ok()?;
    (handle(id) == name).then_some(id)
}

impl LeaseState {
    /// The word of the state.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Issuing { .. } => "issuing",
            Self::Live { .. } => "live",
            Self::Revoking { .. } => "revoking",
            Self::LockedOut { .. } => "locked_out",
            Self::Revoked { .. } => "revoked",
        }
    }

    fn refuses(&self, becomes: &'static str) -> WrongLeaseState {
        WrongLeaseState { is: self.word(), becomes }
    }
}
