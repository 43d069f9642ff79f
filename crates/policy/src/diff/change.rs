//! What an access diff says.

use super::open::Open;
use super::order::Order;
use super::prover::{Inputs, Prover};
use super::shared::Memo;
use curfew_domain::{ActionName, ResourceName, RoleName};
use serde::Serialize;
use std::collections::HashSet;
use std::rc::Rc;

/// Changes that are listed. More are counted, and still make the diff wider.
const MOST_LISTED: usize = 20_000;

/// What becomes of access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessDiff {
    /// Whether anything is wider, or might be.
    pub widened: bool,
    /// In the order of roles; what concerns none comes first.
    pub changes: Vec<Change>,
    /// Changes that are not listed, because there are too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: usize,
}

impl AccessDiff {
    /// Adds what one environment makes otherwise, as far as it does not stand here already.
    pub fn add_environment(&mut self, name: &str, of: AccessDiff) {
        let known: HashSet<Change> = self.changes.iter().cloned().collect();
        let new = of.changes.into_iter().filter(|change| !known.contains(change));
        for change in new {
            self.widened |= change.direction.widens();
            if self.changes.len() < MOST_LISTED {
                self.changes.push(Change { environment: Some(name.to_owned()), ..change });
            } else {
                self.unlisted += 1;
            }
        }
        // What an environment does not list is not known to stand here.
        self.widened |= of.unlisted > 0 && of.widened;
        self.unlisted += of.unlisted;
    }
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Change {
    /// What it is about.
    pub kind: Kind,
    /// Which way it goes.
    pub direction: Direction,
    /// The role, when it is about one.
    pub role: Option<RoleName>,
    /// An address, `group:NAME`, `workload:...` or `anyone`, when it is about somebody.
    pub subject: Option<String>,
    /// The resource, when it is about one.
    pub resource: Option<ResourceName>,
    /// The action, when it is about one.
    pub action: Option<ActionName>,
    /// What held, for a person; none when nothing did.
    pub before: Option<String>,
    /// What will hold; none when nothing will.
    pub after: Option<String>,
    /// The environment that it is seen in, where it is not seen without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// A request that would be let through and was not, where a solver found one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Who may ask for a role.
    CanAsk,
    /// The pairs a role gives.
    Scope,
    /// For how long.
    Duration,
    /// Whose yes it takes, and how many.
    Approval,
    /// What a request must bring.
    Constraint,
    /// What no role may give.
    Guardrail,
    /// Whether more time can be asked for.
    Extension,
    /// Emergency access.
    BreakGlass,
    /// Pipelines that are given a role.
    Trigger,
    /// What an action gives.
    Meaning,
    /// Where a resource points.
    Target,
    /// Labels, risk and effects, which rules go by.
    Classification,
    /// Groups, people, issuers.
    Identity,
    /// Who rules over the policy and over grants.
    Authority,
}

impl Kind {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::CanAsk => "can_ask",
            Self::Scope => "scope",
            Self::Duration => "duration",
            Self::Approval => "approval",
            Self::Constraint => "constraint",
            Self::Guardrail => "guardrail",
            Self::Extension => "extension",
            Self::BreakGlass => "break_glass",
            Self::Trigger => "trigger",
            Self::Meaning => "meaning",
            Self::Target => "target",
            Self::Classification => "classification",
            Self::Identity => "identity",
            Self::Authority => "authority",
        }
    }
}

/// Which way a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Somebody can get something they could not.
    Wider,
    /// Somebody can no longer get something they could.
    Narrower,
    /// It cannot be told, which counts as wider.
    Unknown,
}

/// A change that is being put together.
#[derive(Debug, Clone)]
pub(super) struct Draft(Change, Option<Open>);

impl Draft {
    /// About nothing in particular yet.
    pub(super) fn new(kind: Kind, direction: Direction) -> Self {
        let change = Change {
            kind,
            direction,
            role: None,
            subject: None,
            resource: None,
            action: None,
            before: None,
            after: None,
            environment: None,
            request: None,
        };
        Self(change, None)
    }

    /// None when nothing changed.
    pub(super) fn ordered(kind: Kind, order: Order) -> Option<Self> {
        Direction::of(order).map(|direction| Self::new(kind, direction))
    }

    pub(super) fn role(mut self, role: &RoleName) -> Self {
        self.0.role = Some(role.clone());
        self
    }

    pub(super) fn subject(mut self, subject: impl Into<String>) -> Self {
        self.0.subject = Some(subject.into());
        self
    }

    pub(super) fn resource(mut self, resource: &ResourceName) -> Self {
        self.0.resource = Some(resource.clone());
        self
    }

    pub(super) fn action(mut self, action: &ActionName) -> Self {
        self.0.action = Some(action.clone());
        self
    }

    pub(super) fn was(mut self, before: impl Into<String>) -> Self {
        self.0.before = Some(before.into());
        self
    }

    pub(super) fn becomes(mut self, after: impl Into<String>) -> Self {
        self.0.after = Some(after.into());
        self
    }

    /// What could not be told about it, if anything.
    pub(super) fn open(mut self, open: Option<Open>) -> Self {
        self.1 = open;
        self
    }

    /// Both sides, of which either may be absent.
    pub(super) fn sides(mut self, before: Option<String>, after: Option<String>) -> Self {
        (self.0.before, self.0.after) = (before, after);
        self
    }
}

/// Collects changes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    listed: Vec<Draft>,
    unlisted: usize,
    /// Whether one of those that are not listed is wider, or might be.
    widened: bool,
    /// What was found out about crowds on the way.
    pub(super) memo: Rc<Memo>,
}

impl Direction {
    fn widens(self) -> bool {
        match self {
            Self::Wider | Self::Unknown => true,
            Self::Narrower => false,
        }
    }

    /// None when nothing changed.
    fn of(order: Order) -> Option<Self> {
        match order {
            Order::Same => None,
            Order::Narrower => Some(Self::Narrower),
            Order::Wider => Some(Self::Wider),
            Order::Unknown => Some(Self::Unknown),
        }
    }
}

impl Changes {
    pub(super) fn push(&mut self, draft: Draft) {
        if self.listed.len() < MOST_LISTED {
            self.listed.push(draft);
            return;
        }
        self.unlisted += 1;
        self.widened |= draft.0.direction.widens();
    }

    /// The change, unless nothing changed.
    pub(super) fn ordered(&mut self, kind: Kind, order: Order, draft: impl FnOnce(Draft) -> Draft) {
        if let Some(change) = Draft::ordered(kind, order) {
            self.push(draft(change));
        }
    }

    /// What is still open is asked; what turns out to be no change is none.
    pub(super) fn finish(self, inputs: &Inputs<'_>, prover: &dyn Prover) -> AccessDiff {
        let settled = |Draft(change, open): Draft| {
            let Some(settled) = open.and_then(|open| open.settle(inputs, prover)) else { return Some(change) };
            let direction = Direction::of(settled.order)?;
            Some(Change { direction, request: settled.request, ..change })
        };
        let changes: Vec<Change> = self.listed.into_iter().filter_map(settled).collect();
        let widened = self.widened || changes.iter().any(|change| change.direction.widens());
        AccessDiff { widened, changes, unlisted: self.unlisted }
    }
}
