//! What a decision about the past cannot be sure of: facts that nobody recorded, where they could have turned it.

use super::reasons::Reasons;
use super::{Case, behind};
use crate::ask::{Ask, Occasion};
use crate::expression::Needs;
use crate::model::{Principal, Requesters};
use crate::set::PolicySet;
use crate::source::Place;
use curfew_domain::{Course, Decision, Outcome, Reason, ReasonCode, Stage, SubjectKind};

impl PolicySet {
    /// What was not known of an ask although the decision on it hangs on that, a sentence each. Empty when the decision would
    /// be the same whatever the facts that are not known: where something else denies, or where nothing speaks of them.
    pub fn doubts(&self, ask: &Ask, decision: &Decision) -> Vec<String> {
        let Some((role, compiled)) = self.compiled(&ask.role) else { return Vec::new() };
        let case = Case { set: self, role, compiled, ask, behind: behind(self, ask) };
        match decision.outcome {
            Outcome::Automatic => Vec::new(),
            Outcome::NeedsApproval => case.not_waived().into_iter().collect(),
            Outcome::Denied => {
                // What could be evaluated is certain, but for who somebody is: absence from a list that is not known denies too.
                let unsatisfied = decision.unsatisfied.iter().map(|reason| case.who_doubt(reason));
                let doubts = unsatisfied.chain(decision.failed.iter().map(|reason| case.doubt(reason)));
                doubts.collect::<Option<Vec<_>>>().unwrap_or_default()
            }
        }
    }
}

/// What approval an ask takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalTaken {
    /// None when nobody has to say yes.
    pub stages: Vec<Stage>,
    /// How a request goes on through them.
    pub course: Course,
}

impl PolicySet {
    /// What approval an ask takes, whatever else stands in its way: the hour, a fact. None when there is no such role, when it
    /// does not give what is asked, or when whether anybody has to say yes hangs on a fact that is not known.
    pub fn approval_taken(&self, ask: &Ask) -> Option<ApprovalTaken> {
        let (role, compiled) = self.compiled(&ask.role)?;
        let case = Case { set: self, role, compiled, ask, behind: behind(self, ask) };
        let mut unsaid = Reasons::default();
        let (scope, duration) = (case.scope(&mut unsaid)?, case.duration(&mut unsaid).asked);
        let scene = case.scene(&scope, duration);
        let asked = case.approval(Some(&scene), &mut unsaid);
        let hangs_on_a_fact = !asked.stages.is_empty() && case.not_waived().is_some();
        (!hangs_on_a_fact).then(|| ApprovalTaken { stages: asked.stages, course: case.course(asked.terms) })
    }
}

impl Case<'_> {
    /// What is not known of who asks, behind a reason that denies by it; none when it denies for certain.
    fn who_doubt(&self, reason: &Reason) -> Option<String> {
        let said = &reason.message;
        match reason.code {
            ReasonCode::Eligibility => self.who_is_unsure().map(|what| format!("{said}: {what}")),
            ReasonCode::Approvable => self.lacks_token().then(|| format!("{said}: the token of the run is not known")),
            ReasonCode::Deny
            | ReasonCode::Scope
            | ReasonCode::Duration
            | ReasonCode::Justification
            | ReasonCode::Ticket
            | ReasonCode::Window
            | ReasonCode::SourceIp
            | ReasonCode::Mfa
            | ReasonCode::Concurrency
            | ReasonCode::Inputs
            | ReasonCode::When
            | ReasonCode::Guardrail => None,
        }
    }

    /// What is not known behind a reason that could not be evaluated; none when no fact would have helped.
    fn doubt(&self, reason: &Reason) -> Option<String> {
        let facts = &self.ask.facts;
        let said = || reason.message.clone();
        match reason.code {
            ReasonCode::Ticket => facts.ticket_state.is_none().then(said),
            ReasonCode::SourceIp => facts.source_ip.is_none().then(said),
            ReasonCode::Mfa => facts.mfa.is_none().then(said),
            ReasonCode::Concurrency => facts.grants.is_none().then(said),
            ReasonCode::Deny => self.who_is_unsure().map(|_| said()),
            ReasonCode::Eligibility | ReasonCode::Approvable => self.who_doubt(reason),
            ReasonCode::When => {
                let rules = self.role.constraints.when.iter().filter(|rule| is_at(&rule.place, reason));
                rules.filter_map(|rule| self.not_known(&rule.expression.needs)).next()
            }
            ReasonCode::Guardrail => {
                let rules = self.set.guardrails().iter().filter(|rule| is_at(&rule.place, reason));
                rules.filter_map(|rule| self.not_known(&rule.needs)).next()
            }
            ReasonCode::Scope
            | ReasonCode::Duration
            | ReasonCode::Justification
            | ReasonCode::Window
            | ReasonCode::Inputs => None,
        }
    }

    /// The fact that could have waived the approval.
    fn not_waived(&self) -> Option<String> {
        self.role.auto_approve_when.as_ref().and_then(|expression| self.not_known(&expression.needs))
    }

    /// The first fact of an expression that is not known, of those that differ from request to request. A label that a resource
    /// lacks is lacking for certain.
    fn not_known(&self, needs: &Needs) -> Option<String> {
        let facts = &self.ask.facts;
        let lacks = |name: &&String| match name.as_str() {
            "ticket_state" => facts.ticket_state.is_none(),
            "source_ip" => facts.source_ip.is_none(),
            "mfa" => facts.mfa.is_none(),
            "oncall" => facts.oncall.is_none(),
            "risk_score" => facts.risk_score.is_none(),
            _ => false,
        };
        let context = needs.context.iter().find(lacks).map(|name| format!("`context.{name}` is not known"));
        let claims = needs.claims.first().filter(|_| self.lacks_token());
        context.or_else(|| claims.map(|name| format!("`context.claims.{name}` is not known")))
    }

    /// Whether a run is behind the ask whose token nobody recorded.
    fn lacks_token(&self) -> bool {
        let of_run =
            matches!(self.ask.occasion, Occasion::Trigger) || self.ask.who.subject.kind == SubjectKind::Workload;
        of_run && self.ask.facts.token.is_none()
    }

    /// What of the subject is not known that a list of the role names.
    fn who_is_unsure(&self) -> Option<String> {
        if self.lacks_token() {
            return Some("the token of the run is not known".to_owned());
        }
        let asked = match &self.role.requesters {
            Requesters::Listed(list) => list.as_slice(),
            Requesters::Anyone(_) | Requesters::TriggersOnly => &[],
        };
        let emergency = self.role.break_glass.iter().flat_map(|rule| &rule.who);
        let mut all = asked.iter().chain(&self.role.deny).chain(emergency);
        let oncall = all.any(|listed| matches!(listed.principal, Principal::OnCall(_)));
        (oncall && self.ask.facts.oncall.is_none()).then(|| "who was on call is not known".to_owned())
    }
}

fn is_at(place: &Place, reason: &Reason) -> bool {
    *place.file == *reason.file && place.line == reason.line
}
