//! What would change an answer.

use crate::ask::{Ask, Explanation};
use crate::decide::abridged;
use crate::model::{Requesters, Role};
use crate::set::PolicySet;
use curfew_domain::{Outcome, Reason, ReasonCode};

impl PolicySet {
    /// The decision, and the nearest things that would change it.
    pub fn explain(&self, ask: &Ask) -> Explanation {
        let decision = self.decide(ask).decision;
        let would_change = match (&decision.outcome, self.role(&ask.role)) {
            (Outcome::Denied, Some(role)) => decision.unsatisfied.iter().filter_map(|r| self.remedy(role, r)).collect(),
            (Outcome::NeedsApproval, _) => {
                let stages = decision.stages.iter();
                stages.map(|s| format!("granted once {} of {} approves", s.require, abridged(&s.approvers))).collect()
            }
            (Outcome::Automatic, _) | (Outcome::Denied, None) => Vec::new(),
        };
        Explanation { decision, would_change }
    }

    fn remedy(&self, role: &Role, reason: &Reason) -> Option<String> {
        let place = format!("{}:{}", reason.file, reason.line);
        match reason.code {
            ReasonCode::Deny => Some(format!("the deny entry at {place} would have to go; it wins over everything")),
            ReasonCode::Eligibility => match &role.requesters {
                Requesters::Anyone(_) | Requesters::TriggersOnly => None,
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
            ReasonCode::Justification => Some(format!("give another reason: {}", reason.message)),
            ReasonCode::Approvable => Some(format!("another approver at {place} could decide it")),
            ReasonCode::Ticket
            | ReasonCode::Window
            | ReasonCode::SourceIp
            | ReasonCode::Mfa
            | ReasonCode::Concurrency
            | ReasonCode::Inputs
            | ReasonCode::When
            | ReasonCode::Guardrail => None,
        }
    }
}
