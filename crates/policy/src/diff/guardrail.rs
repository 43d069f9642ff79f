//! What no role may give: guardrails that went, came, or keep out something else.

use super::change::{Changes, Direction, Draft, Kind};
use super::expression::{Condition, Sense};
use super::open::Open;
use super::order::Order;
use serde_json::{Value, json};

/// A guardrail as one expression: its scope and its conditions together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound {
    message: String,
    forbids: Condition,
}

impl Bound {
    /// From Cedar's JSON form of a `forbid`; none when it has a part that is not known here.
    pub(super) fn of(message: &str, policy: &Value) -> Option<Self> {
        let mut all = json!({"Value": true});
        let mut and = |part: Value| all = json!({"&&": {"left": all.take(), "right": part}});
        for variable in ["principal", "action", "resource"] {
            match scope(variable, policy.get(variable)?)? {
                Value::Null => {}
                part => and(part),
            }
        }
        for condition in policy.get("conditions")?.as_array()? {
            let body = condition.get("body")?.clone();
            match condition.get("kind")?.as_str()? {
                "when" => and(body),
                "unless" => and(json!({"!": {"arg": body}})),
                _ => return None,
            }
        }
        Some(Self { message: message.to_owned(), forbids: Condition::of(message.to_owned(), all) })
    }
}

/// `principal in Group::"x"` and its like as an expression; null when it says nothing.
fn scope(variable: &str, constraint: &Value) -> Option<Value> {
    let var = json!({"Var": variable});
    let entity = |entity: &Value| json!({"Value": {"__entity": entity}});
    let compared = |op: &str, right: Value| json!({op: {"left": var, "right": right}});
    match constraint.get("op")?.as_str()? {
        "All" => Some(Value::Null),
        // There is one action; every guardrail is about it or about none.
        "==" | "in" if variable == "action" => Some(Value::Null),
        op @ ("==" | "in") => match constraint.get("entity") {
            Some(one) => Some(compared(op, entity(one))),
            None => {
                let set: Vec<Value> = constraint.get("entities")?.as_array()?.iter().map(entity).collect();
                Some(compared("in", json!({"Set": set})))
            }
        },
        "is" => {
            let kind = constraint.get("entity_type")?;
            let is = json!({"is": {"left": var, "entity_type": kind}});
            match constraint.get("in").and_then(|within| within.get("entity")) {
                Some(one) => Some(json!({"&&": {"left": is, "right": compared("in", entity(one))}})),
                None => Some(is),
            }
        }
        _ => None,
    }
}

/// Says which guardrails went, came or changed. Where one stands in the files makes no difference.
pub(super) fn compare(before: &[Option<Bound>], after: &[Option<Bound>], changes: &mut Changes) {
    let same = |a: &Bound, b: &Bound| Condition::compare(&a.forbids, &b.forbids, Sense::Forbids) == Order::Same;
    let (mut old, mut new): (Vec<&Bound>, Vec<&Bound>) =
        (before.iter().flatten().collect(), after.iter().flatten().collect());
    let (all_old, all_new) = (old.clone(), new.clone());
    old.retain(|bound| !all_new.iter().any(|b| same(bound, b)));
    new.retain(|bound| !all_old.iter().any(|b| same(b, bound)));
    // What all that there will be let through together.
    let passes: Vec<Condition> = all_new.iter().map(|bound| bound.forbids.not()).collect();
    let passes = Condition::all(&passes);
    for bound in old {
        let compared = |b: &&Bound| Condition::compare(&bound.forbids, &b.forbids, Sense::Forbids);
        // Another that keeps out at least as much stands for it.
        if all_new.iter().any(|b| compared(b) == Order::Narrower) {
            continue;
        }
        // One that came may be what became of it, in a way that cannot be told.
        let orders: Vec<Order> = new.iter().map(compared).collect();
        let unknown = orders.contains(&Order::Unknown) && !orders.contains(&Order::Wider);
        let direction = if unknown { Direction::Unknown } else { Direction::Wider };
        let open = Open::between(&bound.forbids.not(), &passes);
        changes.push(Draft::new(Kind::Guardrail, direction).was(bound.message.clone()).open(Some(open)));
    }
    for bound in new {
        changes.push(Draft::new(Kind::Guardrail, Direction::Narrower).becomes(bound.message.clone()));
    }
    let unread = |list: &[Option<Bound>]| list.iter().filter(|b| b.is_none()).count();
    if unread(before) > 0 || unread(after) > 0 {
        let draft = Draft::new(Kind::Guardrail, Direction::Unknown);
        changes.push(draft.was("a guardrail that cannot be compared").becomes("a guardrail that cannot be compared"));
    }
}
