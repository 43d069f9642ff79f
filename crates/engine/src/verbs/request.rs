//! Asking, and taking an ask back.

use super::ask::{AskFor, Case};
use super::decide::DecideError;
use crate::Engine;
use crate::activation::ATTEMPTS;
use crate::engine::Changes;
use crate::seams::Change;
use crate::seams::store::{CommitError, Page, ReadError, RequestFilter};
use curfew_domain::audit::{AuditAction, AuditEvent, Detail};
use curfew_domain::request::Origin;
use curfew_domain::{
    Decision, Grant, Id, Identity, Outcome, Request, RequestState, RoleName, Timestamp, Transition, limits,
};
use curfew_policy::{Ask, Occasion};
use sha2::{Digest, Sha256};

/// Why nothing was asked.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Policy has no such role.
    #[error("there is no role `{0}`")]
    NoSuchRole(RoleName),
    /// Policy says no; the decision says why.
    #[error("policy denies it")]
    Denied(Box<Decision>),
    /// A text is missing or too long.
    #[error("{0}")]
    Text(&'static str),
    /// Nobody has looked at the caller's last use of emergency access.
    #[error("nobody has reviewed your last emergency access ({0}), and until then there is no other")]
    Unreviewed(Id<Grant>),
    /// There is no bundle of that name.
    #[error("there is no bundle `{0}`")]
    NoSuchBundle(RoleName),
    /// The caller's idempotency key came before, with another ask.
    #[error("this key came before with another call")]
    KeyReused,
    /// The caller has as many undecided requests as one person may have.
    #[error("{0} of your requests are undecided, which is the most one person may have")]
    TooManyPending(usize),
    /// A person named a heartbeat, or a machine none.
    #[error("{0}")]
    Beat(&'static str),
    /// The run that asks is over, or its client was silent for too long.
    #[error("the run is over, or its client was silent for too long: what it had is gone")]
    RunOver,
    /// The clocks disagree: nothing new is given.
    #[error("nothing new is given while {0}")]
    ClockInDoubt(String),
    /// The policy in force may be an old one: nothing new is given.
    #[error("nothing new is given: {0}")]
    PolicyStale(String),
    /// The server is coming up or going down.
    #[error("the server is starting or stopping")]
    Stopping,
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger did not take it.
    #[error(transparent)]
    Commit(CommitError),
}

impl Engine {
    /// Asks. `key` is the caller's idempotency key: the same key again gives the same request.
    ///
    /// # Errors
    /// When policy denies it, and as [`RequestError`] says.
    pub async fn request(&self, who: &Identity, ask: AskFor, key: Option<&str>) -> Result<Request, RequestError> {
        self.ask_on(who, ask, (Occasion::Request, Origin::Asked), key).await
    }

    pub(crate) async fn ask_on(
        &self,
        who: &Identity,
        ask: AskFor,
        (occasion, origin): (Occasion, Origin),
        key: Option<&str>,
    ) -> Result<Request, RequestError> {
        if self.gives_nothing_new() {
            return Err(RequestError::Stopping);
        }
        // What was asked before is not judged again: its own grant would stand in its way.
        if let Some(first) = self.asked_before(who, key).await? {
            return if is_the_same(&first, &ask, origin) { Ok(first) } else { Err(RequestError::KeyReused) };
        }
        if let Some(doubt) = self.clock.doubt() {
            return Err(RequestError::ClockInDoubt(doubt));
        }
        if let Some(doubt) = self.policy_doubt() {
            return Err(RequestError::PolicyStale(doubt));
        }
        let emergency = origin == Origin::BreakGlass;
        let _counting = if emergency { Some(self.counting.lock().await) } else { self.counting(&ask.role).await };
        let case = Case {
            who,
            lives_with: self.lives_with(who, ask.client.as_ref()).await?,
            token: ask.client.as_ref().and_then(|client| crate::facts::token_of(&client.bound.token)),
            ask,
            occasion,
            origin,
        };
        let (asked, judgement) = self.judge_case(&case).await?;
        let Some(terms) = judgement.terms else {
            self.record_refusal((&case, &asked), &judgement.decision).await?;
            return Err(RequestError::Denied(Box::new(judgement.decision)));
        };
        if emergency {
            self.check_reviewed(&asked, &judgement.decision).await?;
        }
        if judgement.decision.outcome != Outcome::Automatic {
            self.check_pending(who).await?;
        }
        let now = self.clock.now();
        let alive = case.lives_with.clone();
        let mut changes = Changes::default();
        let request = self
            .draw_up(&mut changes, (case, &asked), (judgement.decision, terms), now)
            .map_err(|e| RequestError::Commit(CommitError::Conflict(e.to_string())))?;
        if emergency {
            self.use_break_glass(&mut changes, &request, now);
        }
        if let Some(key) = key {
            changes.0.push(Change::RequestKey { key: key_hash(who, key), request: request.id });
        }
        let committed = self.commit(changes).await;
        self.due_with(&request, now);
        match committed {
            Ok(_) => Ok(request),
            Err(CommitError::KeyUsed(first)) => {
                let first = self.store.request(first).await?;
                first.ok_or_else(|| RequestError::Commit(CommitError::Conflict("the request".to_owned())))
            }
            // Nothing else can stand in the way of what is new: its run ended at the same moment.
            Err(CommitError::Conflict(_)) if alive.is_some() => Err(RequestError::RunOver),
            Err(other) => Err(RequestError::Commit(other)),
        }
    }

    /// What the caller asked for with this key before, also before a restart.
    pub(crate) async fn asked_before(&self, who: &Identity, key: Option<&str>) -> Result<Option<Request>, ReadError> {
        let Some(key) = key else { return Ok(None) };
        match self.store.request_of_key(&key_hash(who, key)).await? {
            Some(first) => self.store.request(first).await,
            None => Ok(None),
        }
    }

    /// One person's asks must not bury everybody else's.
    pub(crate) async fn check_pending(&self, who: &Identity) -> Result<(), RequestError> {
        let subject = Some(who.subject.id.clone());
        let filter = RequestFilter { subject, state: Some("pending"), ..RequestFilter::default() };
        let page = Page { before: None, limit: limits::PENDING_REQUESTS };
        match self.store.requests(&filter, page).await?.len() {
            many if many >= limits::PENDING_REQUESTS => Err(RequestError::TooManyPending(many)),
            _ => Ok(()),
        }
    }

    /// Adds to `changes` what a request with all its approvals becomes. Leaves it as it is while some are missing.
    pub(crate) fn become_grant(
        &self,
        changes: &mut Changes,
        request: Request,
        now: Timestamp,
    ) -> Result<Request, curfew_domain::request::VerdictError> {
        let before = request.clone();
        let Some(step) = request.settle(self.mint(), now)? else { return Ok(before) };
        let request = changes.request(step);
        let (scope, duration) =
            request.narrowed().map_err(|e| curfew_domain::request::VerdictError::Widens(e.to_string()))?;
        let id = request.grant_id().expect("INVARIANT: a settled request has a grant");
        let step: Transition<Grant> = Grant::approved(id, &request, scope, duration, now);
        changes.grant(step);
        changes.notices(self.notices_of_request("approved", &request, now));
        Ok(request)
    }

    /// Makes sure that the loop of hours is awake when a request, or the grant that it became, is over. Only after the
    /// commit, whatever it said: a loop that is woken before finds nothing, and sleeps again; and a commit may have
    /// been written though its answer was lost.
    pub(crate) fn due_with(&self, request: &Request, now: Timestamp) {
        let claimable = request.grant_id().map(|_| now.plus(request.claim_within));
        if let Some(due) = request.due_at().or(claimable) {
            self.due_at(due);
        }
    }

    /// Takes one's own pending request back.
    ///
    /// # Errors
    /// When there is none of theirs, or it is final.
    pub async fn withdraw(&self, who: &Identity, id: Id<Request>) -> Result<Request, DecideError> {
        for _ in 0..ATTEMPTS {
            let request = self.visible_request(who, id).await?;
            if !request.subject.is_same_as(&who.subject) {
                return Err(DecideError::NotTheirs("only the one who asked may withdraw it"));
            }
            let now = self.clock.now();
            let mut changes = Changes::default();
            let request = changes.request(request.withdraw(&who.subject, now)?);
            changes.notices(self.notices_of_request("withdrawn", &request, now));
            match self.commit(changes).await {
                Ok(_) => return Ok(request),
                Err(CommitError::Conflict(_)) => {}
                Err(other) => return Err(DecideError::Commit(other)),
            }
        }
        Err(DecideError::Commit(CommitError::Conflict(id.to_string())))
    }

    /// What a request does that nobody decided in time: it lapses, its stage is opened to others, or it is denied.
    /// Whether the ledger took it.
    pub(crate) async fn lapse(&self, request: Request, now: Timestamp) -> bool {
        let step = if now >= request.lapses_at { request.lapse(now) } else { request.time_out(now) };
        let Ok(step) = step else { return true };
        let mut changes = Changes::default();
        let request = changes.request(step);
        // Those to whom a stage was opened hear of it as of a new ask.
        let about = if matches!(request.state, RequestState::Pending) { "requested" } else { request.state_word() };
        changes.notices(self.notices_of_request(about, &request, now));
        let committed = self.commit(changes).await;
        self.due_with(&request, now);
        match committed {
            Ok(_) | Err(CommitError::Conflict(_) | CommitError::KeyUsed(_)) => true,
            Err(CommitError::Unavailable(_)) => false,
        }
    }

    /// The evidence that policy refused an ask.
    pub(crate) fn refusal(&self, who: &Identity, role: &RoleName, decision: &Decision) -> AuditEvent {
        let reasons = decision.unsatisfied.iter().chain(&decision.failed);
        let because = reasons.map(|r| r.message.as_str()).collect::<Vec<_>>().join("; ");
        let mut event = AuditEvent::new(self.clock.now(), who.subject.clone(), AuditAction::RequestRefused)
            .because(because)
            .with("role", role.to_string());
        event.subject = Some(who.subject.clone());
        event.policy_version = Some(decision.policy_version.clone());
        let shown = serde_json::to_value(decision).expect("INVARIANT: decisions serialize");
        match Detail::try_from(shown) {
            Ok(shown) => event.with("decision", shown),
            Err(_) => event,
        }
    }

    /// The same, with all that it takes to decide it again.
    pub(crate) fn refused(&self, ask: &Ask, decision: &Decision) -> AuditEvent {
        let event = self.refusal(&ask.who, &ask.role, decision);
        let event = event.with("reason", ask.reason.clone()).with("ticket", ask.ticket.clone());
        with_record(event, "asked", ask.record())
    }

    /// Whoever took emergency access that nobody has looked at gets no other.
    async fn check_reviewed(&self, ask: &Ask, decision: &Decision) -> Result<(), RequestError> {
        let Some(open) = self.unreviewed_of(&ask.who).await?.first().copied() else { return Ok(()) };
        let refused = RequestError::Unreviewed(open);
        let event = self.refusal(&ask.who, &ask.role, decision).because(refused.to_string());
        let event = event.with("reason", ask.reason.clone()).with("occasion", "break_glass");
        self.commit(Changes(vec![Change::Event(Box::new(event))])).await.map_err(RequestError::Commit)?;
        Err(refused)
    }

    async fn record_refusal(&self, case: (&Case<'_>, &Ask), decision: &Decision) -> Result<(), RequestError> {
        let event = self.refusal_of(case, decision);
        match self.commit(Changes(vec![Change::Event(Box::new(event))])).await {
            Ok(_) => Ok(()),
            Err(error) => Err(RequestError::Commit(error)),
        }
    }

    /// The same evidence, and on what occasion it was asked.
    pub(crate) fn refusal_of(&self, (case, asked): (&Case<'_>, &Ask), decision: &Decision) -> AuditEvent {
        let event = self.refused(asked, decision);
        let event = match case.origin {
            Origin::BreakGlass => event.with("occasion", "break_glass"),
            Origin::Trigger => event.with("occasion", "trigger"),
            Origin::Asked | Origin::Bundle => event,
        };
        match &case.lives_with {
            Some(lives) => event.with("run", lives.run.to_string()),
            None => event,
        }
    }
}

/// A new request, whose evidence says by what facts it was decided.
pub(crate) fn created(request: Request, asked: &Ask) -> Transition<Request> {
    let mut step = Request::created(request);
    step.event = with_record(step.event, "facts", asked.facts_record());
    step
}

/// Whether a request is what this ask became, as far as a request tells.
fn is_the_same(first: &Request, ask: &AskFor, origin: Origin) -> bool {
    let said = (&first.role, &first.reason, &first.ticket, first.origin);
    said == (&ask.role, &ask.reason, &ask.ticket, origin) && first.extends.is_none()
}

fn with_record(event: AuditEvent, key: &str, record: serde_json::Value) -> AuditEvent {
    let record = Detail::try_from(record).expect("INVARIANT: records hold only integers, texts, lists and maps");
    event.with(key, record)
}

pub(crate) fn key_hash(who: &Identity, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(who.subject.id.to_string().as_bytes());
    hash.update([0]);
    hash.update(key.as_bytes());
    hex::encode(hash.finalize())
}
