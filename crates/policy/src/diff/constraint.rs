//! What a request must bring, and whether more would pass than before.

use super::change::{Changes, Draft, Kind};
use super::expression::{Condition, one_line};
use super::order::{Order, Proof};
use super::view::Mentions;
use super::windows;
use crate::address::Network;
use crate::model::{
    Budget, Concurrency, Constraints, Expressed, Input, InputKind, Justification, Mfa, Required, TextPattern, Ticket,
};
use curfew_domain::RoleName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Says what becomes of the constraints of a role.
pub(super) fn compare(
    (role, mentions): (&RoleName, &Mentions),
    before: &Constraints,
    after: &Constraints,
    changes: &mut Changes,
) {
    let mut said = Said { role, changes };
    said.optional("justification", &before.justification, &after.justification, justification, reason_text);
    said.optional("ticket", &before.ticket, &after.ticket, ticket, ticket_text);
    said.windows(before, after);
    said.source_ip(before, after);
    said.optional("mfa", &asked(&before.mfa), &asked(&after.mfa), mfa, mfa_text);
    said.optional("concurrency", &before.concurrency, &after.concurrency, concurrency, concurrency_text);
    said.inputs(&before.inputs, &after.inputs, mentions);
    said.when(&before.when, &after.when);
    said.optional("budget", &before.budget, &after.budget, budget, |b| format!("{} in {}", b.per_subject, b.per));
    let shorter = |a: &_, b: &_| Order::of_bound(b, a);
    let wait = |side: &Constraints| side.cooldown.as_ref().map(|c| c.wait);
    said.optional("cooldown", &wait(before), &wait(after), shorter, ToString::to_string);
}

/// Puts every comparison into words.
struct Said<'a> {
    role: &'a RoleName,
    changes: &'a mut Changes,
}

impl Said<'_> {
    fn say(&mut self, what: &str, order: Order, before: Option<String>, after: Option<String>) {
        let named = |side: Option<String>| side.map(|text| format!("{what}: {text}"));
        self.changes.ordered(Kind::Constraint, order, |d| d.role(self.role).sides(named(before), named(after)));
    }

    fn optional<T>(
        &mut self,
        what: &str,
        before: &Option<T>,
        after: &Option<T>,
        compare: impl FnOnce(&T, &T) -> Order,
        text: impl Fn(&T) -> String,
    ) {
        let order = optional(before.as_ref(), after.as_ref(), compare);
        self.say(what, order, before.as_ref().map(&text), after.as_ref().map(&text));
    }

    fn windows(&mut self, before: &Constraints, after: &Constraints) {
        let list = |side: &Constraints| side.windows.as_ref().map(|w| w.any_of.clone()).unwrap_or_default();
        let (before, after) = (list(before), list(after));
        self.say("windows", windows::compare(&before, &after), joined(&before), joined(&after));
    }

    fn source_ip(&mut self, before: &Constraints, after: &Constraints) {
        let list = |side: &Constraints| side.source_ip.as_ref().map(|s| s.any_of.clone()).unwrap_or_default();
        let (before, after) = (list(before), list(after));
        let within = |inner: &[Network], outer: &[Network]| {
            let fits = |n: &Network| outer.iter().any(|o| o.covers(n));
            Proof::from(outer.is_empty() || (!inner.is_empty() && inner.iter().all(fits)))
        };
        let order = Order::of(within(&after, &before), within(&before, &after));
        self.say("source_ip", order, joined(&before), joined(&after));
    }

    fn inputs(&mut self, before: &[Input], after: &[Input], mentions: &Mentions) {
        let by_name = |list: &'_ [Input]| -> BTreeMap<String, Input> {
            list.iter().map(|input| (input.name.clone(), input.clone())).collect()
        };
        let (before, after) = (by_name(before), by_name(after));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let (before, after) = (before.get(name).cloned(), after.get(name).cloned());
            let what = format!("input {name}");
            if let (None, Some(after), true) = (&before, &after, mentions.inputs.contains(name)) {
                // A guardrail that speaks of it kept out everybody, for want of it.
                self.say(&what, Order::Unknown, None, Some(input_text(after)));
                continue;
            }
            self.optional(&what, &before, &after, input, input_text);
        }
    }

    /// All have to be true, so what is there twice or in another order is the same.
    fn when(&mut self, before: &[Expressed], after: &[Expressed]) {
        // As they stand: on one line a comment would swallow what follows it.
        let texts = |list: &[Expressed]| list.iter().map(|e| e.expression.text.clone()).collect::<Vec<_>>();
        let (before, after) = (texts(before), texts(after));
        let (order, open) = match (before.is_empty(), after.is_empty()) {
            (true, true) => (Order::Same, None),
            (true, false) => (Order::Narrower, None),
            (false, true) => (Order::Wider, None),
            (false, false) => Condition::compare_texts(&before, &after),
        };
        let open = open.map(|open| open.of_role(self.role));
        let shown = |texts: &[String]| {
            let text = joined(&texts.iter().map(|text| one_line(text)).collect::<Vec<_>>());
            text.map(|text| format!("when: {text}"))
        };
        let draft = |d: Draft| d.role(self.role).sides(shown(&before), shown(&after)).open(open);
        self.changes.ordered(Kind::Constraint, order, draft);
    }
}

/// Where no rule lets everything through.
fn optional<T>(before: Option<&T>, after: Option<&T>, compare: impl FnOnce(&T, &T) -> Order) -> Order {
    match (before, after) {
        (None, None) => Order::Same,
        (None, Some(_)) => Order::Narrower,
        (Some(_), None) => Order::Wider,
        (Some(before), Some(after)) => compare(before, after),
    }
}

fn joined(items: &[impl ToString]) -> Option<String> {
    (!items.is_empty()).then(|| items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// What must be given against what may be left out.
fn given(before: Required, after: Required) -> Order {
    match (before, after) {
        (Required::Yes, Required::No) => Order::Wider,
        (Required::No, Required::Yes) => Order::Narrower,
        (Required::Yes, Required::Yes) | (Required::No, Required::No) => Order::Same,
    }
}

/// Patterns are only told apart when they are the same, or when there is one and no other.
fn pattern(before: &Option<Arc<TextPattern>>, after: &Option<Arc<TextPattern>>) -> Order {
    let same = |a: &Arc<TextPattern>, b: &Arc<TextPattern>| match a.as_str() == b.as_str() {
        true => Order::Same,
        false => Order::Unknown,
    };
    optional(before.as_ref(), after.as_ref(), same)
}

fn justification(a: &Justification, b: &Justification) -> Order {
    let length = Order::of_bound(&b.min_length, &a.min_length);
    given(a.required, b.required).and(length).and(pattern(&a.pattern, &b.pattern))
}

fn ticket(a: &Ticket, b: &Ticket) -> Order {
    let verify = Order::of_bound(&b.verify, &a.verify);
    given(a.required, b.required).and(verify).and(pattern(&a.pattern, &b.pattern))
}

/// A rule about second factors that asks for none is none.
fn asked(mfa: &Option<Mfa>) -> Option<Mfa> {
    mfa.clone().filter(|mfa| mfa.request || mfa.approve)
}

fn mfa(a: &Mfa, b: &Mfa) -> Order {
    let asked = |before: bool, after: bool| Order::of_bound(&after, &before);
    let age = optional(a.max_age.as_ref(), b.max_age.as_ref(), Order::of_bound);
    asked(a.request, b.request).and(asked(a.approve, b.approve)).and(age)
}

fn concurrency(a: &Concurrency, b: &Concurrency) -> Order {
    let fewest = |before: Option<u32>, after: Option<u32>| optional(before.as_ref(), after.as_ref(), Order::of_bound);
    fewest(a.per_subject, b.per_subject).and(fewest(a.total, b.total))
}

fn input(a: &Input, b: &Input) -> Order {
    let kind = match (&a.kind, &b.kind) {
        (InputKind::Text { max_length: before }, InputKind::Text { max_length: after }) => {
            Order::of_bound(before, after)
        }
        (InputKind::Integer, InputKind::Integer) | (InputKind::Boolean, InputKind::Boolean) => Order::Same,
        (InputKind::Enum { values: before }, InputKind::Enum { values: after }) => {
            let within = |inner: &[String], outer: &[String]| Proof::from(inner.iter().all(|v| outer.contains(v)));
            Order::of(within(after, before), within(before, after))
        }
        (InputKind::Text { .. } | InputKind::Integer | InputKind::Boolean | InputKind::Enum { .. }, _) => {
            Order::Unknown
        }
    };
    given(a.required, b.required).and(kind)
}

/// More access in the same time, or the same access in less.
fn budget(a: &Budget, b: &Budget) -> Order {
    Order::of_bound(&a.per_subject, &b.per_subject).and(Order::of_bound(&b.per, &a.per))
}

fn if_given(required: Required) -> &'static str {
    match required {
        Required::Yes => "",
        Required::No => ", if given",
    }
}

fn reason_text(rule: &Justification) -> String {
    let pattern = rule.pattern.as_ref().map_or_else(String::new, |p| format!(", like {}", p.as_str()));
    format!("at least {} characters{pattern}{}", rule.min_length, if_given(rule.required))
}

fn ticket_text(rule: &Ticket) -> String {
    let pattern = rule.pattern.as_ref().map_or("any", |p| p.as_str());
    let verify = match rule.verify {
        crate::model::Verify::None => "",
        crate::model::Verify::Exists => ", that exists",
        crate::model::Verify::Open => ", that is open",
    };
    format!("{pattern}{verify}{}", if_given(rule.required))
}

fn mfa_text(mfa: &Mfa) -> String {
    let who = match (mfa.request, mfa.approve) {
        (false, false) => "not asked for",
        (true, false) => "to ask",
        (false, true) => "to approve",
        (true, true) => "to ask and to approve",
    };
    mfa.max_age.map_or_else(|| who.to_owned(), |age| format!("{who}, at most {age} old"))
}

fn concurrency_text(rule: &Concurrency) -> String {
    let each = rule.per_subject.map(|n| format!("{n} for each subject"));
    let total = rule.total.map(|n| format!("{n} in all"));
    each.into_iter().chain(total).collect::<Vec<_>>().join(", ")
}

fn input_text(input: &Input) -> String {
    let kind = match &input.kind {
        InputKind::Text { max_length } => format!("a text of at most {max_length}"),
        InputKind::Integer => "a whole number".to_owned(),
        InputKind::Boolean => "true or false".to_owned(),
        InputKind::Enum { values } => format!("one of {}", values.join(", ")),
    };
    format!("{kind}{}", if_given(input.required))
}
