//! Putting another policy in force.

use crate::Engine;
use crate::ending::{EndOrder, OrderError};
use crate::engine::Changes;
use crate::seams::Change;
use crate::seams::store::{CommitError, ReadError};
use crate::verbs::again::{Approved, may_have, occasion_of};
use curfew_domain::audit::{AuditAction, AuditEvent, Detail};
use curfew_domain::request::Origin;
use curfew_domain::{EndCause, Grant, GrantState, Identity, LivesWith, Reason, ReasonCode, RoleName, Seconds, Subject};
use curfew_policy::{Ask, Facts, Occasion, OnPolicyChange, PolicySet, Role};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// Grants of which the record of a change of policy says what becomes of them; the others it counts.
const GRANTS_NAMED: usize = 1_000;

/// Another policy that is to be in force, and what is written down of it.
pub struct PolicyStep<'s> {
    /// The set.
    pub set: PolicySet,
    /// Who wants it.
    pub actor: &'s Subject,
    /// Why, in a sentence; empty for an ordinary step.
    pub because: String,
    /// Facts for the record.
    pub details: Vec<(&'static str, Detail)>,
    /// Named facts that change with it.
    pub facts: Vec<(&'static str, Option<String>)>,
}

/// What became of putting a policy in force.
#[derive(Debug, Clone, Default)]
pub struct InForce {
    /// Live grants that it would no longer give, and what becomes of each.
    pub touched: Vec<(Grant, Fate)>,
    /// Those that were ended.
    pub ended: Vec<Grant>,
}

/// What becomes of a live grant that the policy in force would no longer give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is ended.
    Ends,
    /// It runs to its end.
    Stays,
}

impl Fate {
    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ends => "ended",
            Self::Stays => "kept",
        }
    }
}

impl Engine {
    /// Puts a checked set in force, whole, once the ledger has recorded it, and ends what its subject is denied
    /// or no longer eligible for. Gives the grants that were ended.
    ///
    /// # Errors
    /// When the ledger cannot be written: the version in force stays.
    pub async fn apply_policy(&self, set: PolicySet, actor: &Subject) -> Result<Vec<Grant>, CommitError> {
        let step = PolicyStep { set, actor, because: String::new(), details: Vec::new(), facts: Vec::new() };
        Ok(self.put_in_force(step).await?.ended)
    }

    /// The same, with what else is to be written down. The record lists the live grants that the set would no longer
    /// give, and what becomes of them.
    ///
    /// # Errors
    /// When the ledger cannot be written: the version in force stays.
    pub async fn put_in_force(&self, step: PolicyStep<'_>) -> Result<InForce, CommitError> {
        let PolicyStep { set, actor, because, details, facts } = step;
        if self.policy().version() == set.version() {
            return Ok(InForce::default());
        }
        let touched = self.touched_by(&set).await.unwrap_or_else(|error| {
            tracing::error!(%error, "grants could not be compared with the new policy");
            Vec::new()
        });
        let mut event = self.policy_event(set.version(), actor).because(because);
        event.details.extend(details.into_iter().map(|(key, value)| (key.to_owned(), value)));
        if !touched.is_empty() {
            event = event.with("live_grants", listed(&touched));
            event = event.with("live_grants_count", i64::try_from(touched.len()).unwrap_or(i64::MAX));
        }
        let mut changes = Changes(policy_changes(event));
        let fact = |(name, value): (&str, Option<String>)| Change::Fact { name: name.to_owned(), value };
        changes.0.extend(facts.into_iter().map(fact));
        self.commit(changes).await?;
        self.say_what_is_idle(&set);
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        // New resources are prepared, and drift is judged by the new words.
        self.look.give();
        for (grant, fate) in &touched {
            tracing::warn!(grant_id = %grant.id, role = %grant.role, effect = fate.word(), "the new policy would not give this live grant");
        }
        let ended = match self.store.open_grants().await {
            Ok(grants) => self.end_what_is_denied(&grants).await,
            Err(error) => Err(error),
        };
        let ended = ended.unwrap_or_else(|error| {
            tracing::error!(%error, "grants could not be compared with the new policy");
            Vec::new()
        });
        Ok(InForce { touched, ended })
    }

    /// Says once, in the log, what the set has that this server cannot do.
    pub(crate) fn say_what_is_idle(&self, set: &PolicySet) {
        for line in crate::obeys::idle(set, &self.audience, &self.pipelines) {
            tracing::warn!("{line}");
        }
    }

    /// Records that a policy was refused; the one in force stays.
    pub async fn refuse_policy(&self, because: &str, actor: &Subject) {
        self.refuse_policy_with(because, actor, Vec::new()).await;
    }

    /// The same, with facts for the record.
    pub async fn refuse_policy_with(&self, because: &str, actor: &Subject, details: Vec<(&'static str, Detail)>) {
        let mut event = AuditEvent::new(self.clock.now(), actor.clone(), AuditAction::PolicyRefused).because(because);
        event.details.extend(details.into_iter().map(|(key, value)| (key.to_owned(), value)));
        if let Err(error) = self.commit(Changes(vec![Change::Event(Box::new(event))])).await {
            tracing::error!(%error, "a refused policy could not be recorded");
        }
    }

    /// The record of a policy that comes into force at the start.
    pub(crate) fn begun_policy(&self, version: &str) -> Vec<Change> {
        policy_changes(self.policy_event(version, &Subject::system()))
    }

    fn policy_event(&self, version: &str, actor: &Subject) -> AuditEvent {
        let mut event = AuditEvent::new(self.clock.now(), actor.clone(), AuditAction::PolicyApplied);
        event.policy_version = Some(version.to_owned());
        event
    }

    /// The live grants that a set would no longer give, and what becomes of each when it is in force.
    async fn touched_by(&self, set: &PolicySet) -> Result<Vec<(Grant, Fate)>, ReadError> {
        let mut touched = Vec::new();
        let grants = self.store.open_grants().await?;
        let requests: Vec<_> = grants.iter().map(|grant| grant.request_id).collect();
        let askers = self.store.askers(&requests).await?;
        for grant in grants.into_iter().filter(|grant| !matches!(grant.state, GrantState::Ending { .. })) {
            let Some(who) = askers.get(&grant.request_id) else { continue };
            let token = self.token_behind(grant.lives_with.as_ref(), &grant.role).await?;
            let fate = if !may_have(set, &grant, (who, token.as_ref()), self.clock.now()) {
                Fate::Ends
            } else if self.still_gives(set, &grant).await? {
                continue;
            } else {
                let ends = set.role(&grant.role).is_some_and(|role| role.on_policy_change == OnPolicyChange::End);
                if ends { Fate::Ends } else { Fate::Stays }
            };
            touched.push((grant, fate));
        }
        Ok(touched)
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
        let mut judged: BTreeMap<(&RoleName, &Identity, Origin, Option<&LivesWith>), bool> = BTreeMap::new();
        let mut denied = Vec::new();
        for grant in grants.iter().filter(|grant| !matches!(grant.state, GrantState::Ending { .. })) {
            let Some(who) = askers.get(&grant.request_id) else { continue };
            let case = (&grant.role, who, grant.origin, grant.lives_with.as_ref());
            let may = match judged.get(&case) {
                Some(may) => *may,
                None => {
                    let token = self.token_behind(grant.lives_with.as_ref(), &grant.role).await?;
                    let may = may_have(&policy, grant, (who, token.as_ref()), self.clock.now());
                    judged.insert(case, may);
                    may
                }
            };
            if !may || self.is_tightened(&policy, grant).await? {
                denied.push(grant);
            }
        }
        Ok(denied)
    }

    /// Whether the role ends what it would no longer give, and would no longer give this.
    async fn is_tightened(&self, policy: &PolicySet, grant: &Grant) -> Result<bool, ReadError> {
        let ends = |role: &Role| role.on_policy_change == OnPolicyChange::End;
        if grant.policy_version == policy.version() || !policy.role(&grant.role).is_some_and(ends) {
            return Ok(false);
        }
        Ok(!self.still_gives(policy, grant).await?)
    }

    /// Whether a set would give a grant as it was given. The hour and what else there is of the role do not count: they
    /// were judged when it was claimed.
    async fn still_gives(&self, policy: &PolicySet, grant: &Grant) -> Result<bool, ReadError> {
        let Some(request) = self.store.request(grant.request_id).await? else { return Ok(true) };
        let approved = Approved { grant, request: &request };
        let token = self.token_behind(grant.lives_with.as_ref(), &grant.role).await?;
        let asked = approved.asked(request.asker(), Facts { token, ..Facts::default() }, grant.approved_at);
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
        Ok(policy.meaning(&request.scope) == request.meaning && !unsatisfied.any(lasts))
    }
}

fn policy_changes(event: AuditEvent) -> Vec<Change> {
    let fact = Change::Fact { name: "policy".to_owned(), value: event.policy_version.clone() };
    vec![fact, Change::Event(Box::new(event))]
}

fn listed(touched: &[(Grant, Fate)]) -> Detail {
    let entry = |(grant, fate): &(Grant, Fate)| {
        let subject = grant.subject.email.as_ref().map_or_else(|| grant.subject.id.to_string(), ToString::to_string);
        let facts = [
            ("id", grant.id.to_string()),
            ("role", grant.role.to_string()),
            ("subject", subject),
            ("effect", fate.word().to_owned()),
        ];
        Detail::Map(facts.into_iter().map(|(key, text)| (key.to_owned(), text.into())).collect())
    };
    Detail::List(touched.iter().take(GRANTS_NAMED).map(entry).collect())
}
