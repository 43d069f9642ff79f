//! A role as Cedar policies.

use crate::model::{Justification, Listed, Principal, Receiver, Requesters, Required, Role, StageRule, Trigger};
use cedar_policy::{
    Effect, Entity, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, RestrictedExpression, SlotId, Template,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;
use std::sync::LazyLock;

/// The text of the rules.
pub(crate) const RULES: &str = include_str!("rules.cedar");

/// A role, ready to be decided. Made when the role is first asked about: a set may have a hundred thousand.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) role: Entity,
    pub(crate) may_ask: Slice,
    /// Who may have it in an emergency.
    pub(crate) may_break_glass: Slice,
    /// Who gets it from each trigger.
    pub(crate) triggers: Vec<Slice>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) bounds: Slice,
}

/// One stage, ready to be decided.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) entity: Entity,
    pub(crate) may_approve: Slice,
    pub(crate) fallback: Slice,
    pub(crate) escalated: Slice,
}

/// Cedar policies, and what each of them stands for.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub(crate) policies: PolicySet,
    rules: Vec<Rule>,
}

/// What one Cedar policy was made from. The numbers are places in the role's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rule {
    MayAsk(usize),
    WorkloadMayAsk(usize),
    AnyoneMayAsk,
    MayBreakGlass(usize),
    Receives(usize),
    RunReceives(usize),
    MayApprove(usize),
    HoldsOffice(usize),
    Denied(usize),
    ReasonMissing,
    ReasonShort,
    ReasonUnlike,
    UnlessForbidden,
}

impl Rule {
    /// The template in `rules.cedar`.
    fn id(self) -> &'static str {
        match self {
            Rule::MayAsk(_) => "may-ask",
            Rule::WorkloadMayAsk(_) | Rule::RunReceives(_) => "workload-may-ask",
            Rule::AnyoneMayAsk => "anyone-may-ask",
            Rule::MayBreakGlass(_) | Rule::Receives(_) => "may-ask",
            Rule::MayApprove(_) => "may-approve",
            Rule::HoldsOffice(_) => "holds-office",
            Rule::Denied(_) => "denied",
            Rule::ReasonMissing => "reason-missing",
            Rule::ReasonShort => "reason-short",
            Rule::ReasonUnlike => "reason-unlike",
            Rule::UnlessForbidden => "unless-forbidden",
        }
    }
}

impl Slice {
    fn new() -> Self {
        Self { policies: PolicySet::new(), rules: Vec::new() }
    }

    /// The rule that a Cedar policy of this slice was made from.
    pub(crate) fn rule(&self, id: &PolicyId) -> Option<Rule> {
        let number: usize = AsRef::<str>::as_ref(id).parse().ok()?;
        self.rules.get(number).copied()
    }

    /// Adds a rule, for somebody if it is about somebody.
    fn add(&mut self, rule: Rule, whom: Option<EntityUid>, resource: &EntityUid) {
        const FITS: &str = "INVARIANT: every rule is linked with the slots its template has";
        let template = PolicyId::new(rule.id());
        if self.policies.template(&template).is_none() {
            self.policies.add_template(TEMPLATES.get(rule.id()).expect(FITS).clone()).expect(FITS);
        }
        let id = PolicyId::new(self.rules.len().to_string());
        let mut slots = HashMap::from([(SlotId::resource(), resource.clone())]);
        slots.extend(whom.map(|uid| (SlotId::principal(), uid)));
        self.policies.link(template, id, slots).expect(FITS);
        self.rules.push(rule);
    }

    fn add_list(&mut self, list: &[Listed], rule: impl Fn(usize) -> Rule, resource: &EntityUid) {
        for (i, listed) in list.iter().enumerate() {
            self.add(rule(i), Some(principal_uid(&listed.principal)), resource);
        }
    }

    /// The permits of a list.
    fn of(list: &[Listed], rule: impl Fn(usize) -> Rule, resource: &EntityUid) -> Self {
        let mut slice = Self::new();
        slice.add_list(list, rule, resource);
        slice
    }

    /// Adds the permit for all that the forbids of a slice bound.
    fn add_baseline(&mut self) {
        const SOUND: &str = "INVARIANT: the baseline is a static policy with an id of its own";
        let id = PolicyId::new(self.rules.len().to_string());
        self.policies.add(BASELINE.new_id(id)).expect(SOUND);
        self.rules.push(Rule::UnlessForbidden);
    }
}

impl Compiled {
    pub(crate) fn new(role: &Role) -> Self {
        let uid = entity_uid("Role", role.name.as_str());
        let mut may_ask = Slice::new();
        match &role.requesters {
            Requesters::Anyone(_) => may_ask.add(Rule::AnyoneMayAsk, None, &uid),
            Requesters::Listed(list) => {
                for (i, listed) in list.iter().enumerate() {
                    let (rule, whom) = match &listed.principal {
                        Principal::Workload(_) => (Rule::WorkloadMayAsk(i), badge(i)),
                        person => (Rule::MayAsk(i), principal_uid(person)),
                    };
                    may_ask.add(rule, Some(whom), &uid);
                }
            }
            Requesters::TriggersOnly => {}
        }
        let mut bounds = Slice::new();
        bounds.add_baseline();
        bounds.add_list(&role.deny, Rule::Denied, &uid);
        if let Some(justification) = &role.constraints.justification {
            bounds.add(Rule::ReasonMissing, None, &uid);
            bounds.add(Rule::ReasonShort, None, &uid);
            if justification.pattern.is_some() {
                bounds.add(Rule::ReasonUnlike, None, &uid);
            }
        }
        let who = role.break_glass.as_ref().map(|b| b.who.as_slice()).unwrap_or_default();
        Self {
            may_ask,
            may_break_glass: Slice::of(who, Rule::MayBreakGlass, &uid),
            triggers: role.triggers.iter().map(|trigger| received(trigger, &uid)).collect(),
            stages: role.approval.stages().iter().map(|stage| Stage::new(role, stage, uid.clone())).collect(),
            bounds,
            role: role_entity(uid, role.constraints.justification.as_ref()),
        }
    }
}

/// Who gets a role from a trigger.
fn received(trigger: &Trigger, role: &EntityUid) -> Slice {
    let mut slice = Slice::new();
    for (i, receiver) in trigger.grant_to.iter().enumerate() {
        match receiver {
            Receiver::Pipeline => slice.add(Rule::RunReceives(i), Some(entity_uid("Badge", RUN)), role),
            Receiver::Actor => slice.add(Rule::Receives(i), Some(entity_uid("Badge", ACTOR)), role),
            Receiver::Named(listed) => slice.add(Rule::Receives(i), Some(principal_uid(&listed.principal)), role),
        }
    }
    slice
}

/// What a run wears that matches a trigger.
pub(crate) const RUN: &str = "run";
/// What the person wears who started such a run.
pub(crate) const ACTOR: &str = "actor";

/// What a workload wears that matches an entry of `requesters`.
pub(crate) fn badge(entry: usize) -> EntityUid {
    entity_uid("Badge", &format!("requester/{entry}"))
}

impl Stage {
    fn new(role: &Role, stage: &StageRule, parent: EntityUid) -> Self {
        // A role's name has no slash, so that no two stages of a set share this.
        let uid = entity_uid("Stage", &format!("{}/{}", role.name, stage.name));
        Self {
            may_approve: Slice::of(&stage.approvers, Rule::MayApprove, &uid),
            fallback: Slice::of(&stage.fallback, Rule::MayApprove, &uid),
            escalated: Slice::of(stage.escalates_to(), Rule::MayApprove, &uid),
            entity: Entity::new_no_attrs(uid, HashSet::from([parent])),
        }
    }
}

/// A list of the set itself: administrators, auditors.
#[derive(Debug, Clone)]
pub(crate) struct Office {
    pub(crate) entity: Entity,
    pub(crate) holders: Slice,
}

impl Office {
    pub(crate) fn new(name: &str, list: &[Listed]) -> Self {
        let uid = entity_uid("Office", name);
        let holders = Slice::of(list, Rule::HoldsOffice, &uid);
        Self { entity: Entity::new_no_attrs(uid, HashSet::new()), holders }
    }
}

fn role_entity(uid: EntityUid, justification: Option<&Justification>) -> Entity {
    let required = justification.is_some_and(|j| j.required == Required::Yes);
    let min_length = justification.map_or(0, |j| i64::from(j.min_length));
    let attributes = HashMap::from([
        ("reason_required".to_owned(), RestrictedExpression::new_bool(required)),
        ("reason_min_length".to_owned(), RestrictedExpression::new_long(min_length)),
    ]);
    Entity::new(uid, attributes, HashSet::new()).expect("INVARIANT: literals evaluate")
}

/// What a list's entry is in Cedar: a person stands in their own address, as in a group.
pub(crate) fn principal_uid(principal: &Principal) -> EntityUid {
    match principal {
        Principal::Person(email) => entity_uid("Email", email.as_str()),
        Principal::Group(name) => entity_uid("Group", name.as_str()),
        Principal::OnCall(name) => entity_uid("OnCall", name.as_str()),
        // Nobody wears it: a workload is listed among requesters only, each entry with a badge of its own.
        Principal::Workload(workload) => entity_uid("Badge", &workload.to_string()),
    }
}

/// An entity by type and id. The id is data to Cedar, whatever stands in it.
pub(crate) fn entity_uid(kind: &'static str, id: &str) -> EntityUid {
    let kind = TYPES.get(kind).expect("INVARIANT: every entity type is in the table");
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

static TYPES: LazyLock<BTreeMap<&'static str, EntityTypeName>> = LazyLock::new(|| {
    const KINDS: [&str; 12] = [
        "Person", "Workload", "System", "Email", "Group", "OnCall", "Badge", "Role", "Stage", "Office", "Action",
        "Resource",
    ];
    KINDS.map(|k| (k, EntityTypeName::from_str(k).expect("INVARIANT: entity types are identifiers"))).into()
});

static PARSED: LazyLock<PolicySet> =
    LazyLock::new(|| PolicySet::from_str(RULES).expect("INVARIANT: rules.cedar parses; a test validates it"));

static TEMPLATES: LazyLock<BTreeMap<String, Template>> = LazyLock::new(|| {
    let named = |t: &Template| t.annotation("id").map(|id| (id.to_owned(), t.new_id(PolicyId::new(id))));
    PARSED.templates().filter_map(named).collect()
});

static BASELINE: LazyLock<cedar_policy::Policy> = LazyLock::new(|| {
    let mut permits = PARSED.policies().filter(|p| p.effect() == Effect::Permit);
    permits.next().expect("INVARIANT: rules.cedar has one rule without slots").clone()
});

#[cfg(test)]
mod tests {
    use super::*;
    use cedar_policy::{Schema, ValidationMode, Validator};

    #[test]
    fn the_rules_pass_cedars_validator() {
        let (schema, _) = Schema::from_cedarschema_str(include_str!("rules.cedarschema")).expect("a schema");
        let result = Validator::new(schema).validate(&PARSED, ValidationMode::Strict);
        let problems: Vec<String> = result.validation_errors().map(ToString::to_string).collect();
        assert_eq!(problems, Vec::<String>::new());
    }

    #[test]
    fn every_rule_is_in_the_text_and_back() {
        let rules = [
            Rule::MayAsk(0),
            Rule::WorkloadMayAsk(0),
            Rule::AnyoneMayAsk,
            Rule::MayApprove(0),
            Rule::HoldsOffice(0),
            Rule::Denied(0),
            Rule::ReasonMissing,
            Rule::ReasonShort,
            Rule::ReasonUnlike,
        ];
        for rule in rules {
            assert!(TEMPLATES.contains_key(rule.id()), "{}", rule.id());
        }
        assert_eq!(TEMPLATES.len(), rules.len());
        assert_eq!(BASELINE.annotation("id"), Some(Rule::UnlessForbidden.id()));
        assert_eq!(PARSED.policies().count(), 1);
    }
}
