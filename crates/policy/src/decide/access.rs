//! Who, what and for how long: deny lists, eligibility, scope and duration.

use super::Case;
use super::reasons::{Reasons, abridged, described};
use crate::ask::Occasion;
use crate::authorize::{Answer, Asker, ReasonFacts, Verdict};
use crate::compile::Rule;
use crate::model::{DurationRule, Listed, Principal, Receiver, Requesters};
use crate::scope::{choose, exactly};
use crate::source::Place;
use curfew_domain::{ReasonCode, Scope, Seconds, SubjectKind};

/// How long was asked for, and whether the role gives that.
pub(super) struct Length {
    pub(super) asked: Seconds,
    pub(super) given: Option<Seconds>,
}

/// What Cedar says to a subject's having the role at all, and by which entry.
pub(super) struct Allowed {
    answer: Answer,
    /// The entry that allows it, or where the list stands that does not.
    place: Place,
    by: Option<String>,
}

impl Allowed {
    pub(super) fn is_clear_yes(&self) -> bool {
        self.answer.is_clear_yes()
    }
}

impl Case<'_> {
    /// Whether one of the lists that count on this occasion lets the subject have it.
    pub(super) fn allowed(&self, asker: &Asker, facts: ReasonFacts) -> Allowed {
        match self.ask.occasion {
            Occasion::BreakGlass => {
                let answer = asker.may_have(self.compiled, &self.compiled.may_break_glass, facts);
                let list = self.role.break_glass.as_ref().map(|b| b.who.as_slice()).unwrap_or_default();
                let place = self.role.break_glass.as_ref().map_or(&self.role.place, |b| &b.place);
                self.by_entry(answer, list, place)
            }
            Occasion::Request | Occasion::Extension { .. } => {
                let answer = asker.may_ask(self.compiled, facts);
                match &self.role.requesters {
                    _ if !answer.is_clear_yes() && self.is_run() => self.by_trigger(asker, facts),
                    Requesters::Anyone(place) => self.by_entry(answer, &[], place),
                    Requesters::Listed(list) => {
                        let place = list.first().map_or(&self.role.place, |l| &l.place);
                        self.by_entry(answer, list, place)
                    }
                    Requesters::TriggersOnly => self.by_entry(answer, &[], &self.role.place),
                }
            }
            Occasion::Trigger => self.by_trigger(asker, facts),
        }
    }

    /// A machine with a verified token, before a role that has triggers.
    fn is_run(&self) -> bool {
        let machine = self.ask.who.subject.kind == SubjectKind::Workload;
        machine && self.ask.facts.token.is_some() && !self.role.triggers.is_empty()
    }

    fn by_entry(&self, answer: Answer, list: &[Listed], place: &Place) -> Allowed {
        let entry = answer.because.iter().find_map(|rule| match rule {
            Rule::MayAsk(i) | Rule::WorkloadMayAsk(i) | Rule::MayBreakGlass(i) => list.get(*i),
            Rule::AnyoneMayAsk
            | Rule::Receives(_)
            | Rule::RunReceives(_)
            | Rule::MayApprove(_)
            | Rule::HoldsOffice(_)
            | Rule::Denied(_)
            | Rule::ReasonMissing
            | Rule::ReasonShort
            | Rule::ReasonUnlike
            | Rule::UnlessForbidden => None,
        });
        let by = entry.map(|listed| listed.principal.to_string());
        Allowed { answer, place: entry.map_or(place, |l| &l.place).clone(), by }
    }

    /// The first trigger that is about this run and gives the role to this subject.
    fn by_trigger(&self, asker: &Asker, facts: ReasonFacts) -> Allowed {
        let token = self.ask.facts.token.as_ref();
        let mut triggers = self.role.triggers.iter().zip(&self.compiled.triggers);
        let meant = triggers.find_map(|(trigger, slice)| {
            token.filter(|token| token.is(&trigger.workload))?;
            let answer = asker.may_have(self.compiled, slice, facts);
            let to = answer.because.iter().find_map(|rule| match rule {
                Rule::Receives(i) | Rule::RunReceives(i) => trigger.grant_to.get(*i),
                Rule::MayAsk(_)
                | Rule::WorkloadMayAsk(_)
                | Rule::AnyoneMayAsk
                | Rule::MayBreakGlass(_)
                | Rule::MayApprove(_)
                | Rule::HoldsOffice(_)
                | Rule::Denied(_)
                | Rule::ReasonMissing
                | Rule::ReasonShort
                | Rule::ReasonUnlike
                | Rule::UnlessForbidden => None,
            });
            let by = to.map(|to| format!("{} of the trigger {}", receiver(to), trigger.workload));
            answer.is_clear_yes().then(|| Allowed { answer, place: trigger.place.clone(), by })
        });
        let place = self.role.triggers.first().map_or(&self.role.place, |t| &t.place);
        meant.unwrap_or_else(|| Allowed {
            answer: Answer { verdict: Verdict::Deny, because: Vec::new(), errors: Vec::new() },
            place: place.clone(),
            by: None,
        })
    }

    pub(super) fn deny(&self, free: &Answer, reasons: &mut Reasons) {
        reasons.in_doubt(ReasonCode::Deny, &self.role.place, free);
        let unknown = self.role.deny.iter().find(|l| match l.principal {
            Principal::OnCall(_) => self.ask.facts.oncall.is_none(),
            Principal::Person(_) | Principal::Group(_) | Principal::Workload(_) => false,
        });
        if let Some(listed) = unknown {
            let message = format!("it is not known whether {} is {}, who is denied", self.who(), listed.principal);
            reasons.unknown(ReasonCode::Deny, &listed.place, message);
        }
        let by =
            free.because.iter().find_map(|rule| if let Rule::Denied(i) = rule { self.role.deny.get(*i) } else { None });
        match (by, self.role.deny.first()) {
            (Some(listed), _) => {
                let message =
                    format!("{} is denied by the entry {} of the role's deny list", self.who(), listed.principal);
                reasons.fails(ReasonCode::Deny, &listed.place, message);
            }
            (None, Some(_)) if unknown.is_some() => {}
            (None, Some(first)) => {
                let message = format!("{} is not on the role's deny list", self.who());
                reasons.holds(ReasonCode::Deny, &first.place, message);
            }
            (None, None) => {}
        }
    }

    pub(super) fn eligibility(&self, allowed: &Allowed, reasons: &mut Reasons) {
        let code = ReasonCode::Eligibility;
        reasons.in_doubt(code, &allowed.place, &allowed.answer);
        let who = self.who();
        match (allowed.is_clear_yes(), &allowed.by) {
            (true, Some(entry)) => reasons.holds(code, &allowed.place, format!("{who} may ask, by the entry {entry}")),
            (true, None) => reasons.holds(code, &allowed.place, format!("{who} may ask, as any signed-in person may")),
            (false, _) => reasons.fails(code, &allowed.place, self.not_eligible()),
        }
    }

    fn not_eligible(&self) -> String {
        let who = self.who();
        let names = |list: &[Listed]| abridged(&list.iter().map(|l| l.principal.to_string()).collect::<Vec<_>>());
        let triggers: Vec<String> = self.role.triggers.iter().map(|t| t.workload.to_string()).collect();
        match (&self.ask.occasion, &self.role.break_glass, &self.role.requesters) {
            (Occasion::BreakGlass, None, _) => "the role has no emergency access".to_owned(),
            (Occasion::BreakGlass, Some(rule), _) => {
                format!("{who} is none of those who may in an emergency: {}", names(&rule.who))
            }
            (Occasion::Trigger, _, _) => format!("no trigger of the role gives it to {who}"),
            (Occasion::Request | Occasion::Extension { .. }, _, Requesters::Anyone(_)) => {
                format!("{who} is no signed-in person; a machine may only ask where it is named")
            }
            (Occasion::Request | Occasion::Extension { .. }, _, Requesters::TriggersOnly) => {
                format!("{who} cannot ask for it: it is given by its triggers only: {}", abridged(&triggers))
            }
            (Occasion::Request | Occasion::Extension { .. }, _, Requesters::Listed(list)) => {
                format!("{who} is none of those who may ask: {}", names(list))
            }
        }
    }

    pub(super) fn scope(&self, reasons: &mut Reasons) -> Option<Scope> {
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

    pub(super) fn duration(&self, reasons: &mut Reasons) -> Length {
        let rule = match self.bounds() {
            Ok(rule) => rule,
            Err((place, message)) => {
                reasons.fails(ReasonCode::Duration, &place, message);
                return Length { asked: self.ask.duration.unwrap_or(self.role.duration.default), given: None };
            }
        };
        let DurationRule { min, default, max, place } = &rule;
        let asked = self.ask.duration.unwrap_or(*default);
        if asked > *max {
            let message = format!("{asked} is longer than the {max} that the role allows");
            reasons.fails(ReasonCode::Duration, place, message);
            return Length { asked, given: None };
        }
        if asked < *min || asked.as_secs() == 0 {
            let message = format!("{asked} is shorter than {min}, the least that the role gives");
            reasons.fails(ReasonCode::Duration, place, message);
            return Length { asked, given: None };
        }
        reasons.holds(ReasonCode::Duration, place, format!("{asked} is within the {max} that the role allows"));
        Length { asked, given: Some(asked) }
    }

    /// Between which lengths it has to be on this occasion.
    fn bounds(&self) -> Result<DurationRule, (Place, String)> {
        let rule = &self.role.duration;
        let upto = |max: Seconds, place: &Place| DurationRule {
            min: Seconds::new(1),
            default: max,
            max,
            place: place.clone(),
        };
        match (&self.ask.occasion, &self.role.extension, &self.role.break_glass) {
            (Occasion::Request | Occasion::Trigger, _, _) | (Occasion::BreakGlass, _, None) => Ok(rule.clone()),
            (Occasion::BreakGlass, _, Some(emergency)) => Ok(upto(emergency.duration, &emergency.place)),
            (Occasion::Extension { .. }, None, _) => {
                Err((self.role.place.clone(), "the role cannot be extended".to_owned()))
            }
            (Occasion::Extension { earlier }, Some(extension), _) if *earlier >= extension.times => {
                let message = format!("it was extended {earlier} times already, which is the most");
                Err((extension.place.clone(), message))
            }
            (Occasion::Extension { .. }, Some(extension), _) => Ok(upto(extension.max_total, &extension.place)),
        }
    }
}

fn receiver(to: &Receiver) -> String {
    match to {
        Receiver::Pipeline => "pipeline".to_owned(),
        Receiver::Actor => "actor".to_owned(),
        Receiver::Named(listed) => listed.principal.to_string(),
    }
}
