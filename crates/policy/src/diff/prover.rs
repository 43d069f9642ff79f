//! What enumeration cannot tell, as a question to somebody who can prove.
//!
//! The question is whether every request that one policy permits is permitted by another, over everything that facts can
//! be. Whoever answers starts programs and waits for them, which nothing here does.

use crate::cedar::schema_text;
use crate::set::PolicySet;
use curfew_domain::RoleName;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Answers questions that enumeration leaves open.
pub trait Prover {
    /// Whether all that [`Question::after`] permits is permitted by [`Question::before`].
    fn answer(&self, question: &Question) -> Answer;
}

/// Two policies over the same facts, each one `permit` in Cedar's JSON form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// The facts, as a Cedar schema. All of them are known.
    pub schema: String,
    /// What was permitted.
    pub before: Value,
    /// What will be.
    pub after: Value,
    /// The facts that the two name, by their paths, for showing a request.
    pub facts: BTreeSet<String>,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing is permitted that was not: proved.
    NoWider,
    /// This request was not permitted and will be, in one line for a person.
    Wider(String),
    /// It could not be told, or not in time.
    Unknown,
}

/// Nobody: what cannot be enumerated stays open.
pub(super) struct Nobody;

impl Prover for Nobody {
    fn answer(&self, _: &Question) -> Answer {
        Answer::Unknown
    }
}

/// What the inputs of roles hold, in both sets.
pub(super) struct Inputs<'a> {
    sets: [&'a PolicySet; 2],
}

/// The kinds of the inputs of one role, or of all; none where it is not agreed.
pub(super) type Kinds<'a> = BTreeMap<&'a str, Option<&'static str>>;

impl<'a> Inputs<'a> {
    pub(super) fn of(base: &'a PolicySet, head: &'a PolicySet) -> Self {
        Self { sets: [base, head] }
    }

    /// For the expressions of a role, or for guardrails.
    pub(super) fn kinds(&self, role: Option<&RoleName>) -> Kinds<'a> {
        let mut kinds = Kinds::new();
        let roles = self.sets.into_iter().flat_map(PolicySet::roles);
        for input in roles.filter(|r| role.is_none_or(|name| r.name == *name)).flat_map(|r| &r.constraints.inputs) {
            let kind = crate::cedar::kind_of(input);
            let agreed = kinds.entry(input.name.as_str()).or_insert(Some(kind));
            *agreed = agreed.filter(|before| *before == kind);
        }
        kinds
    }
}

/// The question whether one expression lets through no more than another, where both are evaluated.
pub(super) fn question(
    (before, after): (&Value, &Value),
    facts: &BTreeSet<String>,
    (role, kinds): (Option<&RoleName>, &Kinds<'_>),
) -> Option<Question> {
    let below = |prefix: &str| -> Vec<&str> { facts.iter().filter_map(|f| f.strip_prefix(prefix)).collect() };
    let plain = |names: &[&str]| names.iter().all(|name| !name.contains('.'));
    let (labels, claims, inputs) = (below("resource.labels."), below("context.claims."), below("context.inputs."));
    if !plain(&labels) || !plain(&claims) || !plain(&inputs) {
        return None;
    }
    let typed: Option<Vec<(&str, &'static str)>> =
        inputs.into_iter().map(|name| Some((name, (*kinds.get(name)?)?))).collect();
    let schema = schema_text(labels, typed?, claims);
    let possible = possible(facts, role).into_iter();
    let after = possible.fold(after.clone(), |all, fact| json!({"&&": {"left": fact, "right": all}}));
    Some(Question { schema, before: permit(before), after: permit(&after), facts: facts.clone() })
}

fn permit(body: &Value) -> Value {
    json!({
        "effect": "permit",
        "principal": {"op": "All"},
        "action": {"op": "All"},
        "resource": {"op": "All"},
        "conditions": [{"kind": "when", "body": body}],
    })
}

/// What holds of every request for the facts that are named, whatever the policy. None of it can fail.
fn possible(facts: &BTreeSet<String>, role: Option<&RoleName>) -> Vec<Value> {
    let fact = |path: &str| {
        let (of, name) = path.split_once('.').unwrap_or((path, ""));
        json!({".": {"left": {"Var": of}, "attr": name}})
    };
    let compared = |op: &str, path: &str, right: Value| json!({op: {"left": fact(path), "right": right}});
    let length = |text: &str| json!({"duration": [{"Value": text}]});
    let one_of = |words: &[&str], path: &str| {
        let set: Vec<Value> = words.iter().map(|word| json!({"Value": word})).collect();
        json!({"contains": {"left": {"Set": set}, "right": fact(path)}})
    };
    let mut known = Vec::new();
    let mut add = |path: &str, says: Vec<Value>| {
        if facts.contains(path) {
            known.extend(says);
        }
    };
    let (duration, risk_score) = ("context.duration", "context.risk_score");
    let longest = format!("{}s", curfew_domain::limits::LONGEST_GRANT.as_secs());
    add(duration, vec![compared(">=", duration, length("1s")), compared("<=", duration, length(&longest))]);
    add(
        risk_score,
        vec![compared(">=", risk_score, json!({"Value": 0})), compared("<=", risk_score, json!({"Value": 255}))],
    );
    add("context.ticket_state", vec![one_of(crate::language::TICKET_STATES, "context.ticket_state")]);
    add("resource.risk", vec![one_of(crate::language::RISKS, "resource.risk")]);
    if let Some(role) = role {
        add("context.role", vec![compared("==", "context.role", json!({"Value": role.as_str()}))]);
    }
    known
}
