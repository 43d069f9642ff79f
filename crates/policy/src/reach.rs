//! Who could get to a resource: through what role, asking whom.

use crate::crowd::Crowd;
use crate::model::{Approval, Listed, Receiver, Requesters, Role};
use crate::set::PolicySet;
use curfew_domain::{ActionName, ResourceName, RoleName, Seconds};
use serde::Serialize;
use std::collections::BTreeSet;

/// One way to a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// Through this role.
    pub role: RoleName,
    /// To this resource.
    pub resource: ResourceName,
    /// To do this.
    pub actions: BTreeSet<ActionName>,
    /// Who may ask: addresses, `group:NAME`, `workload:...`, `anyone`. Of static groups, the persons in them.
    pub requesters: Vec<String>,
    /// Who may not, whatever that says.
    pub denied: Vec<String>,
    /// For how long at most.
    #[serde(rename = "max_seconds")]
    pub max: Seconds,
    /// Whether somebody has to say yes.
    pub approval: Needed,
    /// The expression that makes approval automatic.
    pub automatic_when: Option<String>,
    /// Who says yes, stage by stage.
    pub stages: Vec<ReachStage>,
    /// Who may have it in an emergency.
    pub break_glass: Vec<String>,
    /// Whose runs are given it, and to whom.
    pub triggers: Vec<ReachTrigger>,
}

/// Whether somebody has to say yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Needed {
    /// Nobody has to.
    Automatic,
    /// Somebody has to, save where an expression says otherwise.
    NeedsApproval,
}

/// A stage, with everybody who could decide it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReachStage {
    /// Its name.
    pub name: String,
    /// How many of them it takes.
    pub require: u32,
    /// Who they are.
    pub approvers: Vec<String>,
    /// Who may decide it as well once its time is over.
    pub escalate_to: Vec<String>,
    /// Who decides it when nobody but the requester is left in it.
    pub fallback: Vec<String>,
}

/// A pipeline that opens the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReachTrigger {
    /// Which runs.
    pub run: String,
    /// Who gets it.
    pub grant_to: Vec<String>,
}

impl PolicySet {
    /// Every way to a resource, and to one action on it if one is named; by role.
    pub fn reach(&self, resource: &ResourceName, action: Option<&ActionName>) -> Vec<Reach> {
        let on = |role: &Role| -> BTreeSet<ActionName> {
            let pairs = self.pairs(&role.name).into_iter().filter(|pair| pair.resource == *resource);
            pairs.map(|pair| pair.action).filter(|a| action.is_none_or(|wanted| wanted == a)).collect()
        };
        let ways = self.roles().map(|role| (role, on(role))).filter(|(_, actions)| !actions.is_empty());
        ways.map(|(role, actions)| self.way(role, resource.clone(), actions)).collect()
    }

    fn way(&self, role: &Role, resource: ResourceName, actions: BTreeSet<ActionName>) -> Reach {
        let names = |list: &[Listed]| Crowd::of(self.directory(), list).names();
        let denied = Crowd::of(self.directory(), &role.deny);
        let requesters = match &role.requesters {
            Requesters::Anyone(_) => vec!["anyone".to_owned()],
            Requesters::Listed(list) => Crowd::of(self.directory(), list).without(&denied).names(),
            Requesters::TriggersOnly => Vec::new(),
        };
        let (approval, stages) = match &role.approval {
            Approval::Automatic(_) => (Needed::Automatic, Vec::new()),
            Approval::Stages(chain) => {
                let stage = |s: &crate::model::StageRule| {
                    let who = |list: &[Listed]| Crowd::of(self.directory(), list).without(&denied).names();
                    ReachStage {
                        name: s.name.clone(),
                        require: s.require,
                        approvers: who(&s.approvers),
                        escalate_to: who(s.escalates_to()),
                        fallback: who(&s.fallback),
                    }
                };
                (Needed::NeedsApproval, chain.stages.iter().map(stage).collect())
            }
        };
        let receiver = |receiver: &Receiver| match receiver {
            Receiver::Pipeline => vec!["pipeline".to_owned()],
            Receiver::Actor => vec!["actor".to_owned()],
            Receiver::Named(listed) => names(std::slice::from_ref(listed)),
        };
        let triggers = role.triggers.iter().map(|trigger| ReachTrigger {
            run: trigger.workload.to_string(),
            grant_to: trigger.grant_to.iter().flat_map(receiver).collect(),
        });
        Reach {
            role: role.name.clone(),
            resource,
            actions,
            requesters,
            denied: denied.names(),
            max: role.duration.max,
            approval,
            automatic_when: role.auto_approve_when.as_ref().map(|e| e.text.trim().to_owned()),
            stages,
            break_glass: role.break_glass.as_ref().map(|b| names(&b.who)).unwrap_or_default(),
            triggers: triggers.collect(),
        }
    }
}
