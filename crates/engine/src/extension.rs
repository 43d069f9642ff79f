//! Extensions on their way: judged again with the last approval, ordered in one commit, then carried out in the
//! targets and read back.
//!
//! **Invariant:** a later end is in the ledger before the first call to a target, and counts only after every target
//! was read back. Until then the grant ends when it would have. An order that a crash or an outage interrupted is
//! carried out again until the grant ends; nothing later than it was ever ordered.

use crate::Engine;
use crate::activation::Failure;
use crate::drive::NewWork;
use crate::engine::Changes;
use crate::seams::connector::{CallError, ExtendOrder, Issued};
use crate::seams::store::CommitError;
use crate::verbs::again::check_authority;
use crate::verbs::decide::DecideError;
use crate::verbs::extend::ExtendError;
use curfew_domain::approval::Narrowed;
use curfew_domain::request::{Extends, Origin, VerdictError};
use curfew_domain::{Grant, GrantState, Id, Identity, Lease, LeaseState, Outcome, Request, Seconds, Timestamp, text};
use curfew_policy::{Ask, Judgement, Occasion};
use futures::future::join_all;
use std::net::IpAddr;
use std::sync::PoisonError;

/// A grant that has time left, with what it came from.
pub(crate) struct Running {
    pub(crate) grant: Grant,
    pub(crate) original: Request,
    pub(crate) activated_at: Timestamp,
    pub(crate) until: Timestamp,
}

impl Running {
    /// How long it lasts as it is, from its activation.
    pub(crate) fn lasts(&self) -> Seconds {
        let seconds = self.until.millis_since(self.activated_at) / 1_000;
        Seconds::new(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// The end it would have: never later than so long after its activation, nor than policy gives now.
    pub(crate) fn later_end(&self, total: Seconds, max_until: Option<Timestamp>) -> Timestamp {
        let until = self.activated_at.plus(total);
        max_until.map_or(until, |most| until.min(most))
    }
}

impl Engine {
    /// The grant, if it has time left that can be more.
    pub(crate) async fn running(&self, grant: Grant) -> Result<Running, ExtendError> {
        let (activated_at, until) = match grant.state {
            GrantState::Active { extends_to: Some(to), .. } => {
                return Err(ExtendError::UnderWay(format!("its targets are being given the end {to}")));
            }
            GrantState::Active { activated_at, until, extends_to: None } => (activated_at, until),
            GrantState::Approved { .. } | GrantState::Activating { .. } => {
                return Err(ExtendError::NotActive(grant.state_word()));
            }
            GrantState::Ending { .. } | GrantState::Ended { .. } => {
                return Err(ExtendError::AlreadyFinal(grant.state_word()));
            }
        };
        if self.clock.now() >= until || !self.is_alive(grant.lives_with.as_ref()).await? {
            return Err(ExtendError::AlreadyFinal("over"));
        }
        if grant.origin == Origin::BreakGlass {
            let why = "emergency access is not extended: ask for the role in the ordinary way";
            return Err(ExtendError::NotExtensible(why.to_owned()));
        }
        let original = self.store.request(grant.request_id).await?.ok_or(ExtendError::NotFound)?;
        Ok(Running { grant, original, activated_at, until })
    }

    /// What policy says to having it for so long in all, as of now.
    pub(crate) async fn judge_total(
        &self,
        who: &Identity,
        running: &Running,
        total: Seconds,
        source_ip: Option<IpAddr>,
    ) -> Result<Judgement, ExtendError> {
        let Running { grant, original, .. } = running;
        let policy = self.policy();
        let Some(role) = policy.role(&grant.role) else {
            let why = format!("the policy in force has no role `{}`", grant.role);
            return Err(ExtendError::NotExtensible(why));
        };
        if policy.meaning(&original.scope) != original.meaning {
            let why = "what the approved actions mean was changed in policy since it was approved: ask again";
            return Err(ExtendError::NotExtensible(why.to_owned()));
        }
        let mut facts = self.facts(role, &grant.subject, source_ip, Some(grant)).await?;
        facts.token = self.token_behind(grant.lives_with.as_ref(), &grant.role).await?;
        Ok(policy.decide(&Ask {
            pairs: Some(grant.scope.clone()),
            duration: Some(total),
            reason: original.reason.clone(),
            ticket: original.ticket.clone(),
            inputs: original.inputs.clone(),
            facts,
            occasion: Occasion::Extension { earlier: grant.extensions },
            ..Ask::of(who.clone(), grant.role.clone(), self.clock.now())
        }))
    }

    /// Adds the intent to `changes`: the request is approved, and grant and leases say which end they are given.
    pub(crate) async fn order_extension(
        &self,
        changes: &mut Changes,
        (running, request): (&Running, Request),
        max_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Request, ExtendError> {
        let refused = |e: &dyn std::fmt::Display| ExtendError::NotExtensible(e.to_string());
        let (_, total) = request.narrowed().map_err(|e| refused(&e))?;
        let until = running.later_end(total, max_until);
        let settled = request.clone().settle(running.grant.id, now).map_err(|e| refused(&e))?;
        let Some(step) = settled else { return Ok(request) };
        let request = changes.request(step);
        let step = running.grant.clone().extending(&request, until, now).map_err(|e| refused(&e))?;
        changes.grant(step);
        for lease in self.store.leases(running.grant.current_leases()).await? {
            let step = lease.extending(until, &request.subject, now).map_err(|e| refused(&e))?;
            changes.lease(step);
        }
        changes.notices(self.notices_of_request("approved", &request, now));
        Ok(request)
    }

    /// What a request for more time becomes with its last approval. Everything is judged again: policy, the approvers'
    /// authority, and that the grant still is what they saw. Leaves it as it is while approvals are missing.
    ///
    /// # Errors
    /// When it can no longer be given; nothing of `changes` may be committed then.
    pub(crate) async fn extend_if_settled(
        &self,
        changes: &mut Changes,
        request: Request,
        now: Timestamp,
    ) -> Result<Request, DecideError> {
        let Some(extends) = request.extends.clone() else { return Ok(request) };
        if request.stage_now().is_some() {
            return Ok(request);
        }
        let running = self.still_running(&extends).await?;
        let (_, total) = request.narrowed().map_err(|e| VerdictError::Widens(e.to_string()))?;
        let who = request.asker();
        let judgement = self.judge_total(&who, &running, total, extends.source_ip).await?;
        let Some(terms) = &judgement.terms else {
            return Err(ExtendError::Denied(Box::new(judgement.decision)).into());
        };
        if judgement.decision.outcome != Outcome::Automatic {
            let authority = check_authority(&self.policy(), &request, (&judgement.decision, &terms.course));
            authority.map_err(|error| DecideError::Extension(error.to_string()))?;
        }
        Ok(self.order_extension(changes, (&running, request), judgement.decision.max_until, now).await?)
    }

    /// The grant that a request for more time is about, as it was when more was asked for.
    async fn still_running(&self, extends: &Extends) -> Result<Running, DecideError> {
        let grant = self.store.grant(extends.grant).await?.ok_or(DecideError::NotFound)?;
        let running = self.running(grant).await?;
        if running.until != extends.until || running.grant.extensions != extends.earlier {
            let why = "the grant was extended otherwise since this was asked: deny it, or let it lapse";
            return Err(DecideError::Extension(why.to_owned()));
        }
        Ok(running)
    }

    /// Whether what an approver takes away leaves an extension: of what the grant gives, for longer than it lasts.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn check_narrowing(&self, request: &Request, narrowed: &Narrowed) -> Result<(), DecideError> {
        let Some(extends) = &request.extends else { return Ok(()) };
        if narrowed.actions.is_some() {
            let why = "more time is for all that the grant gives; take time away only, or deny it".to_owned();
            return Err(VerdictError::Widens(why).into());
        }
        let Some(cap) = narrowed.duration_seconds else { return Ok(()) };
        let lasts = self.still_running(extends).await?.lasts();
        if cap > lasts {
            return Ok(());
        }
        let why = format!("it lasts {lasts} as it is, so {cap} in all would be no extension: deny it instead");
        Err(VerdictError::Widens(why).into())
    }

    /// Has the targets of a grant given the end that is ordered, unless somebody is at it.
    pub(crate) fn begin_extension(&self, grant: Id<Grant>) {
        if self.extending.lock().unwrap_or_else(PoisonError::into_inner).insert(grant) {
            self.new_work.push([NewWork::Extension(grant)]);
        }
    }

    /// The same, and waits for what it comes to.
    pub(crate) async fn carried_out(&self, grant: Id<Grant>) -> Result<(), ExtendError> {
        let outcome = self.extensions.wait(grant);
        self.begin_extension(grant);
        match outcome.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Failure::Ended)) => Err(ExtendError::AlreadyFinal("over")),
            Ok(Err(failure)) => Err(ExtendError::Failed(failure)),
            Err(_) => Err(ExtendError::Stopping),
        }
    }

    /// Carries out what is ordered for a grant, once.
    pub(crate) async fn carry_out_extension(&self, id: Id<Grant>) {
        let outcome = self.extend_targets(id).await;
        if let Err(failure) = &outcome {
            tracing::warn!(grant_id = %id, %failure, "a grant could not be extended yet");
        }
        self.extending.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.extensions.tell(id, &outcome);
    }

    async fn extend_targets(&self, id: Id<Grant>) -> Result<(), Failure> {
        let unread = |error: crate::seams::store::ReadError| Failure::Ledger(error.to_string());
        let Some(grant) = self.store.grant(id).await.map_err(unread)? else { return Err(Failure::Ended) };
        let GrantState::Active { until, extends_to, .. } = grant.state else { return Err(Failure::Ended) };
        if extends_to.is_none() {
            return Ok(());
        }
        if self.clock.now() >= until {
            return Err(Failure::Ended);
        }
        let leases = self.store.leases(grant.current_leases()).await.map_err(unread)?;
        let answers = join_all(leases.iter().map(|lease| self.extend_lease(lease))).await;
        let issued = answers.into_iter().collect::<Result<Vec<Issued>, CallError>>()?;
        self.commit_extended(grant, leases.into_iter().zip(issued).collect()).await
    }

    /// Gives one target the later end. An answer that was lost is asked for once more: an end that stands is success.
    async fn extend_lease(&self, lease: &Lease) -> Result<Issued, CallError> {
        let lane = self.lane_of(lease)?;
        if let Some(error) = lane.refuses() {
            return Err(error);
        }
        let target = self.target(&lane)?;
        let (LeaseState::Live { locator, connection, .. }, Some(expires_at)) = (&lease.state, lease.extends_to) else {
            return Err(CallError::Invalid(format!("{} is not being extended", lease.id)));
        };
        let order = ExtendOrder {
            lease: lease.id,
            locator: locator.clone(),
            actions: lease.actions.clone(),
            connection: connection.clone(),
            expires_at,
            now: self.clock.now(),
            label: text::visible(&lease.subject.label()).into_owned(),
        };
        let once = async || {
            self.prepare(&lane, &target).await?;
            let answer = lane.connector.extend(&target, std::slice::from_ref(&order)).await.pop();
            answer.unwrap_or_else(|| Err(CallError::Invalid("the connector gave too few answers".to_owned())))
        };
        let mut answer = once().await;
        if matches!(answer, Err(CallError::Lost { .. })) {
            answer = once().await;
        }
        if let Err(error) = &answer {
            lane.note(error);
        }
        answer
    }

    /// Every target shows it: now it counts. An end that was ordered in the meantime stays.
    async fn commit_extended(&self, grant: Grant, extended: Vec<(Lease, Issued)>) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut changes = Changes::default();
        let mut leases = Vec::new();
        for (lease, issued) in extended {
            let step = lease.extended(issued.locator, issued.connection, now).map_err(|_| Failure::Ended)?;
            leases.push(changes.lease(step));
        }
        let grant = changes.grant(grant.extended(&leases, now).map_err(|_| Failure::Ended)?);
        changes.notices(self.notices_of_grant("extended", &grant, now).await);
        match self.commit(changes).await {
            Ok(_) => {
                leases.iter().for_each(|lease| self.remember(lease));
                if let Some(until) = grant.until() {
                    self.due_at(until);
                }
                Ok(())
            }
            // Only its end changes a grant that is being extended.
            Err(CommitError::Conflict(_) | CommitError::KeyUsed(_)) => Err(Failure::Ended),
            Err(CommitError::Unavailable(message)) => Err(Failure::Ledger(message)),
        }
    }
}
