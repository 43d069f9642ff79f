//! What a request must bring. What is not known does not hold.

use super::Case;
use super::reasons::Reasons;
use crate::ask::Occasion;
use crate::authorize::Answer;
use crate::compile::Rule;
use crate::facts::{Mfa, TicketState};
use crate::model::{Input, InputKind, Justification, Required, Verify};
use crate::window;
use curfew_domain::{InputValue, ReasonCode, Seconds, Timestamp};

impl Case<'_> {
    pub(super) fn justification(&self, free: &Answer, reasons: &mut Reasons) {
        let Some(rule) = &self.role.constraints.justification else { return };
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

    /// The others, in the order of their codes. The end if it were activated now.
    pub(super) fn constraints(&self, asked: Seconds, reasons: &mut Reasons) -> Timestamp {
        self.ticket(reasons);
        let until = self.windows(asked, reasons);
        self.source_ip(reasons);
        self.mfa(reasons);
        self.concurrency(asked, reasons);
        self.inputs(reasons);
        until
    }

    fn ticket(&self, reasons: &mut Reasons) {
        const CODE: ReasonCode = ReasonCode::Ticket;
        let Some(rule) = &self.role.constraints.ticket else { return };
        let ticket = self.ask.ticket.trim();
        if ticket.is_empty() {
            return match rule.required {
                Required::Yes => reasons.fails(CODE, &rule.place, "you gave no ticket".to_owned()),
                Required::No => reasons.holds(CODE, &rule.place, "no ticket is required".to_owned()),
            };
        }
        if let Some(pattern) = rule.pattern.as_ref().filter(|p| !p.matches(ticket)) {
            let message = format!("the ticket has to match `{}` as a whole", pattern.as_str());
            return reasons.fails(CODE, &rule.place, message);
        }
        match (rule.verify, self.ask.facts.ticket_state) {
            (Verify::None, _) => reasons.holds(CODE, &rule.place, "the ticket is as the role wants it".to_owned()),
            (Verify::Exists | Verify::Open, None) => {
                reasons.unknown(CODE, &rule.place, "what the ticket system says of it is not known".to_owned());
            }
            (Verify::Exists, Some(TicketState::Open | TicketState::Closed))
            | (Verify::Open, Some(TicketState::Open)) => {
                reasons.holds(CODE, &rule.place, "the ticket system knows the ticket".to_owned());
            }
            (Verify::Open, Some(TicketState::Closed)) => {
                reasons.fails(CODE, &rule.place, "the ticket is closed".to_owned());
            }
            (Verify::Exists | Verify::Open, Some(TicketState::Missing)) => {
                reasons.fails(CODE, &rule.place, "there is no such ticket".to_owned());
            }
        }
    }

    fn windows(&self, asked: Seconds, reasons: &mut Reasons) -> Timestamp {
        let (now, end) = (self.ask.now, self.ask.now.plus(asked));
        let Some(windows) = self.role.constraints.windows.as_ref().filter(|_| !self.is_emergency()) else { return end };
        match window::open_until(&windows.any_of, now, end) {
            Some(closes) => {
                let message = format!("it is within the hours of the role, which end at {closes} or later");
                let message = if closes < end {
                    format!("it is within the hours of the role, which end at {closes}")
                } else {
                    message
                };
                reasons.holds(ReasonCode::Window, &windows.place, message);
                closes.min(end)
            }
            None => {
                let all: Vec<String> = windows.any_of.iter().map(ToString::to_string).collect();
                let message = format!("it is outside the hours of the role: {}", super::abridged(&all));
                reasons.fails(ReasonCode::Window, &windows.place, message);
                end
            }
        }
    }

    fn source_ip(&self, reasons: &mut Reasons) {
        const CODE: ReasonCode = ReasonCode::SourceIp;
        let Some(rule) = &self.role.constraints.source_ip else { return };
        let ranges: Vec<String> = rule.any_of.iter().map(ToString::to_string).collect();
        match self.ask.facts.source_ip {
            None => reasons.unknown(CODE, &rule.place, "where the request comes from is not known".to_owned()),
            Some(ip) if rule.any_of.iter().any(|range| range.contains(ip)) => {
                reasons.holds(CODE, &rule.place, format!("{ip} is where it may come from"));
            }
            Some(ip) => {
                let message = format!("{ip} is none of {}", super::abridged(&ranges));
                reasons.fails(CODE, &rule.place, message);
            }
        }
    }

    fn mfa(&self, reasons: &mut Reasons) {
        const CODE: ReasonCode = ReasonCode::Mfa;
        let Some(rule) = self.role.constraints.mfa.as_ref().filter(|rule| rule.request) else { return };
        match (self.ask.facts.mfa, rule.max_age) {
            (None, _) => {
                reasons.unknown(CODE, &rule.place, "whether the sign-in had a second factor is not known".to_owned());
            }
            (Some(Mfa::No), _) => reasons.fails(CODE, &rule.place, "the sign-in had no second factor".to_owned()),
            (Some(Mfa::Yes(_)), None) => {
                reasons.holds(CODE, &rule.place, "the sign-in had a second factor".to_owned());
            }
            (Some(Mfa::Yes(None)), Some(max)) => {
                let message = format!("the second factor has to be {max} old at most, and its age is not known");
                reasons.fails(CODE, &rule.place, message);
            }
            (Some(Mfa::Yes(Some(age))), Some(max)) if age > max => {
                let message = format!("the second factor was {age} ago, and {max} is the most");
                reasons.fails(CODE, &rule.place, message);
            }
            (Some(Mfa::Yes(Some(age))), Some(max)) => {
                reasons.holds(CODE, &rule.place, format!("the second factor was {age} ago, within {max}"));
            }
        }
    }

    /// How many at once, and what serial requests add up to.
    fn concurrency(&self, asked: Seconds, reasons: &mut Reasons) {
        const CODE: ReasonCode = ReasonCode::Concurrency;
        let rules = &self.role.constraints;
        let places = [
            rules.concurrency.as_ref().map(|r| &r.place),
            rules.budget.as_ref().map(|r| &r.place),
            rules.cooldown.as_ref().map(|r| &r.place),
        ];
        let Some(grants) = self.ask.facts.grants else {
            for place in places.into_iter().flatten() {
                reasons.unknown(CODE, place, "what else there is of the role is not known".to_owned());
            }
            return;
        };
        if let Some(rule) = &rules.concurrency {
            let bounds = [(rule.per_subject, grants.of_subject, "you have"), (rule.total, grants.in_all, "there are")];
            let full = bounds.into_iter().find(|(most, have, _)| most.is_some_and(|most| *have >= most));
            match full {
                Some((_, have, who)) => {
                    let message = format!("{who} {have} of the role already, which is the most");
                    reasons.fails(CODE, &rule.place, message);
                }
                None => reasons.holds(CODE, &rule.place, "there is room for one more".to_owned()),
            }
        }
        if let Some(rule) = &rules.budget {
            let total = grants.spent.as_secs().saturating_add(asked.as_secs());
            match total > rule.per_subject.as_secs() {
                true => {
                    let message =
                        format!("you had {} of the {} in {} already", grants.spent, rule.per_subject, rule.per);
                    reasons.fails(CODE, &rule.place, message);
                }
                false => reasons.holds(CODE, &rule.place, format!("it is within {} in {}", rule.per_subject, rule.per)),
            }
        }
        // Keeping what one has is not asking again.
        let Some(rule) = rules.cooldown.as_ref().filter(|_| !matches!(self.ask.occasion, Occasion::Extension { .. }))
        else {
            return;
        };
        match grants.last_ended.map(|ended| ended.plus(rule.wait)).filter(|again| *again > self.ask.now) {
            Some(again) => reasons.fails(
                CODE,
                &rule.place,
                format!("your last one ended less than {} ago; ask again at {again}", rule.wait),
            ),
            None => reasons.holds(CODE, &rule.place, format!("none of yours ended in the last {}", rule.wait)),
        }
    }

    fn inputs(&self, reasons: &mut Reasons) {
        const CODE: ReasonCode = ReasonCode::Inputs;
        let rules = &self.role.constraints.inputs;
        for rule in rules {
            match wrong(rule, self.ask.inputs.get(&rule.name)) {
                Some(message) => reasons.fails(CODE, &rule.place, message),
                None => reasons.holds(CODE, &rule.place, format!("the input `{}` is as the role wants it", rule.name)),
            }
        }
        for name in self.ask.inputs.keys().filter(|name| !rules.iter().any(|rule| rule.name == **name)) {
            let shown = curfew_domain::text::visible(name);
            reasons.fails(CODE, &self.role.place, format!("the role has no input `{shown}`"));
        }
    }
}

/// What an input is not, for a person.
fn wrong(rule: &Input, given: Option<&InputValue>) -> Option<String> {
    let name = &rule.name;
    let missing = || match rule.required {
        Required::Yes => Some(format!("you gave no `{name}`")),
        Required::No => None,
    };
    match (&rule.kind, given) {
        (_, None) => missing(),
        (InputKind::Text { .. } | InputKind::Enum { .. }, Some(InputValue::Text(text))) if text.trim().is_empty() => {
            missing()
        }
        (InputKind::Text { max_length }, Some(InputValue::Text(text))) => {
            let long = text.trim().chars().count() > *max_length as usize;
            long.then(|| format!("`{name}` has more than {max_length} characters"))
        }
        (InputKind::Enum { values }, Some(InputValue::Text(text))) => {
            let known = values.iter().any(|v| v == text.trim());
            (!known).then(|| format!("`{name}` has to be one of: {}", super::abridged(values)))
        }
        (InputKind::Integer, Some(InputValue::Integer(_))) | (InputKind::Boolean, Some(InputValue::Boolean(_))) => None,
        (InputKind::Text { .. } | InputKind::Enum { .. }, Some(InputValue::Integer(_) | InputValue::Boolean(_))) => {
            Some(format!("`{name}` has to be a text"))
        }
        (InputKind::Integer, Some(InputValue::Text(_) | InputValue::Boolean(_))) => {
            Some(format!("`{name}` has to be a whole number"))
        }
        (InputKind::Boolean, Some(InputValue::Text(_) | InputValue::Integer(_))) => {
            Some(format!("`{name}` has to be true or false"))
        }
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
        | Rule::WorkloadMayAsk(_)
        | Rule::AnyoneMayAsk
        | Rule::MayBreakGlass(_)
        | Rule::Receives(_)
        | Rule::RunReceives(_)
        | Rule::MayApprove(_)
        | Rule::HoldsOffice(_)
        | Rule::Denied(_)
        | Rule::UnlessForbidden => None,
    }
}
