//! Time-bound authority that an approved request becomes.

use crate::artefact::PresentedArtefact;
use crate::audit::{AuditAction, AuditEvent};
use crate::id::{Id, Identified};
use crate::lease::{Evidence, Lease};
use crate::names::RoleName;
use crate::request::{Origin, Request};
use crate::run::LivesWith;
use crate::scope::Scope;
use crate::subject::Subject;
use crate::time::{Seconds, Timestamp};
use crate::transition::{Noun, Transition, Version};
use serde::{Deserialize, Serialize};

/// Why a grant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// Its time.
    Expired,
    /// The subject's own "done".
    Returned,
    /// Somebody's order.
    Revoked,
    /// It was not claimed in time.
    Lapsed,
    /// The pipeline it lived with ended.
    PipelineEnded,
    /// Policy no longer gives it.
    PolicyChanged,
    /// The subject may no longer sign in.
    SubjectDisabled,
}

impl EndCause {
    /// The word, as on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Returned => "returned",
            Self::Revoked => "revoked",
            Self::Lapsed => "lapsed",
            Self::PipelineEnded => "pipeline_ended",
            Self::PolicyChanged => "policy_changed",
            Self::SubjectDisabled => "subject_disabled",
        }
    }
}

/// A grant's states, each with the facts that only it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum GrantState {
    /// Waiting for its subject. The clock has not started.
    Approved {
        /// Unclaimed then, it lapses.
        claim_until: Timestamp,
    },
    /// Its leases are being made.
    Activating {
        /// Since when; the clock has started.
        activated_at: Timestamp,
        /// The end of access.
        until: Timestamp,
        /// Where it returns to if the activation fails.
        claim_until: Timestamp,
    },
    /// Access is there.
    Active {
        /// Since when.
        activated_at: Timestamp,
        /// Until when.
        until: Timestamp,
        /// The later end that its targets are being given; until they were read back, `until` counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extends_to: Option<Timestamp>,
    },
    /// Access is being taken away.
    Ending {
        /// Why.
        cause: EndCause,
        /// Since when.
        since: Timestamp,
        /// When it had been activated, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        activated_at: Option<Timestamp>,
        /// When it would have ended by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Final: nobody gets in or is still in, as far as the targets could be read.
    Ended {
        /// Why.
        cause: EndCause,
        /// When it had been activated, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        activated_at: Option<Timestamp>,
        /// When it would have ended by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// How the end is known: the latest of its leases', and unread if any was.
        #[serde(flatten)]
        evidence: Evidence,
    },
}

/// Time-bound authority: one approved request, one subject, one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: Id<Grant>,
    /// How often it has changed.
    pub version: Version,
    /// The request it came from.
    pub request_id: Id<Request>,
    /// Whose it is.
    pub subject: Subject,
    /// The role.
    pub role: RoleName,
    /// The pairs, after every approver's narrowing.
    pub scope: Scope,
    /// How long from activation.
    #[serde(rename = "duration_seconds")]
    pub duration: Seconds,
    /// What the pairs meant when it was approved; see [`Request::meaning`].
    pub meaning: String,
    /// The policy version it was decided under.
    pub policy_version: String,
    /// How it came to be asked for.
    #[serde(default = "asked")]
    pub origin: Origin,
    /// The run of a pipeline that it lives with; none when it lives with nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lives_with: Option<LivesWith>,
    /// What was presented when it was last claimed; see [`Request::artefacts`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presented: Vec<PresentedArtefact>,
    /// What whoever approved it said it may last at most, since its activation; none when nobody said.
    #[serde(default, rename = "cap_seconds", skip_serializing_if = "Option::is_none")]
    pub cap: Option<Seconds>,
    /// How often a later end was ordered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub extensions: u32,
    /// When it was approved.
    pub approved_at: Timestamp,
    /// Every lease ever made under it, oldest first.
    pub leases: Vec<Id<Lease>>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: GrantState,
}

impl Identified for Grant {
    const PREFIX: &'static str = "grt";
}

impl Noun for Grant {
    fn version(&self) -> Version {
        self.version
    }
    fn set_version(&mut self, version: Version) {
        self.version = version;
    }
}

/// A step that the grant's state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the grant is {is}")]
pub struct WrongGrantState {
    /// Where it stands.
    pub is: &'static str,
}

impl Grant {
    /// What an approved request becomes, with the narrowed scope and duration.
    pub fn approved(
        id: Id<Grant>,
        request: &Request,
        scope: Scope,
        duration: Seconds,
        now: Timestamp,
    ) -> Transition<Self> {
        let grant = Self {
            id,
            version: Version::NONE,
            request_id: request.id,
            subject: request.subject.clone(),
            role: request.role.clone(),
            scope,
            duration,
            meaning: request.meaning.clone(),
            policy_version: request.decision.policy_version.clone(),
            origin: request.origin,
            lives_with: request.lives_with.clone(),
            presented: Vec::new(),
            cap: request.cap(),
            extensions: 0,
            approved_at: now,
            leases: Vec::new(),
            state: GrantState::Approved { claim_until: now.plus(request.claim_within) },
        };
        let event = grant.event(AuditAction::GrantApproved, &Subject::system(), now);
        Transition::new(grant, event)
    }

    /// Starts the clock: the subject claims it. `leases` are the new ones.
    ///
    /// # Errors
    /// Unless it is `Approved` and its claim time is not over.
    pub fn activating(
        self,
        leases: Vec<Id<Lease>>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Transition<Self>, WrongGrantState> {
        let GrantState::Approved { claim_until } = self.state else { return Err(self.refuses()) };
        if now >= claim_until {
            return Err(WrongGrantState { is: "lapsed" });
        }
        let until = until.min(now.plus(self.duration));
        let event = self.event(AuditAction::GrantActivating, &self.subject, now);
        let mut next = self;
        next.leases.extend(leases);
        next.state = GrantState::Activating { activated_at: now, until, claim_until };
        Ok(Transition::new(next, event))
    }

    /// Says that every lease of the activation is live.
    ///
    /// # Errors
    /// Unless it is `Activating`.
    pub fn activated(self, now: Timestamp) -> Result<Transition<Self>, WrongGrantState> {
        let GrantState::Activating { activated_at, until, .. } = self.state else { return Err(self.refuses()) };
        let event = self.event(AuditAction::GrantActivated, &self.subject, now);
        let state = GrantState::Active { activated_at, until, extends_to: None };
        Ok(Transition::new(Self { state, ..self }, event))
    }

    /// Goes back to `Approved` because a lease could not be made.
    ///
    /// # Errors
    /// Unless it is `Activating`.
    pub fn activation_failed(self, because: &str, now: Timestamp) -> Result<Transition<Self>, WrongGrantState> {
        let GrantState::Activating { claim_until, .. } = self.state else { return Err(self.refuses()) };
        let event = self.event(AuditAction::GrantActivationFailed, &Subject::system(), now).because(because);
        Ok(Transition::new(Self { state: GrantState::Approved { claim_until }, ..self }, event))
    }

    /// Writes the intent to let it last longer, before the first call to a target. Counts as one extension from here,
    /// so that no failure gives one more.
    ///
    /// # Errors
    /// Unless it is `Active` with time left, no other extension of it is under way, and the end is later.
    pub fn extending(
        self,
        by: &Request,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Transition<Self>, WrongGrantState> {
        let GrantState::Active { activated_at, until: before, extends_to: None } = self.state else {
            return Err(self.refuses());
        };
        if now >= before {
            return Err(WrongGrantState { is: "over" });
        }
        if until <= before {
            return Err(WrongGrantState { is: "given as long already" });
        }
        let event = self.event(AuditAction::GrantExtending, &self.subject, now);
        let event = event.with("until", until.to_string()).with("request", by.id.to_string());
        // Whoever approves more time says anew how much it may be.
        let cap = if by.approvals.is_empty() { self.cap } else { by.cap() };
        let state = GrantState::Active { activated_at, until: before, extends_to: Some(until) };
        Ok(Transition::new(Self { state, cap, extensions: self.extensions + 1, ..self }, event))
    }

    /// Says that every target was read back and has the later end. `leases` are all of its leases.
    ///
    /// # Errors
    /// Unless it is `Active`, was being extended, and each lease that it lives by has that end.
    pub fn extended(self, leases: &[Lease], now: Timestamp) -> Result<Transition<Self>, WrongGrantState> {
        let GrantState::Active { activated_at, extends_to: Some(until), .. } = self.state else {
            return Err(self.refuses());
        };
        let current = self.current_leases();
        let has_it = |id: &Id<Lease>| leases.iter().any(|l| l.id == *id && l.is_live_until(until));
        if !current.iter().all(has_it) {
            return Err(WrongGrantState { is: "not extended everywhere" });
        }
        let event = self.event(AuditAction::GrantExtended, &Subject::system(), now).with("until", until.to_string());
        let state = GrantState::Active { activated_at, until, extends_to: None };
        Ok(Transition::new(Self { state, ..self }, event))
    }

    /// The leases of the newest activation: one for each resource of the scope.
    pub fn current_leases(&self) -> &[Id<Lease>] {
        let count = self.scope.by_resource().len();
        &self.leases[self.leases.len().saturating_sub(count)..]
    }

    /// Orders its end.
    ///
    /// # Errors
    /// When its end was ordered before.
    pub fn ending(
        self,
        cause: EndCause,
        actor: &Subject,
        because: &str,
        now: Timestamp,
    ) -> Result<Transition<Self>, WrongGrantState> {
        let (activated_at, until) = match self.state {
            GrantState::Approved { .. } => (None, None),
            GrantState::Activating { activated_at, until, .. } | GrantState::Active { activated_at, until, .. } => {
                (Some(activated_at), Some(until))
            }
            GrantState::Ending { .. } | GrantState::Ended { .. } => return Err(self.refuses()),
        };
        let event = self.event(AuditAction::GrantEnding, actor, now).because(because).with("cause", cause.word());
        let state = GrantState::Ending { cause, since: now, activated_at, until };
        Ok(Transition::new(Self { state, ..self }, event))
    }

    /// Says that no lease of it gives access any more. `leases` are all of its leases.
    ///
    /// # Errors
    /// Unless it is `Ending`, every lease of it is given, and each is locked out or revoked.
    pub fn ended(self, leases: &[Lease], now: Timestamp) -> Result<Transition<Self>, WrongGrantState> {
        let GrantState::Ending { cause, activated_at, until, .. } = self.state else { return Err(self.refuses()) };
        let mut evidence = Evidence::Read { at: now };
        let mut latest = None;
        for id in &self.leases {
            let lease = leases.iter().find(|l| l.id == *id);
            let Some(seen) = lease.and_then(Lease::evidence) else {
                return Err(WrongGrantState { is: "still giving access" });
            };
            latest = latest.max(Some(seen.at()));
            if let Evidence::Unread { because, .. } = seen {
                evidence = Evidence::Unread { at: now, because: because.clone() };
            }
        }
        let at = latest.unwrap_or(now);
        let evidence = match evidence {
            Evidence::Read { .. } => Evidence::Read { at },
            Evidence::Unread { because, .. } => Evidence::Unread { at, because },
        };
        let event = self.event(AuditAction::GrantEnded, &Subject::system(), now).with("cause", cause.word());
        let state = GrantState::Ended { cause, activated_at, until, evidence };
        Ok(Transition::new(Self { state, ..self }, event))
    }

    /// The end of access while there is access to end.
    pub fn until(&self) -> Option<Timestamp> {
        match self.state {
            GrantState::Activating { until, .. } | GrantState::Active { until, .. } => Some(until),
            GrantState::Approved { .. } | GrantState::Ending { .. } | GrantState::Ended { .. } => None,
        }
    }

    /// The word of the state.
    pub fn state_word(&self) -> &'static str {
        match self.state {
            GrantState::Approved { .. } => "approved",
            GrantState::Activating { .. } => "activating",
            GrantState::Active { .. } => "active",
            GrantState::Ending { .. } => "ending",
            GrantState::Ended { .. } => "ended",
        }
    }

    /// An event about this grant.
    pub fn event(&self, action: AuditAction, actor: &Subject, now: Timestamp) -> AuditEvent {
        let mut event = AuditEvent::new(now, actor.clone(), action);
        event.subject = Some(self.subject.clone());
        event.request_id = Some(self.request_id);
        event.grant_id = Some(self.id);
        event.policy_version = Some(self.policy_version.clone());
        event
    }

    fn refuses(&self) -> WrongGrantState {
        WrongGrantState { is: self.state_word() }
    }
}

/// What a grant of before this was written down is.
fn asked() -> Origin {
    Origin::Asked
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
