//! Keeping a grant longer: decided as a request for the total since its activation, by the rule of its role.
//!
//! An extension is a request of its own, bound to the grant and to the end that it has. With the last approval it
//! needs, or at once where it needs none, the intent is committed; then the targets are given the later end.

use super::decide::DecideError;
use crate::Engine;
use crate::activation::{ATTEMPTS, Failure};
use crate::engine::{Changes, GrantRef};
use crate::extension::Running;
use crate::seams::Change;
use crate::seams::store::{CommitError, Page, ReadError, RequestFilter};
use curfew_domain::request::{Extends, VerdictError};
use curfew_domain::{
    Decision, Grant, GrantState, Id, Identity, Outcome, Request, RequestState, Seconds, Version, limits,
};
use curfew_policy::{Ask, Judgement, Terms};
use std::net::IpAddr;

/// How much more is asked for, and from where.
#[derive(Debug, Clone, Copy)]
pub struct ExtendBy {
    /// Beyond the end it has.
    pub more: Seconds,
    /// Where the ask comes from, if that is known.
    pub source_ip: Option<IpAddr>,
}

/// What asking for more time came to.
#[derive(Debug, Clone)]
pub struct Extension {
    /// The grant, with the later end if nobody has to approve it.
    pub grant: Grant,
    /// The request for it.
    pub request: Request,
}

/// Why a grant does not last longer.
#[derive(Debug, thiserror::Error)]
pub enum ExtendError {
    /// There is none, or none that the caller may see.
    #[error("there is no such grant")]
    NotFound,
    /// The request behind it has no grant yet, or will have none.
    #[error("the request is {0}")]
    NotApproved(&'static str),
    /// Only the subject asks for more.
    #[error("only the one who has it may ask for more time")]
    Forbidden,
    /// It was not activated yet.
    #[error("the grant is {0}: its clock has not started")]
    NotActive(&'static str),
    /// It is ending or ended.
    #[error("the grant is already {0}")]
    AlreadyFinal(&'static str),
    /// Policy says no.
    #[error("policy does not extend it")]
    Denied(Box<Decision>),
    /// It cannot last longer, whoever says yes.
    #[error("{0}")]
    NotExtensible(String),
    /// Another extension of it waits for people, or for its targets.
    #[error("{0}")]
    UnderWay(String),
    /// The caller's idempotency key came before, with another ask.
    #[error("this key came before with another call")]
    KeyReused,
    /// The caller has as many undecided requests as one person may have.
    #[error("{0} of your requests are undecided, which is the most one person may have")]
    TooManyPending(usize),
    /// The clocks disagree: nothing new is given.
    #[error("nothing new is given while {0}")]
    ClockInDoubt(String),
    /// The policy in force may be an old one: nothing new is given.
    #[error("nothing new is given: {0}")]
    PolicyStale(String),
    /// The server is coming up or going down.
    #[error("the server is starting or stopping")]
    Stopping,
    /// The later end is recorded, and a target does not show it yet.
    #[error("it is decided, and tried again until the grant ends: {0}")]
    Failed(Failure),
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger did not take it.
    #[error(transparent)]
    Commit(CommitError),
}

impl Engine {
    /// Asks for more time. Where the role wants approvals for it, the request waits for them; otherwise the answer
    /// comes when every target was read back with the later end. `key` is the caller's idempotency key.
    ///
    /// # Errors
    /// When the role does not give it, and as [`ExtendError`] says. The end stays what it was then.
    pub async fn extend(
        &self,
        who: &Identity,
        which: GrantRef,
        by: ExtendBy,
        key: Option<&str>,
    ) -> Result<Extension, ExtendError> {
        if self.gives_nothing_new() {
            return Err(ExtendError::Stopping);
        }
        if let Some(first) = self.asked_before(who, key).await? {
            let grant = self.own_grant(who, which).await?;
            let is_about = |extends: &Extends| extends.grant == grant.id;
            return match first.extends.as_ref().is_some_and(is_about) {
                true => self.extension_of(first.id, grant).await,
                false => Err(ExtendError::KeyReused),
            };
        }
        if let Some(doubt) = self.clock.doubt() {
            return Err(ExtendError::ClockInDoubt(doubt));
        }
        if let Some(doubt) = self.policy_doubt() {
            return Err(ExtendError::PolicyStale(doubt));
        }
        for _ in 0..ATTEMPTS {
            let counting = self.counting.lock().await;
            let (running, request, (asked, judgement)) = self.ask_for_more(who, which, by).await?;
            let now = request.created_at;
            let mut changes = Changes::default();
            let mut request = changes.request(super::request::created(request, &asked));
            if judgement.decision.outcome == Outcome::Automatic {
                let most = judgement.decision.max_until;
                request = self.order_extension(&mut changes, (&running, request), most, now).await?;
            } else {
                changes.notices(self.notices_of_request("requested", &request, now));
            }
            if let Some(key) = key {
                let key = super::request::key_hash(who, key);
                changes.0.push(Change::RequestKey { key, request: request.id });
            }
            let committed = self.commit(changes).await;
            self.due_with(&request, now);
            drop(counting);
            match committed {
                Ok(_) => {}
                Err(CommitError::Conflict(_)) => continue,
                Err(CommitError::KeyUsed(first)) => return self.extension_of(first, running.grant).await,
                Err(other) => return Err(ExtendError::Commit(other)),
            }
            if matches!(request.state, RequestState::Approved { .. }) {
                self.carried_out(running.grant.id).await?;
            }
            return self.extension_of(request.id, running.grant).await;
        }
        Err(ExtendError::Commit(CommitError::Conflict("the grant".to_owned())))
    }

    async fn extension_of(&self, request: Id<Request>, grant: Grant) -> Result<Extension, ExtendError> {
        let grant = self.store.grant(grant.id).await?.unwrap_or(grant);
        if !matches!(grant.state, GrantState::Active { .. }) {
            // Its end was ordered between the look at it and the ask: whoever ordered it did not see the ask.
            let mut changes = Changes::default();
            self.lapse_more_time(&mut changes, &grant, self.clock.now()).await;
            // When somebody else settles it at the same moment, it is settled.
            if !changes.0.is_empty() && self.commit(changes).await.is_err() {
                tracing::warn!(grant_id = %grant.id, "an ask for more time outlives its grant, to the grant's old hour at most");
            }
        }
        let request = self.store.request(request).await?.ok_or(ExtendError::NotFound)?;
        Ok(Extension { grant, request })
    }

    /// Everything that has to hold before more is asked for, and the request as it would be made.
    async fn ask_for_more(
        &self,
        who: &Identity,
        which: GrantRef,
        by: ExtendBy,
    ) -> Result<(Running, Request, (Ask, Judgement)), ExtendError> {
        let grant = self.own_grant(who, which).await?;
        let running = self.running(grant).await?;
        self.check_nothing_waits(who, running.grant.id).await?;
        let total = Seconds::new(running.lasts().as_secs().saturating_add(by.more.as_secs()));
        let (asked, judgement) = self.judge_total(who, &running, total, by.source_ip).await?;
        let Some(terms) = judgement.terms.clone() else {
            self.record_not_extended(&asked, &running, &judgement.decision).await?;
            return Err(ExtendError::Denied(Box::new(judgement.decision)));
        };
        let over = |cap: &Seconds| judgement.decision.outcome == Outcome::Automatic && total > *cap;
        if let Some(cap) = running.grant.cap.filter(over) {
            let why = format!("whoever approved it gave it for {cap} at most, and nobody would approve more");
            return Err(ExtendError::NotExtensible(why));
        }
        if running.later_end(total, judgement.decision.max_until) <= running.until {
            let why = format!("it would not last longer: its hours end at {}", running.until);
            return Err(ExtendError::NotExtensible(why));
        }
        let request = self.new_request(who, &running, (terms, &judgement.decision), by);
        Ok((running, request, (asked, judgement)))
    }

    async fn own_grant(&self, who: &Identity, which: GrantRef) -> Result<Grant, ExtendError> {
        let grant = match self.find_grant(who, which).await? {
            Some(grant) => grant,
            None => {
                let GrantRef::Request(id) = which else { return Err(ExtendError::NotFound) };
                let request = self.find_request(who, id).await?.ok_or(ExtendError::NotFound)?;
                return Err(ExtendError::NotApproved(request.state_word()));
            }
        };
        if grant.subject.is_same_as(&who.subject) { Ok(grant) } else { Err(ExtendError::Forbidden) }
    }

    /// One extension of a grant at a time, and one person's asks must not bury everybody else's.
    async fn check_nothing_waits(&self, who: &Identity, grant: Id<Grant>) -> Result<(), ExtendError> {
        let subject = Some(who.subject.id.clone());
        let filter = RequestFilter { subject, state: Some("pending"), ..RequestFilter::default() };
        let page = Page { before: None, limit: limits::PENDING_REQUESTS };
        let pending = self.store.requests(&filter, page).await?;
        let waits = pending.iter().find(|request| request.extends.as_ref().is_some_and(|e| e.grant == grant));
        if let Some(request) = waits {
            return Err(ExtendError::UnderWay(format!("{} asks for more time already and is undecided", request.id)));
        }
        match pending.len() {
            many if many >= limits::PENDING_REQUESTS => Err(ExtendError::TooManyPending(many)),
            _ => Ok(()),
        }
    }

    fn new_request(
        &self,
        who: &Identity,
        running: &Running,
        (terms, decision): (Terms, &Decision),
        by: ExtendBy,
    ) -> Request {
        let Running { grant, original, until, .. } = running;
        let now = self.clock.now();
        Request {
            id: self.mint(),
            version: Version::NONE,
            subject: who.subject.clone(),
            groups: who.groups.clone(),
            role: grant.role.clone(),
            scope: terms.scope,
            duration: terms.duration,
            reason: original.reason.clone(),
            ticket: original.ticket.clone(),
            inputs: original.inputs.clone(),
            decision: decision.clone(),
            course: terms.course,
            meaning: terms.meaning,
            origin: grant.origin,
            extends: Some(Extends {
                grant: grant.id,
                until: *until,
                earlier: grant.extensions,
                source_ip: by.source_ip,
            }),
            lives_with: grant.lives_with.clone(),
            created_at: now,
            // What is over cannot last longer.
            lapses_at: now.plus(terms.lapses_after).min(*until),
            claim_within: terms.claim_within,
            approvals: Vec::new(),
            state: RequestState::Pending,
        }
    }

    async fn record_not_extended(
        &self,
        asked: &Ask,
        running: &Running,
        decision: &Decision,
    ) -> Result<(), ExtendError> {
        let mut event = self.refused(asked, decision);
        event.grant_id = Some(running.grant.id);
        let changes = Changes(vec![Change::Event(Box::new(event.with("occasion", "extension")))]);
        self.commit(changes).await.map(drop).map_err(ExtendError::Commit)
    }
}

impl From<ExtendError> for DecideError {
    fn from(error: ExtendError) -> Self {
        match error {
            ExtendError::NotFound => Self::NotFound,
            ExtendError::AlreadyFinal(_) => Self::Verdict(VerdictError::AlreadyFinal("about a grant that is over")),
            ExtendError::Denied(decision) => {
                let mut reasons = decision.unsatisfied.iter().chain(&decision.failed);
                let why = reasons.next().map_or_else(String::new, |reason| format!(": {}", reason.message));
                Self::Extension(format!("policy does not extend it now{why}"))
            }
            ExtendError::Read(error) => Self::Read(error),
            ExtendError::Commit(error) => Self::Commit(error),
            ExtendError::NotApproved(_)
            | ExtendError::Forbidden
            | ExtendError::NotActive(_)
            | ExtendError::NotExtensible(_)
            | ExtendError::UnderWay(_)
            | ExtendError::KeyReused
            | ExtendError::TooManyPending(_)
            | ExtendError::ClockInDoubt(_)
            | ExtendError::PolicyStale(_)
            | ExtendError::Stopping
            | ExtendError::Failed(_) => Self::Extension(error.to_string()),
        }
    }
}
