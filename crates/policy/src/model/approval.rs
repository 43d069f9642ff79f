//! Who says yes.

use super::Listed;
use crate::source::Place;
use curfew_domain::{Seconds, limits};

/// What it takes to get a role that one may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// Nobody has to say yes.
    Automatic(Place),
    /// Every stage has to, in order.
    Stages(Chain),
}

impl Approval {
    /// Its stages; none where nobody has to say yes.
    pub fn stages(&self) -> &[StageRule] {
        match self {
            Approval::Automatic(_) => &[],
            Approval::Stages(chain) => &chain.stages,
        }
    }
}

/// Stages of approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// In order. Never empty.
    pub stages: Vec<StageRule>,
    /// Whether one person counts in one stage only.
    pub distinct_approvers: bool,
    /// Whether an approver has to say why.
    pub reason_required: bool,
    /// How long an undecided request waits.
    pub lapses_after: Seconds,
    /// Where it is said.
    pub place: Place,
}

impl Chain {
    /// Stages with what holds unless the policy says otherwise.
    pub(crate) fn of(stages: Vec<StageRule>, place: Place) -> Self {
        Self { stages, distinct_approvers: true, reason_required: false, lapses_after: limits::LAPSES_AFTER, place }
    }
}

/// One stage of approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRule {
    /// Unique in the role.
    pub name: String,
    /// How the persons are counted.
    pub counting: Counting,
    /// How many distinct persons it takes; at least one. Of `all_of`, as many as there are entries.
    pub require: u32,
    /// Who counts. Never empty.
    pub approvers: Vec<Listed>,
    /// How long it waits; none means until the request lapses.
    pub timeout: Option<Seconds>,
    /// What happens then.
    pub on_timeout: OnTimeout,
    /// Who decides when nobody but the requester is left. May be empty.
    pub fallback: Vec<Listed>,
    /// Where it is said.
    pub place: Place,
}

impl StageRule {
    /// Those who may decide it as well after its timeout.
    pub fn escalates_to(&self) -> &[Listed] {
        match &self.on_timeout {
            OnTimeout::Reject => &[],
            OnTimeout::Escalate(list) => list,
        }
    }

    /// Every list of it.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &[Listed]> {
        [self.approvers.as_slice(), self.fallback.as_slice(), self.escalates_to()].into_iter()
    }
}

/// How the persons of a stage are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Any of them.
    AnyOf,
    /// For each entry a person of its own.
    AllOf,
}

/// What happens when a stage has waited its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnTimeout {
    /// The request is denied.
    Reject,
    /// These may decide it as well. Never empty.
    Escalate(Vec<Listed>),
}
