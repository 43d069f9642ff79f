//! What somebody asks for, judged and drawn up as a request.

use super::request::RequestError;
use crate::Engine;
use crate::engine::Changes;
use crate::seams::store::BoundToken;
use curfew_domain::request::{Origin, VerdictError};
use curfew_domain::{
    ActionName, BeatId, Decision, Identity, Inputs, LivesWith, Outcome, Request, RequestState, ResourceName, RoleName,
    Seconds, SubjectKind, Timestamp, Version, limits,
};
use curfew_policy::{Ask, Judgement, Occasion, Terms, Token};
use std::net::IpAddr;

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct AskFor {
    /// The role.
    pub role: RoleName,
    /// Only these resources of it; empty means all.
    pub resources: Vec<ResourceName>,
    /// Only these actions of it; empty means all.
    pub actions: Vec<ActionName>,
    /// For how long; the role's default if nothing is said.
    pub duration: Option<Seconds>,
    /// Why.
    pub reason: String,
    /// A reference into a ticket system.
    pub ticket: String,
    /// What else the role wants to be told.
    pub inputs: Inputs,
    /// Where the ask comes from, if that is known.
    pub source_ip: Option<IpAddr>,
    /// The run's client that asks; none when a person does.
    pub client: Option<RunClient>,
}

/// A client of a pipeline's run, as its call shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunClient {
    /// What its job's token said, and the key that the call has proved.
    pub bound: BoundToken,
    /// The heartbeat that it names.
    pub beat: Option<BeatId>,
}

/// An ask on its occasion.
pub(crate) struct Case<'a> {
    pub(crate) who: &'a Identity,
    pub(crate) ask: AskFor,
    pub(crate) occasion: Occasion,
    pub(crate) origin: Origin,
    /// What the request, and what comes of it, would live with.
    pub(crate) lives_with: Option<LivesWith>,
    /// The token of the run that asks, or that opens it for somebody.
    pub(crate) token: Option<Token>,
}

impl Engine {
    /// What policy says to an ask, asking nothing.
    ///
    /// # Errors
    /// When there is no such role, or a text is too long.
    pub async fn judge(&self, who: &Identity, ask: &AskFor) -> Result<Judgement, RequestError> {
        let case = Case {
            who,
            token: ask.client.as_ref().and_then(|client| crate::facts::token_of(&client.bound.token)),
            ask: ask.clone(),
            occasion: Occasion::Request,
            origin: Origin::Asked,
            lives_with: None,
        };
        self.judge_case(&case).await
    }

    pub(crate) async fn judge_case(&self, case: &Case<'_>) -> Result<Judgement, RequestError> {
        let Case { who, ask, occasion, token, .. } = case;
        if ask.reason.chars().count() > limits::REASON_CHARS {
            return Err(RequestError::Text("a reason may have 2,000 characters at most"));
        }
        if ask.ticket.chars().count() > limits::TICKET_CHARS {
            return Err(RequestError::Text("a ticket may have 128 characters at most"));
        }
        let policy = self.policy();
        let Some(role) = policy.role(&ask.role) else { return Err(RequestError::NoSuchRole(ask.role.clone())) };
        let mut facts = self.facts(role, &who.subject, ask.source_ip, None).await?;
        facts.token.clone_from(token);
        Ok(policy.decide(&Ask {
            resources: ask.resources.clone(),
            actions: ask.actions.clone(),
            duration: ask.duration,
            reason: ask.reason.clone(),
            ticket: ask.ticket.clone(),
            inputs: ask.inputs.clone(),
            facts,
            occasion: *occasion,
            ..Ask::of((*who).clone(), ask.role.clone(), self.clock.now())
        }))
    }

    /// Adds to `changes` the request that an ask becomes, and the grant where nobody has to say yes.
    pub(crate) fn draw_up(
        &self,
        changes: &mut Changes,
        case: Case<'_>,
        (decision, terms): (Decision, Terms),
        now: Timestamp,
    ) -> Result<Request, VerdictError> {
        let Case { who, ask, origin, lives_with, .. } = case;
        let automatic = decision.outcome == Outcome::Automatic;
        let request = changes.request(Request::created(Request {
            id: self.mint(),
            version: Version::NONE,
            subject: who.subject.clone(),
            groups: who.groups.clone(),
            role: ask.role,
            scope: terms.scope,
            duration: terms.duration,
            reason: ask.reason,
            ticket: ask.ticket,
            decision,
            meaning: terms.meaning,
            origin,
            extends: None,
            lives_with,
            created_at: now,
            lapses_at: now.plus(terms.lapses_after),
            claim_within: terms.claim_within,
            inputs: ask.inputs,
            course: terms.course,
            approvals: Vec::new(),
            state: RequestState::Pending,
        }));
        if automatic {
            return self.become_grant(changes, request, now);
        }
        changes.notices(self.notices_of_request("requested", &request, now));
        Ok(request)
    }

    /// What an ask would live with: a machine names a heartbeat of its own, a person none.
    pub(crate) async fn lives_with(
        &self,
        who: &Identity,
        client: Option<&RunClient>,
    ) -> Result<Option<LivesWith>, RequestError> {
        let beat = match (who.subject.kind, client) {
            (SubjectKind::Workload, Some(RunClient { bound, beat: Some(beat) })) => (bound, beat),
            (SubjectKind::Workload, _) => {
                return Err(RequestError::Beat("a machine asks with a heartbeat of its run: begin the run first"));
            }
            (SubjectKind::Person | SubjectKind::System, None) => return Ok(None),
            (SubjectKind::Person | SubjectKind::System, Some(_)) => {
                return Err(RequestError::Beat("a heartbeat is for the runs of pipelines: leave it out"));
            }
        };
        let (bound, beat) = beat;
        let run = self.store.newest_run(&bound.token.run).await?.ok_or(RequestError::RunOver)?;
        match self.store.beat(run.id, beat).await? {
            Some(held) if held.owner == bound.key_thumbprint && self.clock.now() < held.until => {
                Ok(Some(run.with(Some(beat.clone()))))
            }
            Some(_) | None => Err(RequestError::RunOver),
        }
    }
}
