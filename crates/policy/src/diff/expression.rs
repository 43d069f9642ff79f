//! Cedar expressions compared by enumeration: every truth of the facts they name, and every place of a number between
//! the numbers they compare it with.
//!
//! What is enumerated covers all that can be, and sometimes more. So a proof is a proof, while a difference may be
//! one that cannot happen; where it may be, the answer is that it cannot be told.

use super::open::Open;
use super::order::Order;
use super::terms::Reader;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// Facts that there are of every request.
const ALWAYS_KNOWN: [&str; 9] = [
    "context.actions",
    "context.duration",
    "context.now",
    "context.reason",
    "context.role",
    "context.ticket",
    "principal.id",
    "resource.name",
    "resource.risk",
];

/// Combinations that are looked at before giving up.
const MOST_COMBINATIONS: usize = 1 << 16;

/// A Cedar expression over the facts of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    /// As it is written.
    text: String,
    /// Cedar's own JSON form, in which blanks and comments are gone.
    body: Value,
    /// Every fact it names, with its path.
    facts: BTreeSet<String>,
}

/// What happens where an expression is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// More is let through. When a fact is not known, nothing more is.
    Grants,
    /// Nothing is let through. When a fact is not known, nothing is either.
    Forbids,
}

/// The text with its blanks as people read it.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.text))
    }
}

impl Condition {
    /// From an expression as it stands in a policy; none when Cedar does not read it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let policy = format!("permit(principal, action, resource) when {{ {text} \n}};");
        let policy = cedar_policy::Policy::parse(None, policy).ok()?.to_json().ok()?;
        let conditions = policy.get("conditions")?.as_array()?;
        let [only] = conditions.as_slice() else { return None };
        Some(Self::of(text.to_owned(), only.get("body")?.clone()))
    }

    /// From Cedar's JSON form.
    pub(super) fn of(text: String, body: Value) -> Self {
        let mut facts = BTreeSet::new();
        collect_facts(&body, &mut facts);
        Self { text, body, facts }
    }

    /// All of them at once.
    pub(super) fn all(conditions: &[Condition]) -> Condition {
        let both = |a: Value, b: &Condition| serde_json::json!({"&&": {"left": a, "right": b.body}});
        let body = conditions.iter().fold(serde_json::json!({"Value": true}), both);
        let text = conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" && ");
        Self::of(text, body)
    }

    /// How expressions that must all be true compare with those before, and what is left open. The same texts are not
    /// read at all.
    pub(super) fn compare_texts<T: AsRef<str> + PartialEq>(before: &[T], after: &[T]) -> (Order, Option<Open>) {
        if before == after {
            return (Order::Same, None);
        }
        let all = |texts: &[T]| -> Option<Condition> {
            let read = texts.iter().map(|text| Condition::parse(text.as_ref())).collect::<Option<Vec<_>>>()?;
            Some(Condition::all(&read))
        };
        match (all(before), all(after)) {
            (Some(before), Some(after)) => {
                let order = Condition::compare(&before, &after, Sense::Grants);
                let open = matches!(order, Order::Unknown).then(|| Open::between(&before, &after));
                (order, open)
            }
            (None, _) | (_, None) => (Order::Unknown, None),
        }
    }

    /// The contrary, over the same facts.
    pub(super) fn not(&self) -> Condition {
        Self { text: self.text.clone(), body: serde_json::json!({"!": {"arg": self.body}}), facts: self.facts.clone() }
    }

    /// Cedar's own JSON form.
    pub(super) fn body(&self) -> &Value {
        &self.body
    }

    /// Every fact it names, with its path.
    pub(super) fn facts(&self) -> &BTreeSet<String> {
        &self.facts
    }

    /// Whether it is only evaluated where the other is: every fact that it could lack is one that the other names too.
    pub(super) fn needs_no_more_than(&self, other: &Self) -> bool {
        self.facts.difference(&other.facts).all(|fact| ALWAYS_KNOWN.contains(&fact.as_str()))
    }

    /// How the second compares with the first.
    pub(super) fn compare(before: &Self, after: &Self, sense: Sense) -> Order {
        if before.body == after.body {
            return Order::Same;
        }
        // With a fact less to know, an expression is evaluated where it was not.
        let knows_as_much = before.needs_no_more_than(after);
        let Some(found) = enumerate(&before.body, &after.body) else { return Order::Unknown };
        let order = match (sense, found.after_implies_before, found.before_implies_after) {
            (Sense::Grants, true, true) | (Sense::Forbids, true, true) if before.facts == after.facts => Order::Same,
            (Sense::Grants, true, _) | (Sense::Forbids, _, true) if knows_as_much => Order::Narrower,
            (Sense::Grants, true, _) | (Sense::Forbids, _, true) => Order::Unknown,
            (Sense::Grants, false, _) | (Sense::Forbids, _, false) => Order::Wider,
        };
        match order {
            Order::Wider if !found.is_exact => Order::Unknown,
            Order::Same | Order::Narrower | Order::Wider | Order::Unknown => order,
        }
    }
}

/// What was found over all combinations.
struct Found {
    after_implies_before: bool,
    before_implies_after: bool,
    /// Every combination that was looked at can happen.
    is_exact: bool,
}

fn enumerate(before: &Value, after: &Value) -> Option<Found> {
    let mut reader = Reader::default();
    let (before, after) = (reader.read(before)?, reader.read(after)?);
    let axes = reader.axes();
    let combinations = axes.iter().try_fold(1_usize, |n, axis| n.checked_mul(*axis))?;
    if combinations > MOST_COMBINATIONS {
        return None;
    }
    let mut found = Found { after_implies_before: true, before_implies_after: true, is_exact: reader.is_exact() };
    let mut at = vec![0_usize; axes.len()];
    for _ in 0..combinations {
        let (b, a) = (reader.holds(&before, &at), reader.holds(&after, &at));
        found.after_implies_before &= !a || b;
        found.before_implies_after &= !b || a;
        advance(&mut at, &axes);
    }
    Some(found)
}

/// The next combination, as an odometer turns.
fn advance(at: &mut [usize], axes: &[usize]) {
    for (position, size) in at.iter_mut().zip(axes) {
        *position += 1;
        if *position < *size {
            return;
        }
        *position = 0;
    }
}

/// `context.x`, `context.inputs.x`, `resource.labels.x` and the like, each as far as its path goes.
fn collect_facts(value: &Value, facts: &mut BTreeSet<String>) {
    if let Some(path) = path_of(value) {
        facts.insert(path);
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_facts(item, facts)),
        Value::Object(map) => map.values().for_each(|item| collect_facts(item, facts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// That there is a fact can only be asked where it is known, so `has` names it as well.
fn path_of(value: &Value) -> Option<String> {
    let access = value.as_object().filter(|map| map.len() == 1)?;
    let access = access.get(".").or_else(|| access.get("has"))?;
    let (left, attr) = (access.get("left")?, access.get("attr")?.as_str()?);
    let place = match left.get("Var").and_then(Value::as_str) {
        Some(variable) => variable.to_owned(),
        None => path_of(left)?,
    };
    Some(format!("{place}.{attr}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(before: &str, after: &str, sense: Sense) -> Order {
        let parse = |text| Condition::parse(text).expect("an expression");
        Condition::compare(&parse(before), &parse(after), sense)
    }

    #[test]
    fn what_a_grant_lets_through() {
        let hour = "context.duration <= duration(\"1h\")";
        for (before, after, order) in [
            (hour, "context.duration <= duration(\"60m\")", Order::Same),
            (hour, "context.duration<=duration(\"1h\") // same", Order::Same),
            (hour, "context.duration <= duration(\"2h\")", Order::Wider),
            (hour, "context.duration <= duration(\"30m\")", Order::Narrower),
            (hour, "context.duration < duration(\"1h\")", Order::Narrower),
            (hour, "duration(\"1h\") >= context.duration", Order::Same),
            ("context.oncall", "context.oncall && context.mfa", Order::Narrower),
            ("context.oncall && context.mfa", "context.oncall", Order::Wider),
            ("context.oncall", "context.oncall || context.mfa", Order::Wider),
            ("context.oncall", "context.mfa", Order::Wider),
            ("!(context.oncall && context.mfa)", "!context.oncall || !context.mfa", Order::Same),
            ("context.risk_score < 50", "context.risk_score < 51", Order::Wider),
            ("context.risk_score < 50", "context.risk_score <= 49", Order::Same),
            ("resource.risk == \"low\"", "resource.risk != \"high\"", Order::Wider),
            ("resource.risk == \"low\"", "resource.risk == \"low\" && context.oncall", Order::Narrower),
            ("context.reason like \"INC*\"", "context.reason like \"*\"", Order::Unknown),
            ("context.actions.contains(\"read\")", "context.actions.contains(\"write\")", Order::Wider),
            ("if context.oncall then context.mfa else false", "context.oncall && context.mfa", Order::Same),
            ("context.ticket == \"a\"", "context.ticket == \"b\"", Order::Wider),
        ] {
            assert_eq!(compared(before, after, Sense::Grants), order, "{before} -> {after}");
        }
    }

    #[test]
    fn a_fact_less_to_know_is_no_narrower() {
        let before = "context.mfa && (context.oncall || !context.oncall)";
        assert_eq!(
            compared(before, "context.mfa && context.duration < duration(\"1h\")", Sense::Grants),
            Order::Unknown
        );
        assert_eq!(compared("context.mfa", before, Sense::Grants), Order::Narrower);
    }

    #[test]
    fn to_ask_for_a_fact_is_to_name_it() {
        let before = "context has mfa && context.oncall";
        assert_eq!(compared(before, "context.oncall", Sense::Grants), Order::Unknown);
        let names =
            |text| Condition::parse(text).expect("an expression").facts.into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(names(before), "context.mfa context.oncall");
        assert_eq!(names("resource has labels && resource.labels has env"), "resource.labels resource.labels.env");
    }

    #[test]
    fn a_fact_of_every_request_makes_no_difference() {
        let before = "context.mfa && context.duration <= duration(\"1h\")";
        assert_eq!(compared(before, "context.mfa && context.oncall && false", Sense::Grants), Order::Narrower);
    }

    #[test]
    fn what_a_guardrail_keeps_out() {
        for (before, after, order) in [
            ("context.duration > duration(\"1h\")", "context.duration > duration(\"2h\")", Order::Wider),
            ("context.duration > duration(\"1h\")", "context.duration > duration(\"30m\")", Order::Narrower),
            ("resource.labels.tier == \"1\"", "resource.labels.tier == \"1\" && !context.mfa", Order::Wider),
            ("resource.labels.tier == \"1\"", "resource.labels.tier == \"1\" || context.mfa", Order::Narrower),
        ] {
            assert_eq!(compared(before, after, Sense::Forbids), order, "{before} -> {after}");
        }
    }

    #[test]
    fn too_much_to_enumerate_cannot_be_told() {
        let many = |op: &str| (0..20).map(|n| format!("context.inputs.x{n}")).collect::<Vec<_>>().join(op);
        assert_eq!(compared(&many(" && "), &many(" || "), Sense::Grants), Order::Unknown);
    }

    #[test]
    fn facts_have_their_paths() {
        let condition = Condition::parse("resource.labels.tier == context.inputs.tier").expect("an expression");
        assert_eq!(
            condition.facts.iter().map(String::as_str).collect::<Vec<_>>(),
            ["context.inputs.tier", "resource.labels.tier"]
        );
    }
}
