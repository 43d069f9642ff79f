//! What would change an answer.

mod instead;
mod nearby;

use crate::ask::{Ask, Explanation};
use crate::decide::{NOBODY_KNOWS_WHO, abridged, wanted};
use crate::model::{Requesters, Role};
use crate::set::PolicySet;
use crate::window;
use curfew_domain::{Outcome, Reason, ReasonCode, Stage};

impl PolicySet {
    /// The decision, and the nearest things that would change it.
    pub fn explain(&self, ask: &Ask) -> Explanation {
        let decision = self.decide(ask).decision;
        let Some(role) = self.role(&ask.role) else { return Explanation { decision, would_change: Vec::new() } };
        let mut would_change: Vec<String> = match decision.outcome {
            Outcome::Denied => {
                let reasons = decision.unsatisfied.iter().filter_map(|r| self.remedy(role, ask, r));
                reasons.chain(decision.failed.iter().map(unknown)).collect()
            }
            Outcome::NeedsApproval => vec![approved(&decision.stages)],
            Outcome::Automatic => Vec::new(),
        };
        would_change.extend(self.nearby(role, ask, &decision));
        would_change.extend(self.instead(role, ask, &decision));
        would_change.dedup();
        Explanation { decision, would_change }
    }

    fn remedy(&self, role: &Role, ask: &Ask, reason: &Reason) -> Option<String> {
        let place = format!("{}:{}", reason.file, reason.line);
        match reason.code {
            ReasonCode::Deny => Some(format!("the deny entry at {place} would have to go; it wins over everything")),
            ReasonCode::Eligibility => match &role.requesters {
                Requesters::Anyone(_) => None,
                Requesters::TriggersOnly => {
                    let triggers: Vec<String> = role.triggers.iter().map(|t| t.workload.to_string()).collect();
                    Some(format!("a run of {} is given it", abridged(&triggers)))
                }
                Requesters::Listed(list) => {
                    let names: Vec<String> = list.iter().map(|l| l.principal.to_string()).collect();
                    Some(format!("somebody of {} could ask", abridged(&names)))
                }
            },
            ReasonCode::Scope => {
                let pairs = self.pairs(&role.name);
                let pairs: Vec<String> = pairs.iter().map(|p| format!("{} on {}", p.action, p.resource)).collect();
                (!pairs.is_empty()).then(|| format!("ask for what the role gives: {}", abridged(&pairs)))
            }
            ReasonCode::Duration => Some(format!("ask for {} to {}", role.duration.min, role.duration.max)),
            ReasonCode::Justification => Some(match role.constraints.justification.as_ref().and_then(wanted) {
                Some(wanted) => format!("give a reason: it has to {wanted}"),
                None => "give a reason".to_owned(),
            }),
            ReasonCode::Ticket => {
                let wanted = role.constraints.ticket.as_ref().and_then(|rule| rule.pattern.as_ref());
                Some(match (ask.ticket.trim().is_empty(), wanted) {
                    (true, Some(pattern)) => format!("give a ticket like {}", pattern.as_str()),
                    (true, None) => "give a ticket".to_owned(),
                    (false, _) => format!("give another ticket: {}", reason.message),
                })
            }
            ReasonCode::Window => {
                let windows = role.constraints.windows.as_ref()?;
                let next = window::opens_next(&windows.any_of, ask.now)?;
                Some(format!("ask again when the hours of the role begin, at {next}"))
            }
            ReasonCode::SourceIp => {
                let rule = role.constraints.source_ip.as_ref()?;
                let ranges: Vec<String> = rule.any_of.iter().map(ToString::to_string).collect();
                Some(format!("ask from {}", abridged(&ranges)))
            }
            ReasonCode::Mfa => Some("sign in again with a second factor".to_owned()),
            ReasonCode::Concurrency => Some(format!("wait: {}", reason.message)),
            ReasonCode::Inputs => Some(input(role, ask, reason)),
            ReasonCode::When => Some(format!("the role says: {}", reason.message)),
            ReasonCode::Guardrail => Some(format!("the guardrail at {place} says: {}", reason.message)),
            ReasonCode::Approvable if reason.message == NOBODY_KNOWS_WHO => {
                Some("an entry under `people` would have to say whose the account is that started the run".to_owned())
            }
            ReasonCode::Approvable => Some(format!("another approver at {place} could decide it")),
        }
    }
}

/// Whose yes it takes, one stage after the other.
fn approved(stages: &[Stage]) -> String {
    let one = |stage: &Stage| match (stage.require, stage.approvers.as_slice()) {
        (_, [only]) => format!("{only} approves"),
        (1, several) => format!("1 of {} approves", abridged(several)),
        (n, several) => format!("{n} of {} approve", abridged(several)),
    };
    let all: Vec<String> = stages.iter().map(one).collect();
    format!("granted once {}", all.join(", then "))
}

/// An input that is wrong, or that the role has not.
fn input(role: &Role, ask: &Ask, reason: &Reason) -> String {
    let has = |name: &str| role.constraints.inputs.iter().any(|rule| rule.name == name);
    let foreign = ask.inputs.keys().map(|name| curfew_domain::text::visible(name));
    let foreign = foreign.filter(|name| !has(name)).find(|name| reason.message.contains(&format!("`{name}`")));
    match (foreign, role.constraints.inputs.as_slice()) {
        (None, _) => format!("give the input that is missing or wrong: {}", reason.message),
        (Some(name), []) => format!("leave out the input `{name}`: the role has none"),
        (Some(name), rules) => {
            let names: Vec<String> = rules.iter().map(|rule| rule.name.clone()).collect();
            format!("leave out the input `{name}`: the role has {}", abridged(&names))
        }
    }
}

fn unknown(reason: &Reason) -> String {
    format!("it would have to be known: {}", reason.message)
}
