//! A policy set in the form in which two of them can be compared: static groups resolved to their persons, globs and
//! selectors to pairs, and what expressions speak of gathered.

use super::approval::{Approvals, Asked, Distinct, Needs, Overdue, Stage};
use super::asking::Askers;
use super::guardrail::Bound;
use super::shared::{Crowds, Shared};
use crate::crowd::Crowd;
use crate::expression::{Guardrail, Needs as Facts};
use crate::model::{
    Account, Approval, Counting, Listed, OnTimeout, Pattern, Principal, Receiver, Requesters, Resource, Role, StageRule,
};
use crate::set::PolicySet;
use crate::workload::Workload;
use curfew_domain::{GroupName, Pair, ResourceName, RoleName};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Everything that decides about access.
pub(super) struct View<'a> {
    pub(super) roles: BTreeMap<&'a RoleName, RoleView<'a>>,
    pub(super) resources: BTreeMap<&'a ResourceName, &'a Resource>,
    /// None stands for one that cannot be read.
    pub(super) guardrails: Vec<Option<Bound>>,
    /// Static groups with everybody in them.
    pub(super) groups: BTreeMap<GroupName, Crowd>,
    pub(super) uses: Uses,
    pub(super) mentions: Mentions,
    pub(super) people: &'a [Account],
    pub(super) administrators: Option<Crowd>,
    pub(super) auditors: Option<Crowd>,
    pub(super) policy_approvers: Vec<Approvers>,
}

/// A role, resolved.
pub(super) struct RoleView<'a> {
    pub(super) role: &'a Role,
    pub(super) askers: Askers,
    pub(super) pairs: BTreeSet<Pair>,
    pub(super) approvals: Approvals,
    /// Who may have it in an emergency.
    pub(super) emergency: Shared,
    /// Who is behind its owner.
    pub(super) owner: Shared,
    /// Whether an expression of the role or a guardrail speaks of `context.oncall`.
    pub(super) asks_oncall: bool,
    pub(super) triggers: Vec<Trigger<'a>>,
}

/// A trigger, with its receivers by name.
pub(super) struct Trigger<'a> {
    pub(super) workload: &'a Workload,
    pub(super) grant_to: BTreeSet<String>,
}

/// A rule about who signs changes.
pub(super) struct Approvers {
    pub(super) paths: BTreeSet<String>,
    pub(super) any_of: Crowd,
    pub(super) require: u32,
}

/// Where groups stand.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// In lists that let somebody do something.
    pub(super) gives: BTreeSet<GroupName>,
    /// In deny lists.
    pub(super) takes: BTreeSet<GroupName>,
}

/// What expressions, guardrails and selectors speak of.
#[derive(Debug, Clone, Default)]
pub(super) struct Mentions {
    pub(super) labels: BTreeSet<String>,
    pub(super) groups: BTreeSet<GroupName>,
    pub(super) risk: bool,
    pub(super) effects: bool,
    /// By guardrails alone: a role's own expressions cannot speak of an input that it does not have.
    pub(super) inputs: BTreeSet<String>,
}

impl View<'_> {
    /// Whether a role gives anything on this resource.
    pub(super) fn names(&self, resource: &ResourceName) -> bool {
        self.roles.values().any(|view| view.pairs.iter().any(|pair| pair.resource == *resource))
    }
}

impl Mentions {
    pub(super) fn with(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.labels.extend(other.labels.iter().cloned());
        all.groups.extend(other.groups.iter().cloned());
        all.risk |= other.risk;
        all.effects |= other.effects;
        all.inputs.extend(other.inputs.iter().cloned());
        all
    }

    fn add(&mut self, facts: &Facts) {
        self.labels.extend(facts.labels.iter().cloned());
        self.groups.extend(facts.groups().filter_map(|name| GroupName::new(name).ok()));
        self.risk |= facts.resource.contains("risk");
        self.effects |= facts.context.contains("effects");
    }
}

/// Brings a set into this form.
pub(super) fn of<'a>(set: &'a PolicySet, crowds: &Crowds) -> View<'a> {
    let reader = Reader { set, entries: set.groups().collect(), crowds, named: RefCell::default() };
    let mut view = View {
        roles: BTreeMap::new(),
        resources: set.resources().map(|resource| (&resource.name, resource)).collect(),
        guardrails: set.guardrails().iter().map(bound).collect(),
        groups: reader.groups(),
        uses: Uses::default(),
        mentions: Mentions::default(),
        people: set.people(),
        administrators: set.administrators().map(|list| reader.crowd(list)),
        auditors: set.auditors().map(|list| reader.crowd(list)),
        policy_approvers: Vec::new(),
    };
    for rule in set.policy_approvers() {
        let paths = rule.paths.iter().map(ToString::to_string).collect();
        let (any_of, require) = (reader.crowd(&rule.any_of), rule.require);
        view.policy_approvers.push(Approvers { paths, any_of, require });
        reader.use_groups(&rule.any_of, &mut view.uses.gives);
    }
    for list in [set.administrators(), set.auditors()].into_iter().flatten() {
        reader.use_groups(list, &mut view.uses.gives);
    }
    for guardrail in set.guardrails() {
        view.mentions.add(&guardrail.needs);
        view.mentions.inputs.extend(guardrail.needs.inputs.iter().cloned());
    }
    for role in set.roles() {
        reader.gather(role, &mut view);
        view.roles.insert(&role.name, reader.role(role));
    }
    view
}

fn bound(guardrail: &Guardrail) -> Option<Bound> {
    Bound::of(&guardrail.message, &guardrail.policy.to_json().ok()?)
}

struct Reader<'a, 'c> {
    set: &'a PolicySet,
    /// Of static groups.
    entries: BTreeMap<&'a GroupName, &'a [Listed]>,
    /// Of both sides.
    crowds: &'c Crowds,
    /// Roles tend to name the same groups; who is in them is worked out and held once.
    named: RefCell<HashMap<Vec<Principal>, Shared>>,
}

impl<'a> Reader<'a, '_> {
    fn crowd(&self, list: &[Listed]) -> Crowd {
        Crowd::of(self.set.directory(), list)
    }

    /// The same, shared with every list of the same names.
    fn shared(&self, list: &[Listed]) -> Shared {
        let names: Vec<Principal> = list.iter().map(|listed| listed.principal.clone()).collect();
        let mut named = self.named.borrow_mut();
        named.entry(names).or_insert_with(|| self.crowds.share(self.crowd(list))).clone()
    }

    fn groups(&self) -> BTreeMap<GroupName, Crowd> {
        self.set.groups().map(|(name, entries)| (name.clone(), self.crowd(entries))).collect()
    }

    /// Every group that a list names, and every group in those.
    fn use_groups(&self, list: &[Listed], into: &mut BTreeSet<GroupName>) {
        let mut open: Vec<&Listed> = list.iter().collect();
        while let Some(listed) = open.pop() {
            let Principal::Group(name) = &listed.principal else { continue };
            if into.insert(name.clone()) {
                open.extend(self.entries.get(name).copied().into_iter().flatten());
            }
        }
    }

    fn gather(&self, role: &Role, view: &mut View<'_>) {
        self.use_groups(&role.deny, &mut view.uses.takes);
        let mut gives = Vec::new();
        match &role.requesters {
            Requesters::Listed(list) => gives.push(list.as_slice()),
            Requesters::Anyone(_) | Requesters::TriggersOnly => {}
        }
        match &role.approval {
            Approval::Automatic(_) => {}
            Approval::Stages(chain) => {
                for stage in &chain.stages {
                    gives.extend([stage.approvers.as_slice(), stage.fallback.as_slice()]);
                    match &stage.on_timeout {
                        OnTimeout::Escalate(to) => gives.push(to),
                        OnTimeout::Reject => {}
                    }
                }
            }
        }
        gives.extend(role.break_glass.iter().map(|b| b.who.as_slice()));
        for list in gives {
            self.use_groups(list, &mut view.uses.gives);
        }
        for receiver in role.triggers.iter().flat_map(|trigger| &trigger.grant_to) {
            match receiver {
                Receiver::Named(listed) => self.use_groups(std::slice::from_ref(listed), &mut view.uses.gives),
                Receiver::Pipeline | Receiver::Actor => {}
            }
        }
        let when = role.constraints.when.iter().map(|e| &e.expression);
        for expression in role.auto_approve_when.iter().chain(when) {
            view.mentions.add(&expression.needs);
        }
        for condition in &role.conditions {
            match &condition.resource {
                Pattern::Labels(selector) => view.mentions.labels.extend(selector.labels.keys().cloned()),
                Pattern::Exact(_) | Pattern::Glob(_) => {}
            }
        }
    }

    fn role(&self, role: &'a Role) -> RoleView<'a> {
        let crowd = match &role.requesters {
            Requesters::Anyone(_) => self.crowds.share(Crowd { anyone: true, ..Crowd::default() }),
            Requesters::Listed(list) => self.shared(list),
            Requesters::TriggersOnly => Shared::default(),
        };
        let trigger = |trigger: &'a crate::model::Trigger| {
            let name = |receiver: &Receiver| match receiver {
                Receiver::Pipeline => vec!["pipeline".to_owned()],
                Receiver::Actor => vec!["actor".to_owned()],
                Receiver::Named(listed) => self.crowd(std::slice::from_ref(listed)).names(),
            };
            Trigger { workload: &trigger.workload, grant_to: trigger.grant_to.iter().flat_map(name).collect() }
        };
        RoleView {
            role,
            askers: Askers { crowd, denied: self.shared(&role.deny) },
            pairs: self.set.pairs(&role.name),
            approvals: self.approvals(role),
            emergency: role.break_glass.as_ref().map(|b| self.shared(&b.who)).unwrap_or_default(),
            owner: role.owner.as_ref().map(|owner| self.shared(std::slice::from_ref(owner))).unwrap_or_default(),
            asks_oncall: self.asks_oncall(role),
            triggers: role.triggers.iter().map(trigger).collect(),
        }
    }

    fn asks_oncall(&self, role: &Role) -> bool {
        let when = role.constraints.when.iter().map(|when| &when.expression);
        let own = role.auto_approve_when.iter().chain(when).map(|expression| &expression.needs);
        let mut all = own.chain(self.set.guardrails().iter().map(|guardrail| &guardrail.needs));
        all.any(|needs| needs.context.contains("oncall"))
    }

    fn approvals(&self, role: &Role) -> Approvals {
        let automatic_when = role.auto_approve_when.as_ref().map(|e| e.text.clone());
        match &role.approval {
            Approval::Automatic(_) => Approvals::none_needed(),
            Approval::Stages(chain) => Approvals {
                stages: chain.stages.iter().map(|stage| self.stage(stage)).collect(),
                people: if chain.distinct_approvers { Distinct::Yes } else { Distinct::No },
                reason: if chain.reason_required { Asked::Yes } else { Asked::No },
                lapses_after: chain.lapses_after,
                automatic_when,
            },
        }
    }

    fn stage(&self, stage: &StageRule) -> Stage {
        let needs = match stage.counting {
            Counting::AnyOf => Needs::AnyOf(stage.require, self.shared(&stage.approvers)),
            Counting::AllOf => {
                Needs::AllOf(stage.approvers.iter().map(|one| self.shared(std::slice::from_ref(one))).collect())
            }
        };
        let overdue = match (stage.timeout, &stage.on_timeout) {
            (None, _) => Overdue::Never,
            (Some(after), OnTimeout::Reject) => Overdue::Reject(after),
            (Some(after), OnTimeout::Escalate(to)) => Overdue::Escalate(after, self.shared(to)),
        };
        Stage { name: stage.name.clone(), needs, overdue, fallback: self.shared(&stage.fallback) }
    }
}
