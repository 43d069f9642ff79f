//! Putting another policy in force.

use crate::Engine;
use crate::ending::{EndOrder, OrderError};
use crate::engine::Changes;
use crate::seams::Change;
use crate::seams::store::{CommitError, ReadError};
use crate::verbs::again::{Approved, occasion_of};
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_domain::request::Origin;
use curfew_domain::{EndCause, Grant, GrantState, Identity, Reason, ReasonCode, RoleName, Seconds, Subject};
use curfew_policy::{Ask, Facts, Occasion, OnPolicyChange, PolicySet, Role};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

impl Engine {
    /// Puts a checked set in force, whole, once the ledger has recorded it, and ends what its subject is denied
    /// or no longer eligible for. Gives the grants that were ended.
    ///
    /// # Errors
    /// When the ledger cannot be written: the version in force stays.
    pub async fn apply_policy(&self, set: PolicySet, actor: &Subject) -> Result<Vec<Grant>, CommitError> {
        if self.policy().version() == set.version() {
            return Ok(Vec::new());
        }
        self.commit(Changes(self.policy_changes(set.version(), actor))).await?;
        self.say_what_is_idle(&set);
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        // New resources are prepared, and drift is judged by the new words.
        self.look.give();
        let ended = match self.store.open_grants().await {
            Ok(grants) => self.end_what_is_denied(&grants).await,
            Err(error) => Err(error),
        };
        Ok(ended.unwrap_or_else(|error| {
            tracing::error!(%error, "grants could not be compared with the new policy");
            Vec::new()
        }))
    }

    /// Says once, in the log, what the set has that this server cannot do.
    pub(crate) fn say_what_is_idle(&self, set: &PolicySet) {
        for line in crate::obeys::idle(set, &self.audience) {
            tracing::warn!("{line}");
        }
    }

    /// Records that a policy was refused; the one in force stays.
    pub async fn refuse_policy(&self, because: &str, actor: &Subject) {
        let event = AuditEvent::new(self.clock.now(), actor.clone(), AuditAction::PolicyRefused).because(because);
        if let Err(error) = self.commit(Changes(vec![Change::Event(Box::new(event))])).await {
            tracing::error!(%error, "a refused policy could not be recorded");
        }
    }

    pub(crate) fn policy_changes(&self, version: &str, actor: &Subject) -> Vec<Change> {
        let mut event = AuditEvent::new(self.clock.now(), actor.clone(), AuditAction::PolicyApplied);
        event.policy_version = Some(version.to_owned());
        let fact = Change::Fact { name: "policy".to_owned(), value: Some(version.to_owned()) };
        vec![fact, Change::Event(Box::new(event))]
    }

    /// Ends every one of these grants whose subject the policy in force does not let ask for it. Called when a
    /// policy comes into force, at start, and with each look, so that an end that an error lost is ordered again.
    pub(crate) async fn end_what_is_denied(&self, grants: &[Grant]) -> Result<Vec<Grant>, ReadError> {
        let mut ended = Vec::new();
        for grant in self.denied(grants).await? {
            let order = EndOrder {
                cause: EndCause::PolicyChanged,
                actor: &Subject::system(),
                because: "the policy in force no longer lets them ask for it",
            };
            match self.order_end(grant.clone(), &order).await {
                Ok(grant) => ended.push(grant),
                Err(OrderError::AlreadyEnding(..)) => {}
                Err(error) => tracing::warn!(%error, "a grant that policy no longer gives could not be ended yet"),
            }
        }
        Ok(ended)
    }

    async fn denied<'a>(&self, grants: &'a [Grant]) -> Result<Vec<&'a Grant>, ReadError> {
        let policy = self.policy();
        let requests: Vec<_> = grants.iter().map(|grant| grant.request_id).collect();
        let askers = self.store.askers(&requests).await?;
        // Many grants are of few people, and one person may ask for a role, or not, whichever grant it is.
        let mut judged: BTreeMap<(&RoleName, &Identity, bool), bool> = BTreeMap::new();
        let mut is_denied = |grant: &'a Grant| {
            let Some(who) = askers.get(&grant.request_id) else { return false };
            let emergency = grant.origin == Origin::BreakGlass;
            let may = judged.entry((&grant.role, who, emergency)).or_insert_with(|| match emergency {
                true => policy.may_break_glass(&grant.role, who),
                false => policy.is_eligible(&grant.role, who),
            });
            !*may
        };
        let open = grants.iter().filter(|grant| !matches!(grant.state, GrantState::Ending { .. }));
        let mut denied = Vec::new();
        for grant in open {
            if is_denied(grant) || self.is_tightened(&policy, grant).await? {
                denied.push(grant);
            }
        }
        Ok(denied)
    }

    /// Whether the role ends what it would no longer give, and would no longer give this. The hour and what else there
    /// is of the role do not count: they were judged when it was claimed.
    async fn is_tightened(&self, policy: &PolicySet, grant: &Grant) -> Result<bool, ReadError> {
        let ends = |role: &Role| role.on_policy_change == OnPolicyChange::End;
        if grant.policy_version == policy.version() || !policy.role(&grant.role).is_some_and(ends) {
            return Ok(false);
        }
        let Some(request) = self.store.request(grant.request_id).await? else { return Ok(false) };
        let approved = Approved { grant, request: &request };
        let asked = approved.asked(request.asker(), Facts::default(), grant.approved_at);
        let judged = |occasion: Occasion, duration: Seconds| {
            policy.decide(&Ask { duration: Some(duration), occasion, ..asked.clone() })
        };
        let mut judgements = vec![judged(occasion_of(grant.origin), grant.duration)];
        // What it was given beyond that has a rule of its own.
        if let (GrantState::Active { activated_at, until, .. }, Some(earlier)) =
            (&grant.state, grant.extensions.checked_sub(1))
        {
            let total = u32::try_from(until.millis_since(*activated_at) / 1_000).unwrap_or(u32::MAX);
            judgements.push(judged(Occasion::Extension { earlier }, Seconds::new(total)));
        }
        let lasts = |reason: &Reason| match reason.code {
            ReasonCode::Deny
            | ReasonCode::Eligibility
            | ReasonCode::Scope
            | ReasonCode::Duration
            | ReasonCode::Justification
            | ReasonCode::Inputs
            | ReasonCode::Guardrail
            | ReasonCode::When => true,
            ReasonCode::Ticket
            | ReasonCode::Window
            | ReasonCode::SourceIp
            | ReasonCode::Mfa
            | ReasonCode::Concurrency
            | ReasonCode::Approvable => false,
        };
        let mut unsatisfied = judgements.iter().flat_map(|judgement| &judgement.decision.unsatisfied);
        Ok(policy.meaning(&request.scope) != request.meaning || unsatisfied.any(lasts))
    }
}
