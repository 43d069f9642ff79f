//! A role, and what is not a constraint or an approval of it.

use super::{Approval, Constraints, StageRule};
use crate::expression::Expression;
use crate::source::Place;
use crate::workload::Workload;
use curfew_domain::{ActionName, Email, GroupName, ResourceName, RoleName, Seconds, limits};
use std::collections::{BTreeMap, BTreeSet};

/// A role: who may ask for what, for how long, and who says yes.
#[derive(Debug, Clone)]
pub struct Role {
    /// Unique in the set without regard to case.
    pub name: RoleName,
    /// What it is for; empty when the policy does not say.
    pub description: String,
    /// Who answers for it.
    pub owner: Option<Listed>,
    /// Who may ask.
    pub requesters: Requesters,
    /// Whose runs are given it.
    pub triggers: Vec<Trigger>,
    /// Who may neither ask nor approve, whatever else is said.
    pub deny: Vec<Listed>,
    /// How long.
    pub duration: DurationRule,
    /// What it can give.
    pub conditions: Vec<Condition>,
    /// Who says yes.
    pub approval: Approval,
    /// When nobody has to.
    pub auto_approve_when: Option<Expression>,
    /// What a request must bring.
    pub constraints: Constraints,
    /// How a grant can be prolonged.
    pub extension: Option<Extension>,
    /// How long an approved request waits.
    pub activation: Activation,
    /// Who may have it in an emergency.
    pub break_glass: Option<BreakGlass>,
    /// Who else hears of what.
    pub notify: Vec<Notice>,
    /// What becomes of live grants when it is tightened.
    pub on_policy_change: OnPolicyChange,
    /// Where the role begins.
    pub place: Place,
}

impl Role {
    /// Every list of it that can name somebody.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &[Listed]> {
        let requesters = match &self.requesters {
            Requesters::Listed(list) => list.as_slice(),
            Requesters::Anyone(_) | Requesters::TriggersOnly => &[],
        };
        let stages = self.approval.stages().iter().flat_map(StageRule::lists);
        let break_glass = self.break_glass.iter().map(|b| b.who.as_slice());
        [requesters, self.deny.as_slice()].into_iter().chain(stages).chain(break_glass)
    }

    /// The names of those on call that it speaks of.
    pub(crate) fn oncall_names(&self) -> BTreeSet<&GroupName> {
        fn name(listed: &Listed) -> Option<&GroupName> {
            match &listed.principal {
                Principal::OnCall(name) => Some(name),
                Principal::Person(_) | Principal::Group(_) | Principal::Workload(_) => None,
            }
        }
        self.lists().flatten().filter_map(name).collect()
    }
}

/// Somebody in a list, and where that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Who.
    pub principal: Principal,
    /// Where.
    pub place: Place,
}

/// Who a list can name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// One person, by address.
    Person(Email),
    /// A static group, or one of the identity provider's.
    Group(GroupName),
    /// Whoever is on call for this name.
    OnCall(GroupName),
    /// A workload, by what its token says; among requesters only.
    Workload(Workload),
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Principal::Person(email) => write!(f, "{email}"),
            Principal::Group(name) => write!(f, "group:{name}"),
            Principal::OnCall(name) => write!(f, "oncall:{name}"),
            Principal::Workload(workload) => write!(f, "{workload}"),
        }
    }
}

/// Who may ask for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requesters {
    /// Any signed-in person; never a machine.
    Anyone(Place),
    /// These only. Never empty.
    Listed(Vec<Listed>),
    /// Nobody: it is had through its triggers.
    TriggersOnly,
}

/// A pipeline whose runs are given a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Which runs.
    pub workload: Workload,
    /// Who gets it. Never empty.
    pub grant_to: Vec<Receiver>,
    /// Where it is said.
    pub place: Place,
}

/// Who gets what a trigger gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// The run itself.
    Pipeline,
    /// Who started it.
    Actor,
    /// A person, or each member of a group.
    Named(Listed),
}

/// How long access lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationRule {
    /// Shorter is refused.
    pub min: Seconds,
    /// What a request gets that names no duration.
    pub default: Seconds,
    /// Longer is refused.
    pub max: Seconds,
    /// Where it is said.
    pub place: Place,
}

/// One line of a role's scope: every action on everything the pattern matches.
#[derive(Debug, Clone)]
pub struct Condition {
    /// A resource name, a glob, or labels.
    pub resource: Pattern,
    /// Never empty.
    pub actions: Vec<ActionName>,
    /// Where the resource is said.
    pub place: Place,
    /// Where each action is said.
    pub(crate) action_places: Vec<Place>,
}

/// What stands after `resource:` in a condition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// One resource by name.
    Exact(ResourceName),
    /// `*` within a segment, `**` for one or more segments.
    Glob(String),
    /// Every resource with all of these labels.
    Labels(Selector),
}

/// Labels that a resource has to have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    /// Never empty.
    pub labels: BTreeMap<String, String>,
    text: String,
}

impl Pattern {
    pub(crate) fn labels(labels: BTreeMap<String, String>) -> Self {
        let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Pattern::Labels(Selector { text: format!("labels:{}", pairs.join(",")), labels })
    }

    /// As it is written; labels as `labels:env=prod`.
    pub fn as_str(&self) -> &str {
        match self {
            Pattern::Exact(name) => name.as_str(),
            Pattern::Glob(text) => text,
            Pattern::Labels(selector) => &selector.text,
        }
    }
}

/// How a grant can be prolonged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// How often.
    pub times: u32,
    /// The longest it may last since its activation.
    pub max_total: Seconds,
    /// Who says yes.
    pub approval: ExtensionApproval,
    /// Where it is said.
    pub place: Place,
}

/// Who says yes to an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtensionApproval {
    /// The same as to the request.
    Same,
    /// Nobody has to.
    None,
}

/// How long an approved request waits for its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// After that it is gone.
    pub claim_within: Seconds,
    /// Where it is said; none when nothing says it.
    pub place: Option<Place>,
}

impl Default for Activation {
    fn default() -> Self {
        Self { claim_within: limits::CLAIM_WITHIN, place: None }
    }
}

/// Emergency access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakGlass {
    /// Who may. Never empty.
    pub who: Vec<Listed>,
    /// For how long at most.
    pub duration: Seconds,
    /// By when somebody has to have looked at it.
    pub review_within: Seconds,
    /// Where it is said.
    pub place: Place,
}

/// Who hears of what, beside requester and approvers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `requested`, `approved`, `denied`, `ended`, `overdue`.
    pub on: Vec<String>,
    /// `slack:#channel`, `email:ADDRESS`, `webhook:NAME`.
    pub to: Vec<String>,
    /// Where it is said.
    pub place: Place,
}

/// What becomes of live grants when a role is tightened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnPolicyChange {
    /// They run to their end.
    #[default]
    Keep,
    /// They are ended.
    End,
}
