//! The ask, and the verdicts of people on it.

use crate::approval::{Approval, Narrowed, Verdict};
use crate::artefact::Artefact;
use crate::audit::{AuditAction, AuditEvent};
use crate::course::{ApproverReason, Counted, Course, Opening};
use crate::decision::{Decision, Stage};
use crate::grant::Grant;
use crate::id::{Id, Identified};
use crate::input::Inputs;
use crate::limits;
use crate::names::{GroupName, RoleName};
use crate::run::LivesWith;
use crate::scope::Scope;
use crate::subject::{Identity, Subject, SubjectKind};
use crate::time::{Seconds, Timestamp};
use crate::transition::{Noun, Transition, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// How a request came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Somebody asked.
    Asked,
    /// A pipeline's run opened it.
    Trigger,
    /// An emergency, reviewed afterwards.
    BreakGlass,
    /// A part of a bundle.
    Bundle,
}

/// What a request for more time is about. Its `duration` is then the total since the activation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extends {
    /// Which grant.
    pub grant: Id<Grant>,
    /// The end it had when more was asked for: whoever approves sees from when to when.
    pub until: Timestamp,
    /// How often it had been extended before.
    pub earlier: u32,
    /// Where the ask came from, if that is known: a rule about it is judged again with the last approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<IpAddr>,
}

/// A request's states. All but `Pending` are final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RequestState {
    /// Waiting for people.
    Pending,
    /// It became this grant.
    Approved {
        /// When.
        at: Timestamp,
        /// The grant.
        grant_id: Id<Grant>,
    },
    /// Somebody said no.
    Denied {
        /// When.
        at: Timestamp,
    },
    /// The subject took it back.
    Withdrawn {
        /// When.
        at: Timestamp,
    },
    /// Nobody decided in time, or there is nothing left to decide.
    Lapsed {
        /// When.
        at: Timestamp,
        /// Why before its time; empty when its time was over.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        because: String,
    },
}

/// The ask: role, chosen resources and actions, duration, justification, ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: Id<Request>,
    /// How often it has changed.
    pub version: Version,
    /// Who asks.
    pub subject: Subject,
    /// The groups their sign-in asserted.
    #[serde(default)]
    pub groups: BTreeSet<GroupName>,
    /// What for.
    pub role: RoleName,
    /// The pairs asked for.
    pub scope: Scope,
    /// How long.
    #[serde(rename = "duration_seconds")]
    pub duration: Seconds,
    /// Why, as typed.
    pub reason: String,
    /// The ticket, as typed.
    pub ticket: String,
    /// What else it says.
    #[serde(default, skip_serializing_if = "Inputs::is_empty")]
    pub inputs: Inputs,
    /// What policy said to it.
    pub decision: Decision,
    /// How it goes on from stage to stage.
    #[serde(default)]
    pub course: Course,
    /// Content hash of what the pairs mean in the targets: settings, definitions of actions, addresses.
    pub meaning: String,
    /// How it came to be.
    pub origin: Origin,
    /// The grant that it is to keep longer; none when it asks for one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<Extends>,
    /// The run of a pipeline that it, and what comes of it, lives with; none when it lives with nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lives_with: Option<LivesWith>,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it lapses undecided.
    pub lapses_at: Timestamp,
    /// How long an approval of it may wait to be claimed.
    #[serde(rename = "claim_within_seconds")]
    pub claim_within: Seconds,
    /// Verdicts so far, oldest first.
    pub approvals: Vec<Approval>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: RequestState,
}

impl Identified for Request {
    const PREFIX: &'static str = "req";
}

impl Noun for Request {
    fn version(&self) -> Version {
        self.version
    }
    fn set_version(&mut self, version: Version) {
        self.version = version;
    }
}

/// Why a verdict does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerdictError {
    /// It is decided, withdrawn or lapsed.
    #[error("the request is already {0}")]
    AlreadyFinal(&'static str),
    /// Nobody decides their own request.
    #[error("nobody decides their own request")]
    OwnRequest,
    /// Only people decide.
    #[error("only a person may approve or deny")]
    NotAPerson,
    /// What the approver saw is not what is asked.
    #[error("the request is not the one that was shown: its digest differs")]
    OtherDigest,
    /// The person counted before.
    #[error("this person has already approved the request")]
    AlreadyCounted,
    /// An approver may narrow, never widen.
    #[error("{0}")]
    Widens(String),
    /// The stage is not one of this request.
    #[error("the request has no stage `{0}`")]
    NoSuchStage(String),
    /// Another stage comes first, or this one has its approvals.
    #[error("it is not the turn of stage `{0}`")]
    NotItsTurn(String),
    /// The role wants a reason from its approvers.
    #[error("this role wants a reason with an approval")]
    ReasonRequired,
    /// What it is approved for cannot be presented, or is not what another approver named.
    #[error("{0}")]
    Artefact(String),
    /// Nothing of it is due yet.
    #[error("no stage of it has waited its time")]
    NotDue,
}

impl Request {
    /// A new request, with evidence.
    pub fn created(request: Request) -> Transition<Request> {
        let mut request =
            Request { version: Version::NONE, approvals: Vec::new(), state: RequestState::Pending, ..request };
        request.open_stage(request.created_at);
        let event = request.event(AuditAction::RequestCreated, &request.subject, request.created_at);
        let event = event.because(request.reason.clone());
        Transition::new(request, event)
    }

    /// What an approval is bound to: SHA-256, in hex, over everything that is asked and what it means.
    pub fn digest(&self) -> String {
        let scope = serde_json::to_string(&self.scope).expect("INVARIANT: a scope serializes");
        let parts = [
            self.id.to_string(),
            self.subject.id.to_string(),
            self.role.to_string(),
            scope,
            self.duration.as_secs().to_string(),
            self.reason.clone(),
            self.ticket.clone(),
            self.meaning.clone(),
            self.decision.policy_version.clone(),
            serde_json::to_string(&self.inputs).expect("INVARIANT: inputs serialize"),
        ];
        let mut hash = Sha256::new();
        hash.update(b"curfew request digest v2\n");
        let extends = self.extends.as_ref().map(|e| format!("{} {} {}", e.grant, e.until, e.earlier));
        let lives_with = self.lives_with.as_ref().map(|lives| format!("{} {}", lives.run, described(lives)));
        for part in parts.iter().chain(&extends).chain(&lives_with) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hex::encode(hash.finalize())
    }

    /// Counts one person's yes. Whether the person may decide this stage is policy's to say, before.
    ///
    /// # Errors
    /// When it does not count; see [`VerdictError`].
    pub fn approve(self, approval: Approval) -> Result<Transition<Self>, VerdictError> {
        self.check_verdict(&approval)?;
        if self.has_counted(&approval.approver, &approval.stage) {
            return Err(VerdictError::AlreadyCounted);
        }
        if !self.decision.stages.iter().any(|s| s.name == approval.stage) {
            return Err(VerdictError::NoSuchStage(approval.stage));
        }
        if self.stage_now().is_none_or(|stage| stage.name != approval.stage) {
            return Err(VerdictError::NotItsTurn(approval.stage));
        }
        if self.course.approver_reason == ApproverReason::Required && approval.reason.trim().is_empty() {
            return Err(VerdictError::ReasonRequired);
        }
        if let Some(narrowed) = &approval.narrowed {
            self.check_narrowing(narrowed)?;
        }
        if let Some(artefact) = &approval.artefact {
            self.check_artefact(artefact)?;
        }
        let event = self.event(AuditAction::ApprovalGiven, &approval.approver, approval.at);
        let event = event.because(approval.reason.clone()).with("stage", approval.stage.clone());
        let mut next = self;
        let at = approval.at;
        next.approvals.push(approval);
        next.open_stage(at);
        Ok(Transition::new(next, event))
    }

    /// The subject as they were signed in when they asked.
    pub fn asker(&self) -> Identity {
        Identity { subject: self.subject.clone(), groups: self.groups.clone() }
    }

    /// Whether this person started the run behind it: nobody decides for their own run.
    pub fn is_behind(&self, person: &Subject) -> bool {
        self.course.behind.is_some() && person.email == self.course.behind
    }

    /// Whose yes counts in a stage now.
    pub fn opening(&self, stage: &str) -> Opening {
        let course = self.course.stages.iter().find(|course| course.name == stage);
        course.map_or(Opening::Own, |course| course.opening)
    }

    /// What a run has to present for what came of it to be given: everything that an approver named.
    pub fn artefacts(&self) -> impl Iterator<Item = &Artefact> {
        self.approvals.iter().filter(|a| a.verdict == Verdict::Approve).filter_map(|a| a.artefact.as_ref())
    }

    /// Each yes to a stage, oldest first.
    pub fn approvals_in<'a>(&'a self, stage: &'a str) -> impl Iterator<Item = &'a Approval> {
        self.approvals.iter().filter(move |a| a.stage == stage && a.verdict == Verdict::Approve)
    }

    /// The stage whose turn it is: the first that has not all of its approvals. None when all have.
    pub fn stage_now(&self) -> Option<&Stage> {
        self.decision.stages.iter().find(|stage| self.approvals_in(&stage.name).count() < stage.require as usize)
    }

    /// Whether this person's yes counts already, for this stage or, where one person counts once, for any.
    pub fn has_counted(&self, person: &Subject, stage: &str) -> bool {
        let counts = |a: &&Approval| self.course.counted == Counted::Once || a.stage == stage;
        self.approvals.iter().filter(counts).any(|a| a.approver.is_same_as(person))
    }

    /// Notes that the turn of a stage has come.
    fn open_stage(&mut self, now: Timestamp) {
        let Some(name) = self.stage_now().map(|stage| stage.name.clone()) else { return };
        let stage = self.course.stages.iter_mut().find(|stage| stage.name == name);
        if let Some(stage) = stage.filter(|stage| stage.opened_at.is_none()) {
            stage.opened_at = Some(now);
        }
    }

    /// Becomes `Approved` when every stage has its approvals; `None` while some are missing.
    ///
    /// # Errors
    /// When it is final.
    pub fn settle(self, grant_id: Id<Grant>, now: Timestamp) -> Result<Option<Transition<Self>>, VerdictError> {
        self.check_pending()?;
        if self.stage_now().is_some() {
            return Ok(None);
        }
        let mut event = self.event(AuditAction::RequestApproved, &Subject::system(), now);
        event.grant_id = Some(grant_id);
        let state = RequestState::Approved { at: now, grant_id };
        Ok(Some(Transition::new(Self { state, ..self }, event)))
    }

    /// Ends it with one person's no.
    ///
    /// # Errors
    /// When it does not count; see [`VerdictError`].
    pub fn deny(self, denial: Approval) -> Result<Transition<Self>, VerdictError> {
        self.check_verdict(&denial)?;
        let event = self.event(AuditAction::RequestDenied, &denial.approver, denial.at).because(denial.reason.clone());
        let state = RequestState::Denied { at: denial.at };
        let mut next = Self { state, ..self };
        next.approvals.push(denial);
        Ok(Transition::new(next, event))
    }

    /// Takes it back. Whether `actor` may is for the caller.
    ///
    /// # Errors
    /// When it is final.
    pub fn withdraw(self, actor: &Subject, now: Timestamp) -> Result<Transition<Self>, VerdictError> {
        self.check_pending()?;
        let event = self.event(AuditAction::RequestWithdrawn, actor, now);
        Ok(Transition::new(Self { state: RequestState::Withdrawn { at: now }, ..self }, event))
    }

    /// What is left of the ask after every approver's narrowing: caps intersect.
    ///
    /// # Errors
    /// When no action is left.
    pub fn narrowed(&self) -> Result<(Scope, Seconds), crate::scope::NotAScope> {
        let mut scope = self.scope.clone();
        let mut duration = self.duration;
        for narrowed in self.approvals.iter().filter_map(|a| a.narrowed.as_ref()) {
            duration = narrowed.duration_seconds.map_or(duration, |cap| cap.min(duration));
            if let Some(actions) = &narrowed.actions {
                scope = scope.only_actions(actions)?;
            }
        }
        Ok((scope, duration))
    }

    /// The least that an approver said it may last; none when none did.
    pub fn cap(&self) -> Option<Seconds> {
        self.approvals.iter().filter_map(|a| a.narrowed.as_ref()?.duration_seconds).min()
    }

    /// The word of the state.
    pub fn state_word(&self) -> &'static str {
        match self.state {
            RequestState::Pending => "pending",
            RequestState::Approved { .. } => "approved",
            RequestState::Denied { .. } => "denied",
            RequestState::Withdrawn { .. } => "withdrawn",
            RequestState::Lapsed { .. } => "lapsed",
        }
    }

    /// The grant it became.
    pub fn grant_id(&self) -> Option<Id<Grant>> {
        match self.state {
            RequestState::Approved { grant_id, .. } => Some(grant_id),
            RequestState::Pending
            | RequestState::Denied { .. }
            | RequestState::Withdrawn { .. }
            | RequestState::Lapsed { .. } => None,
        }
    }

    /// An event about this request.
    pub fn event(&self, action: AuditAction, actor: &Subject, now: Timestamp) -> AuditEvent {
        let mut event = AuditEvent::new(now, actor.clone(), action);
        event.subject = Some(self.subject.clone());
        event.request_id = Some(self.id);
        event.policy_version = Some(self.decision.policy_version.clone());
        event
    }

    pub(crate) fn check_pending(&self) -> Result<(), VerdictError> {
        match self.state {
            RequestState::Pending => Ok(()),
            RequestState::Approved { .. }
            | RequestState::Denied { .. }
            | RequestState::Withdrawn { .. }
            | RequestState::Lapsed { .. } => Err(VerdictError::AlreadyFinal(self.state_word())),
        }
    }

    fn check_verdict(&self, verdict: &Approval) -> Result<(), VerdictError> {
        self.check_pending()?;
        if verdict.approver.kind != SubjectKind::Person {
            return Err(VerdictError::NotAPerson);
        }
        if self.is_behind(&verdict.approver) || verdict.approver.is_same_as(&self.subject) {
            return Err(VerdictError::OwnRequest);
        }
        if verdict.digest != self.digest() {
            return Err(VerdictError::OtherDigest);
        }
        Ok(())
    }

    fn check_artefact(&self, artefact: &Artefact) -> Result<(), VerdictError> {
        if self.lives_with.is_none() {
            return Err(VerdictError::Artefact("only a run of a pipeline can present an artefact".to_owned()));
        }
        if self.extends.is_some() {
            let why = "an artefact is named when access is approved, not when it is to last longer";
            return Err(VerdictError::Artefact(why.to_owned()));
        }
        match self.artefacts().find(|named| named.kind == artefact.kind && *named != artefact) {
            Some(named) => Err(VerdictError::Artefact(format!("another approver has named {named}"))),
            None => Ok(()),
        }
    }

    fn check_narrowing(&self, narrowed: &Narrowed) -> Result<(), VerdictError> {
        if let Some(cap) = narrowed.duration_seconds {
            if cap > self.duration {
                return Err(VerdictError::Widens(format!("{cap} is longer than the {} asked for", self.duration)));
            }
            if cap.as_secs() == 0 || cap > limits::LONGEST_GRANT {
                return Err(VerdictError::Widens("a duration of zero approves nothing: deny instead".to_owned()));
            }
        }
        let Some(actions) = &narrowed.actions else { return Ok(()) };
        let (scope, _) = self.narrowed().map_err(|e| VerdictError::Widens(e.to_string()))?;
        if let Some(extra) = actions.difference(&self.scope.actions()).next() {
            return Err(VerdictError::Widens(format!("`{extra}` is not among the actions asked for")));
        }
        if scope.only_actions(actions).is_err() {
            return Err(VerdictError::Widens("no action would be left: deny instead".to_owned()));
        }
        Ok(())
    }
}

/// Which run, and which client of it, as the digest has them.
fn described(lives: &LivesWith) -> String {
    let beat = lives.beat.as_ref().map_or("any", crate::run::BeatId::as_str);
    format!("{} {} {beat}", lives.key.issuer, lives.key)
}
