//! What enumeration leaves open, until somebody who can prove is asked.

use super::expression::Condition;
use super::order::Order;
use super::prover::{Answer, Inputs, Prover, question};
use curfew_domain::RoleName;
use serde_json::Value;
use std::collections::BTreeSet;

/// Two expressions that could not be compared. What is true is let through.
#[derive(Debug, Clone)]
pub(super) struct Open {
    before: Condition,
    after: Condition,
    /// Whose `when` or `auto_approve_when` it is; none for guardrails.
    role: Option<RoleName>,
}

/// What became of it.
pub(super) struct Settled {
    pub(super) order: Order,
    /// A request that is let through now and was not.
    pub(super) request: Option<String>,
}

impl Open {
    pub(super) fn between(before: &Condition, after: &Condition) -> Self {
        Self { before: before.clone(), after: after.clone(), role: None }
    }

    pub(super) fn of_role(self, role: &RoleName) -> Self {
        Self { role: Some(role.clone()), ..self }
    }

    /// Asks. None when nothing came of it.
    pub(super) fn settle(&self, inputs: &Inputs<'_>, prover: &dyn Prover) -> Option<Settled> {
        let settled = |order, request| Some(Settled { order, request });
        match self.ask(&self.before, &self.after, inputs, prover) {
            Answer::Unknown => None,
            Answer::Wider(request) if self.names_several_groups() => settled(Order::Unknown, Some(request)),
            Answer::Wider(request) => settled(Order::Wider, Some(request)),
            // Where a fact is not known that only the old one names, the new one lets through all the same.
            Answer::NoWider if !self.before.needs_no_more_than(&self.after) => None,
            Answer::NoWider => settled(self.narrower(inputs, prover), None),
        }
    }

    fn narrower(&self, inputs: &Inputs<'_>, prover: &dyn Prover) -> Order {
        let same = self.after.needs_no_more_than(&self.before)
            && self.ask(&self.after, &self.before, inputs, prover) == Answer::NoWider;
        if same { Order::Same } else { Order::Narrower }
    }

    fn ask(&self, loose: &Condition, strict: &Condition, inputs: &Inputs<'_>, prover: &dyn Prover) -> Answer {
        let facts = loose.facts().union(strict.facts()).cloned().collect();
        let kinds = inputs.kinds(self.role.as_ref());
        let question = question((loose.body(), strict.body()), &facts, (self.role.as_ref(), &kinds));
        question.map_or(Answer::Unknown, |question| prover.answer(&question))
    }

    /// Groups can hold each other, which a proof knows nothing of: a request in one of several may not be possible.
    fn names_several_groups(&self) -> bool {
        let mut groups = BTreeSet::new();
        collect_groups(self.before.body(), &mut groups);
        collect_groups(self.after.body(), &mut groups);
        groups.len() > 1
    }
}

fn collect_groups<'v>(value: &'v Value, groups: &mut BTreeSet<&'v str>) {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if let (Some("Group"), Some(id)) = (text("type"), text("id")) {
        groups.insert(id);
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_groups(item, groups)),
        Value::Object(map) => map.values().for_each(|item| collect_groups(item, groups)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
