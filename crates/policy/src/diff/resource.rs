//! Resources: what their actions give, where they point, and what rules go by. What cannot be shown to give less
//! counts as more.

use super::change::{Changes, Direction, Draft, Kind};
use super::order::{Order, Proof};
use super::view::{Mentions, View};
use crate::address::Network;
use crate::model::Resource;
use serde_json::Value;
use std::collections::BTreeSet;

/// Says what becomes of every resource that both sets define, and of one that comes or goes while roles name it outright: any other
/// shows in the scope of roles.
pub(super) fn compare(before: &View<'_>, after: &View<'_>, changes: &mut Changes) {
    let mentions = before.mentions.with(&after.mentions);
    for (name, old) in &before.resources {
        let Some(new) = after.resources.get(name) else { continue };
        let mut said = Said { old, new, changes };
        said.target();
        said.settings();
        said.classification(&mentions);
        said.files();
    }
    let come = after.resources.iter().filter(|(name, _)| !before.resources.contains_key(*name));
    let gone = before.resources.iter().filter(|(name, _)| !after.resources.contains_key(*name));
    // What nothing defines is where whoever defines it next says that it is.
    for (name, resource) in come.filter(|(name, _)| before.names(name)) {
        changes.push(Draft::new(Kind::Target, Direction::Wider).resource(name).becomes(defined(resource)));
    }
    for (name, resource) in gone.filter(|(name, _)| after.names(name)) {
        changes.push(Draft::new(Kind::Target, Direction::Wider).resource(name).was(defined(resource)));
    }
}

fn defined(resource: &Resource) -> String {
    let admin = resource.admin.as_ref().map_or_else(String::new, |admin| format!(", admin: {admin}"));
    format!("connector: {}{admin}, risk: {}", resource.connector.name, resource.risk.word())
}

struct Said<'a> {
    old: &'a Resource,
    new: &'a Resource,
    changes: &'a mut Changes,
}

impl Said<'_> {
    fn say(&mut self, kind: Kind, order: Order, what: &str, (old, new): (Option<String>, Option<String>)) {
        let named = |side: Option<String>| side.map(|text| format!("{what}: {text}"));
        let draft = |d: Draft| d.resource(&self.new.name).sides(named(old), named(new));
        self.changes.ordered(kind, order, draft);
    }

    fn target(&mut self) {
        let (old, new) = (self.old.connector.name, self.new.connector.name);
        self.say(Kind::Target, differs(&old, &new), "connector", (Some(old.to_owned()), Some(new.to_owned())));
        // A reference, never the value behind it.
        let (old, new) = (self.old.admin.clone(), self.new.admin.clone());
        self.say(Kind::Target, differs(&old, &new), "admin", (old, new));
    }

    fn settings(&mut self) {
        let (old, new) = (&self.old.settings, &self.new.settings);
        let keys = |value: &Value| -> Vec<String> {
            value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
        };
        let names: BTreeSet<String> = keys(old).into_iter().chain(keys(new)).filter(|key| key != "actions").collect();
        for name in names {
            let (old, new) = (old.get(&name), new.get(&name));
            let Some((kind, reading)) = setting(&name) else { continue };
            self.say(kind, reading.compare(old, new), &name, (shown(old), shown(new)));
        }
        self.actions();
    }

    /// An action that is new gives nothing until a role names it, and then the scope says so.
    fn actions(&mut self) {
        let (old_settings, new_settings) = (self.old.settings.clone(), self.new.settings.clone());
        let own = |settings: &'_ Value| settings.get("actions").and_then(Value::as_object).cloned().unwrap_or_default();
        let (old, new) = (own(&old_settings), own(&new_settings));
        for (name, before) in &old {
            let Some(after) = new.get(name) else { continue };
            let keys = |value: &Value| -> BTreeSet<String> {
                value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
            };
            let parts = keys(before).union(&keys(after)).filter(|key| *key != "effects").cloned().collect::<Vec<_>>();
            let order = parts.iter().fold(Order::Same, |order, part| {
                order.and(part_of_action(part).compare(before.get(part), after.get(part)))
            });
            let without_effects = |value: &Value| {
                let mut value = value.clone();
                value.as_object_mut().map(|map| map.remove("effects"));
                shown(Some(&value))
            };
            self.say(Kind::Meaning, order, name, (without_effects(before), without_effects(after)));
        }
    }

    fn classification(&mut self, mentions: &Mentions) {
        let (old, new) = (self.old.risk, self.new.risk);
        let order = match Order::of_bound(&new, &old) {
            // A rule may let through what is of higher risk, or keep out what is of lower.
            Order::Narrower if mentions.risk => Order::Wider,
            order => order,
        };
        self.say(Kind::Classification, order, "risk", (Some(old.word().to_owned()), Some(new.word().to_owned())));
        let labels: BTreeSet<String> = self.old.labels.keys().chain(self.new.labels.keys()).cloned().collect();
        for label in labels {
            let (old, new) = (self.old.labels.get(&label).cloned(), self.new.labels.get(&label).cloned());
            let order = match (&old, &new) {
                _ if old == new => Order::Same,
                // Nothing asks for it.
                _ if !mentions.labels.contains(&label) => Order::Narrower,
                // What is not known never helps anybody.
                (Some(_), None) => Order::Narrower,
                (None | Some(_), _) => Order::Wider,
            };
            self.say(Kind::Classification, order, &format!("label {label}"), (old, new));
        }
        self.effects(mentions);
    }

    fn effects(&mut self, mentions: &Mentions) {
        let all = |resource: &'_ Resource| -> BTreeSet<String> {
            crate::link::actions_of(resource).map(str::to_owned).collect()
        };
        for action in all(self.old).intersection(&all(self.new)) {
            let (old, new) = (self.old.effects(action), self.new.effects(action));
            let sides = (Some(old.join(", ")), Some(new.join(", ")));
            let order = match differs(&old, &new) {
                Order::Same => Order::Same,
                // Nothing asks for them.
                _ if !mentions.effects => Order::Narrower,
                order => order,
            };
            self.say(Kind::Classification, order, &format!("effects of {action}"), sides);
        }
    }

    fn files(&mut self) {
        let globs =
            |resource: &Resource| -> BTreeSet<String> { resource.defined_by.iter().map(ToString::to_string).collect() };
        let (old, new) = (globs(self.old), globs(self.new));
        // None means that any file may.
        let within = |inner: &BTreeSet<String>, outer: &BTreeSet<String>| {
            Proof::from(outer.is_empty() || (!inner.is_empty() && inner.is_subset(outer)))
        };
        let text = |globs: &BTreeSet<String>| {
            (!globs.is_empty()).then(|| globs.iter().cloned().collect::<Vec<_>>().join(", "))
        };
        let order = Order::of(within(&new, &old), within(&old, &new));
        self.say(Kind::Authority, order, "defined_by", (text(&old), text(&new)));
    }
}

/// How a setting is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// A list of things that are given: fewer is less.
    Gives,
    /// A restriction that is there or not: there is less.
    Restricts,
    /// Address ranges, from which alone it works: within is less.
    Ranges,
    /// Nothing is known of it but whether it is the same.
    Opaque,
}

/// What a setting is about; none when it has no part in who reaches what.
fn setting(name: &str) -> Option<(Kind, Reading)> {
    match name {
        "schemas" => Some((Kind::Meaning, Reading::Gives)),
        "source_address" => Some((Kind::Meaning, Reading::Ranges)),
        "hosts" => Some((Kind::Target, Reading::Gives)),
        "database" | "replicas" | "host_keys" => Some((Kind::Target, Reading::Opaque)),
        "scram_iterations" => None,
        _ => Some((Kind::Meaning, Reading::Opaque)),
    }
}

fn part_of_action(name: &str) -> Reading {
    match name {
        "grants" | "roles" | "principals" | "extensions" => Reading::Gives,
        "force_command" => Reading::Restricts,
        _ => Reading::Opaque,
    }
}

impl Reading {
    fn compare(self, old: Option<&Value>, new: Option<&Value>) -> Order {
        if old == new {
            return Order::Same;
        }
        match (self, old, new) {
            (Self::Gives, Some(old), Some(new)) => match (texts(old), texts(new)) {
                (Some(old), Some(new)) => Order::of(new.is_subset(&old).into(), old.is_subset(&new).into()),
                (None, _) | (_, None) => Order::Wider,
            },
            (Self::Restricts, None, Some(_)) => Order::Narrower,
            (Self::Ranges, old, new) => ranges(old, new),
            (Self::Gives | Self::Restricts | Self::Opaque, _, _) => Order::Wider,
        }
    }
}

fn texts(value: &Value) -> Option<BTreeSet<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

fn ranges(old: Option<&Value>, new: Option<&Value>) -> Order {
    let read = |value: Option<&Value>| -> Option<Vec<Network>> {
        let Some(value) = value else { return Some(Vec::new()) };
        texts(value)?.into_iter().map(|text| Network::parse(text).ok()).collect()
    };
    let (Some(old), Some(new)) = (read(old), read(new)) else { return Order::Wider };
    let within = |inner: &[Network], outer: &[Network]| {
        let fits = |n: &Network| outer.iter().any(|o| o.covers(n));
        Proof::from(outer.is_empty() || (!inner.is_empty() && inner.iter().all(fits)))
    };
    Order::of(within(&new, &old), within(&old, &new))
}

fn differs<T: PartialEq>(old: &T, new: &T) -> Order {
    if old == new { Order::Same } else { Order::Wider }
}

fn shown(value: Option<&Value>) -> Option<String> {
    const CHARS: usize = 200;
    value.map(|value| value.to_string().chars().take(CHARS).collect())
}
