//! What approval a request needs, and whether enough persons are left to give it.

use super::reasons::Reasons;
use super::{Behind, Case};
use crate::allowance::Allowance;
use crate::ask::Occasion;
use crate::model::{Approval, Chain, Extension, ExtensionApproval};
use crate::scene::Scene;
use crate::stages::Staffing;
use curfew_domain::course::OnTimeout;
use curfew_domain::{Email, Opening, ReasonCode, Stage, StageCourse};
use std::collections::BTreeSet;

/// The stages a request goes through; none when nobody has to say yes.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) stages: Vec<Stage>,
    pub(super) terms: Vec<StageCourse>,
}

impl Case<'_> {
    /// A stage that nobody can complete denies the request now, not in a day.
    pub(super) fn approval(&self, scene: Option<&Scene<'_>>, reasons: &mut Reasons) -> Asked {
        let Approval::Stages(chain) = &self.role.approval else { return Asked::default() };
        let unattended = match (&self.ask.occasion, &self.role.extension) {
            (Occasion::BreakGlass, _) => true,
            (Occasion::Extension { .. }, Some(Extension { approval: ExtensionApproval::None, .. })) => true,
            (Occasion::Request | Occasion::Trigger | Occasion::Extension { .. }, _) => false,
        };
        if unattended || self.approves_itself(scene) {
            return Asked::default();
        }
        self.staffed(chain, reasons)
    }

    fn staffed(&self, chain: &Chain, reasons: &mut Reasons) -> Asked {
        const CODE: ReasonCode = ReasonCode::Approvable;
        let mut never: BTreeSet<Email> = self.ask.who.subject.email.iter().cloned().collect();
        match &self.behind {
            Behind::Nobody => {}
            Behind::Person(email) => {
                never.insert(email.clone());
            }
            Behind::Unsure => {
                reasons.fails(CODE, &chain.place, super::NOBODY_KNOWS_WHO.to_owned());
            }
        }
        let (directory, allowance) = (self.set.directory(), &Allowance::endless());
        let staffing = Staffing { directory, deny: &self.role.deny, never: &never, allowance };
        let mut asked = Asked::default();
        for (rule, staffed) in chain.stages.iter().zip(staffing.of(chain)) {
            let (name, place) = (&rule.name, &rule.place);
            match (staffed.completable, staffed.falls_back) {
                (true, false) => {
                    let message = format!("somebody other than the requester can decide stage `{name}`");
                    reasons.holds(CODE, place, message);
                }
                (true, true) => {
                    let message = format!("nobody else is left in stage `{name}`, so its fallback serves");
                    reasons.holds(CODE, place, message);
                }
                (false, _) => {
                    let message = format!(
                        "nobody is left who could decide stage `{name}`: the requester and the denied never count"
                    );
                    let message = match rule.require {
                        1 => message,
                        n => format!("{message}, and it takes {n} persons"),
                    };
                    reasons.fails(CODE, place, message);
                }
            }
            asked.terms.push(StageCourse {
                name: name.clone(),
                opening: if staffed.falls_back { Opening::Fallback } else { Opening::Own },
                timeout: rule.timeout,
                on_timeout: if rule.escalates_to().is_empty() { OnTimeout::Reject } else { OnTimeout::Escalate },
                opened_at: None,
            });
            asked.stages.push(staffed.stage);
        }
        asked
    }
}
