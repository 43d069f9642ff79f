//! Decides one request under one role: deny lists, eligibility, scope, duration, constraints, then what approval it needs.

use crate::approvers::{can_be_decided, stages_for};
use crate::ask::{Ask, Judgement, Terms};
use crate::authorize::{Answer, Asker, ReasonFacts};
use crate::compile::{Compiled, Rule};
use crate::meaning::meaning;
use crate::model::{Approval, DurationRule, Justification, Requesters, Role};
use crate::scope::{choose, exactly};
use crate::set::PolicySet;
use crate::source::Place;
use curfew_domain::{Decision, Outcome, Reason, ReasonCode, Scope, Seconds, Stage, limits};

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
        let case = Case { set: self, role, compiled, ask };
        case.judge()
    }
}

/// One request before one role.
struct Case<'a> {
    set: &'a PolicySet,
    role: &'a Role,
    compiled: &'a Compiled,
    ask: &'a Ask,
}

/// The three lists of a decision.
#[derive(Debug, Default)]
struct Reasons {
    satisfied: Vec<Reason>,
    unsatisfied: Vec<Reason>,
    failed: Vec<Reason>,
}

impl Reasons {
    fn holds(&mut self, code: ReasonCode, place: &Place, message: String) {
        self.satisfied.push(reason(code, place, message));
    }

    fn fails(&mut self, code: ReasonCode, place: &Place, message: String) {
        self.unsatisfied.push(reason(code, place, message));
    }

    fn in_doubt(&mut self, code: ReasonCode, place: &Place, answer: &Answer) {
        for error in &answer.errors {
            self.failed.push(reason(code, place, format!("could not be evaluated: {error}")));
        }
    }

    fn deny(&self) -> bool {
        !self.unsatisfied.is_empty() || !self.failed.is_empty()
    }
}

fn reason(code: ReasonCode, place: &Place, message: String) -> Reason {
    Reason { code, message, file: place.file.to_string(), line: place.line }
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
        let asker = Asker::new(&self.ask.who, self.set.directory());
        let allowed = asker.may_ask(self.compiled, facts);
        let free = asker.is_free_to_ask(self.compiled, facts);
        self.deny(&free, &mut reasons);
        self.eligibility(&allowed, &mut reasons);
        let scope = self.scope(&mut reasons);
        let duration = self.duration(&mut reasons);
        self.justification(&free, &mut reasons);
        let stages = self.approvable(&mut reasons);
        let clear = allowed.is_clear_yes() && free.is_clear_yes();
        match (scope, duration) {
            (Some(scope), Some(duration)) if clear && !reasons.deny() => self.granted(reasons, stages, scope, duration),
            _ => denied(self.set, self.ask, reasons),
        }
    }

    fn granted(&self, reasons: Reasons, stages: Vec<Stage>, scope: Scope, duration: Seconds) -> Judgement {
        let outcome = match self.role.approval {
            Approval::Automatic(_) => Outcome::Automatic,
            Approval::Stages(_) => Outcome::NeedsApproval,
        };
        let decision = Decision {
            outcome,
            role: self.role.name.clone(),
            policy_version: self.set.version().to_owned(),
            satisfied: reasons.satisfied,
            unsatisfied: reasons.unsatisfied,
            failed: reasons.failed,
            approvers: stages.first().map(|s| s.approvers.clone()).unwrap_or_default(),
            stages,
            max_until: Some(self.ask.now.plus(duration)),
            residual_exposure: self.residual_exposure(&scope),
        };
        let terms = Terms {
            meaning: meaning(self.set.inventory(), &scope),
            scope,
            duration,
            claim_within: limits::CLAIM_WITHIN,
            lapses_after: limits::LAPSES_AFTER,
        };
        Judgement { decision, terms: Some(terms) }
    }

    fn who(&self) -> String {
        self.ask.who.subject.label()
    }

    fn reason_facts(&self) -> ReasonFacts {
        let text = self.ask.reason.trim();
        let pattern = self.role.justification.as_ref().and_then(|j| j.pattern.as_ref());
        ReasonFacts { length: text.chars().count(), matches: pattern.is_none_or(|p| p.matches(text)) }
    }

    fn deny(&self, free: &Answer, reasons: &mut Reasons) {
        reasons.in_doubt(ReasonCode::Deny, &self.role.place, free);
        let by =
            free.because.iter().find_map(|rule| if let Rule::Denied(i) = rule { self.role.deny.get(*i) } else { None });
        match (by, self.role.deny.first()) {
            (Some(listed), _) => {
                let message =
                    format!("{} is denied by the entry {} of the role's deny list", self.who(), listed.principal);
                reasons.fails(ReasonCode::Deny, &listed.place, message);
            }
            (None, Some(first)) => {
                let message = format!("{} is not on the role's deny list", self.who());
                reasons.holds(ReasonCode::Deny, &first.place, message);
            }
            (None, None) => {}
        }
    }

    fn eligibility(&self, allowed: &Answer, reasons: &mut Reasons) {
        let code = ReasonCode::Eligibility;
        let place = match &self.role.requesters {
            Requesters::Anyone(place) => place,
            Requesters::Listed(list) => list.first().map_or(&self.role.place, |l| &l.place),
        };
        reasons.in_doubt(code, place, allowed);
        if !allowed.is_clear_yes() {
            let message = match &self.role.requesters {
                Requesters::Anyone(_) => {
                    format!("{} is no signed-in person; a machine may only ask where it is named", self.who())
                }
                Requesters::Listed(list) => {
                    let names: Vec<String> = list.iter().map(|l| l.principal.to_string()).collect();
                    format!("{} is none of those who may ask: {}", self.who(), abridged(&names))
                }
            };
            return reasons.fails(code, place, message);
        }
        let by = allowed.because.iter().find_map(|rule| {
            let (Rule::MayAsk(i), Requesters::Listed(list)) = (rule, &self.role.requesters) else { return None };
            list.get(*i)
        });
        match by {
            Some(listed) => {
                reasons.holds(code, &listed.place, format!("{} may ask, by the entry {}", self.who(), listed.principal))
            }
            None => reasons.holds(code, place, format!("{} may ask, as any signed-in person may", self.who())),
        }
    }

    fn scope(&self, reasons: &mut Reasons) -> Option<Scope> {
        let place = self.role.conditions.first().map_or(&self.role.place, |c| &c.place);
        let given = self.set.inventory().pairs(self.role);
        let chosen = match &self.ask.pairs {
            Some(pairs) => exactly(&given, pairs),
            None => choose(&given, &self.ask.resources, &self.ask.actions),
        };
        match chosen {
            Ok(scope) => {
                reasons.holds(ReasonCode::Scope, place, format!("the role gives {}", described(&scope)));
                Some(scope)
            }
            Err(why) => {
                reasons.fails(ReasonCode::Scope, place, why.to_string());
                None
            }
        }
    }

    fn duration(&self, reasons: &mut Reasons) -> Option<Seconds> {
        let DurationRule { min, default, max, place } = &self.role.duration;
        let asked = self.ask.duration.unwrap_or(*default);
        if asked > *max {
            let message = format!("{asked} is longer than the {max} that the role allows");
            reasons.fails(ReasonCode::Duration, place, message);
            return None;
        }
        if asked < *min || asked.as_secs() == 0 {
            let message = format!("{asked} is shorter than {min}, the least that the role gives");
            reasons.fails(ReasonCode::Duration, place, message);
            return None;
        }
        reasons.holds(ReasonCode::Duration, place, format!("{asked} is within the {max} that the role allows"));
        Some(asked)
    }

    fn justification(&self, free: &Answer, reasons: &mut Reasons) {
        let Some(rule) = &self.role.justification else { return };
        let broken: Vec<String> = free.because.iter().filter_map(|r| complaint(*r, rule)).collect();
        for message in &broken {
            reasons.fails(ReasonCode::Justification, &rule.place, message.clone());
        }
        if broken.is_empty() && free.errors.is_empty() {
            let given = if self.ask.reason.trim().is_empty() {
                "no reason is required"
            } else {
                "the reason is as the role wants it"
            };
            reasons.holds(ReasonCode::Justification, &rule.place, given.to_owned());
        }
    }

    /// The stages with those who could decide them; a stage that nobody can denies the request now, not in a day.
    fn approvable(&self, reasons: &mut Reasons) -> Vec<Stage> {
        let Approval::Stages(rules) = &self.role.approval else { return Vec::new() };
        let stages = stages_for(self.set.directory(), self.role, &self.ask.who.subject);
        for (rule, stage) in rules.iter().zip(&stages) {
            if can_be_decided(stage) {
                let message = format!("somebody other than the requester can decide stage `{}`", rule.name);
                reasons.holds(ReasonCode::Approvable, &rule.place, message);
            } else {
                let message = format!(
                    "nobody is left who could decide stage `{}`: the requester and the denied never count",
                    rule.name
                );
                reasons.fails(ReasonCode::Approvable, &rule.place, message);
            }
        }
        stages
    }

    fn residual_exposure(&self, scope: &Scope) -> Vec<String> {
        let resources = scope.by_resource().into_keys();
        let known = resources.filter_map(|name| self.set.resource(&name));
        known.flat_map(|r| r.connector.residual_exposure.iter().map(|s| format!("{}: {s}", r.name))).collect()
    }
}

/// What a rule about the reason has to say to the requester.
fn complaint(rule: Rule, justification: &Justification) -> Option<String> {
    match rule {
        Rule::ReasonMissing => Some(match wanted(justification) {
            Some(wanted) => format!("you gave no reason: it has to {wanted}"),
            None => "you gave no reason".to_owned(),
        }),
        Rule::ReasonShort => Some(format!("the reason has to have at least {} characters", justification.min_length)),
        Rule::ReasonUnlike => {
            let pattern = justification.pattern.as_ref().map_or("", |p| p.as_str());
            Some(format!("the reason has to match `{pattern}` as a whole"))
        }
        Rule::MayAsk(_)
        | Rule::AnyoneMayAsk
        | Rule::MayApprove(_)
        | Rule::HoldsOffice(_)
        | Rule::Denied(_)
        | Rule::UnlessForbidden => None,
    }
}

/// What a reason has to be like, after "it has to"; none when any will do.
pub(crate) fn wanted(justification: &Justification) -> Option<String> {
    let length =
        (justification.min_length > 1).then(|| format!("have at least {} characters", justification.min_length));
    let pattern = justification.pattern.as_ref().map(|p| format!("match `{}` as a whole", p.as_str()));
    let wanted: Vec<String> = length.into_iter().chain(pattern).collect();
    (!wanted.is_empty()).then(|| wanted.join(" and "))
}

/// `read, write on services/db`.
fn described(scope: &Scope) -> String {
    let parts: Vec<String> = scope
        .by_resource()
        .into_iter()
        .map(|(resource, actions)| {
            let actions: Vec<&str> = actions.iter().map(|a| a.as_str()).collect();
            format!("{} on {resource}", actions.join(", "))
        })
        .collect();
    abridged(&parts)
}

/// The first few, and how many more.
pub(crate) fn abridged(items: &[String]) -> String {
    const SHOWN: usize = 5;
    match items.len().checked_sub(SHOWN) {
        None | Some(0) => items.join(", "),
        Some(more) => format!("{} and {more} more", items[..SHOWN].join(", ")),
    }
}
