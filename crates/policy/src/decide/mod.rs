//! Decides one request under one role: deny lists, eligibility, scope, duration, constraints, guardrails, then what
//! approval it needs.

mod access;
mod approval;
mod constraints;
mod doubt;
mod reasons;
mod rules;

pub(crate) use constraints::wanted;
pub(crate) use reasons::abridged;

use crate::ask::{Ask, Judgement, Occasion, Terms};
use crate::authorize::{Asker, ReasonFacts};
use crate::compile::{ACTOR, Compiled, RUN, badge, entity_uid, principal_uid};
use crate::meaning::meaning;
use crate::model::{Approval, Principal, Requesters, Role};
use crate::scene::Scene;
use crate::set::PolicySet;
use crate::workload::Actor;
use approval::Asked;
use cedar_policy::EntityUid;
use curfew_domain::course::{ApproverReason, ApproversMfa, Counted, Course};
use curfew_domain::{
    Decision, Email, Outcome, Reason, ReasonCode, Scope, Seconds, StageCourse, SubjectKind, Timestamp,
};
pub use doubt::ApprovalTaken;
use reasons::Reasons;

impl PolicySet {
    /// Decides a request. Total and deterministic; what is unknown or in doubt is denied.
    pub fn decide(&self, ask: &Ask) -> Judgement {
        let Some((role, compiled)) = self.compiled(&ask.role) else {
            let mut reasons = Reasons::default();
            reasons.unsatisfied.push(Reason {
                code: ReasonCode::Eligibility,
                message: format!("the policy has no role `{}`", ask.role),
                file: String::new(),
                line: 0,
            });
            return denied(self, ask, reasons);
        };
        let case = Case { set: self, role, compiled, ask, behind: behind(self, ask) };
        case.judge()
    }
}

/// Why what people approve is not given to a run of which nobody knows who started it.
pub(crate) const NOBODY_KNOWS_WHO: &str =
    "nobody can tell who started the run, and so who must not approve it; `people` says whose an account is";

/// The person behind a run that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Behind {
    /// It is no run that somebody starts.
    Nobody,
    /// This one.
    Person(Email),
    /// Somebody, and nobody can tell who.
    Unsure,
}

fn behind(set: &PolicySet, ask: &Ask) -> Behind {
    let Some(token) = &ask.facts.token else { return Behind::Nobody };
    match token.actor() {
        None => Behind::Nobody,
        Some(Actor::Unsure) => Behind::Unsure,
        Some(Actor::Account(number)) => {
            set.person_of(token.provider, number).map_or(Behind::Unsure, |email| Behind::Person(email.clone()))
        }
    }
}

/// One request before one role.
struct Case<'a> {
    set: &'a PolicySet,
    role: &'a Role,
    compiled: &'a Compiled,
    ask: &'a Ask,
    behind: Behind,
}

fn denied(set: &PolicySet, ask: &Ask, reasons: Reasons) -> Judgement {
    let decision = Decision {
        outcome: Outcome::Denied,
        role: ask.role.clone(),
        policy_version: set.version().to_owned(),
        satisfied: reasons.satisfied,
        unsatisfied: reasons.unsatisfied,
        failed: reasons.failed,
        stages: Vec::new(),
        approvers: Vec::new(),
        max_until: None,
        residual_exposure: Vec::new(),
    };
    Judgement { decision, terms: None }
}

impl Case<'_> {
    fn judge(&self) -> Judgement {
        let mut reasons = Reasons::default();
        let facts = self.reason_facts();
        let asker = Asker::new(&self.ask.who, self.set.directory(), self.worn());
        let allowed = self.allowed(&asker, facts);
        let free = asker.is_free_to_ask(self.compiled, facts);
        self.deny(&free, &mut reasons);
        self.eligibility(&allowed, &mut reasons);
        let scope = self.scope(&mut reasons);
        let duration = self.duration(&mut reasons);
        self.justification(&free, &mut reasons);
        let until = self.constraints(duration.asked, &mut reasons);
        let scene = scope.as_ref().map(|scope| self.scene(scope, duration.asked));
        if let Some(scene) = &scene {
            self.when(scene, &mut reasons);
            self.guardrails(scene, &mut reasons);
        }
        let asked = self.approval(scene.as_ref(), &mut reasons);
        let clear = allowed.is_clear_yes() && free.is_clear_yes();
        match (scope, duration.given) {
            (Some(scope), Some(duration)) if clear && !reasons.deny() => {
                self.granted(reasons, asked, scope, duration, until)
            }
            _ => denied(self.set, self.ask, reasons),
        }
    }

    fn scene(&self, scope: &Scope, duration: Seconds) -> Scene<'_> {
        Scene::new(self.ask, self.role, scope, duration, self.set.directory(), |name| self.set.resource(name))
    }

    fn granted(&self, reasons: Reasons, asked: Asked, scope: Scope, duration: Seconds, until: Timestamp) -> Judgement {
        let outcome = if asked.stages.is_empty() { Outcome::Automatic } else { Outcome::NeedsApproval };
        let decision = Decision {
            outcome,
            role: self.role.name.clone(),
            policy_version: self.set.version().to_owned(),
            satisfied: reasons.satisfied,
            unsatisfied: reasons.unsatisfied,
            failed: reasons.failed,
            approvers: asked.stages.first().map(|s| s.approvers.clone()).unwrap_or_default(),
            stages: asked.stages,
            max_until: Some(until),
            residual_exposure: self.residual_exposure(&scope),
        };
        let lapses_after = match &self.role.approval {
            Approval::Automatic(_) => curfew_domain::limits::LAPSES_AFTER,
            Approval::Stages(chain) => chain.lapses_after,
        };
        let terms = Terms {
            meaning: meaning(self.set.inventory(), &scope),
            scope,
            duration,
            claim_within: self.role.activation.claim_within,
            lapses_after,
            course: self.course(asked.terms),
        };
        Judgement { decision, terms: Some(terms) }
    }

    fn course(&self, stages: Vec<StageCourse>) -> Course {
        let mut course = Course { stages, ..Course::default() };
        if let Approval::Stages(chain) = &self.role.approval {
            if !chain.distinct_approvers {
                course.counted = Counted::InEachStage;
            }
            if chain.reason_required {
                course.approver_reason = ApproverReason::Required;
            }
        }
        let mfa = self.role.constraints.mfa.as_ref().filter(|mfa| mfa.approve);
        course.approvers_mfa = mfa.map(|mfa| ApproversMfa { max_age: mfa.max_age });
        course.behind = match &self.behind {
            Behind::Person(email) => Some(email.clone()),
            Behind::Nobody | Behind::Unsure => None,
        };
        course
    }

    fn who(&self) -> String {
        self.ask.who.subject.label()
    }

    /// What the facts say the subject is beside what its sign-in says: on call, or a run that an entry means.
    fn worn(&self) -> Vec<EntityUid> {
        let mut worn = Vec::new();
        if let Some(oncall) = &self.ask.facts.oncall {
            let names = self.role.oncall_names().into_iter().filter(|name| oncall.covers(name));
            worn.extend(names.map(|name| principal_uid(&Principal::OnCall(name.clone()))));
        }
        let (Some(token), kind) = (&self.ask.facts.token, self.ask.who.subject.kind) else { return worn };
        match kind {
            SubjectKind::Workload => {
                if let Requesters::Listed(list) = &self.role.requesters {
                    let rules = list.iter().enumerate();
                    worn.extend(rules.filter_map(|(i, listed)| match &listed.principal {
                        Principal::Workload(rule) => token.is(rule).then(|| badge(i)),
                        Principal::Person(_) | Principal::Group(_) | Principal::OnCall(_) => None,
                    }));
                }
                worn.push(entity_uid("Badge", RUN));
            }
            SubjectKind::Person => {
                let own =
                    matches!(&self.behind, Behind::Person(email) if self.ask.who.subject.email.as_ref() == Some(email));
                worn.extend(own.then(|| entity_uid("Badge", ACTOR)));
            }
            SubjectKind::System => {}
        }
        worn
    }

    fn reason_facts(&self) -> ReasonFacts {
        let text = self.ask.reason.trim();
        let pattern = self.role.constraints.justification.as_ref().and_then(|j| j.pattern.as_ref());
        ReasonFacts { length: text.chars().count(), matches: pattern.is_none_or(|p| p.matches(text)) }
    }

    fn is_emergency(&self) -> bool {
        match self.ask.occasion {
            Occasion::BreakGlass => true,
            Occasion::Request | Occasion::Extension { .. } | Occasion::Trigger => false,
        }
    }

    fn residual_exposure(&self, scope: &Scope) -> Vec<String> {
        let resources = scope.by_resource().into_keys();
        let known = resources.filter_map(|name| self.set.resource(&name));
        known.flat_map(|r| r.connector.residual_exposure.iter().map(|s| format!("{}: {s}", r.name))).collect()
    }
}
