//! What a Teleport role opens: labels that choose targets, and the accounts that may be used there.

use super::Effect;
use super::names::segment;
use super::outline::Outline;
use super::teleport::{at, texts};
use crate::node::Node;
use std::collections::{BTreeMap, BTreeSet};

/// A kind of target: the key of its labels, what it is called here, and the keys that list accounts.
struct Kind {
    labels: &'static str,
    name: &'static str,
    accounts: &'static [&'static str],
}

const KINDS: &[Kind] = &[
    Kind { labels: "node_labels", name: "nodes", accounts: &["logins"] },
    Kind { labels: "db_labels", name: "databases", accounts: &["db_users", "db_roles"] },
    Kind { labels: "kubernetes_labels", name: "kubernetes", accounts: &["kubernetes_groups", "kubernetes_users"] },
    Kind { labels: "app_labels", name: "apps", accounts: &["aws_role_arns"] },
    Kind { labels: "windows_desktop_labels", name: "desktops", accounts: &["windows_desktop_logins"] },
];

/// Combinations of label values that become resources of their own.
const MOST_RESOURCES: usize = 64;

/// The role's scope. Each choice of labels is a resource that somebody has still to define.
pub(super) fn conditions(
    role: &str,
    (file, node): (&str, &Node),
    outline: &mut Outline,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let Some(allow) = at(node, &["spec", "allow"]) else { return found };
    for kind in KINDS {
        if allow.get(&format!("{}_expression", kind.labels)).is_some() {
            let message = format!("`{}_expression` chose targets: name them in `conditions`", kind.labels);
            outline.remark(role, (file, node), Effect::Narrower, message);
        }
        let Some(labels) = allow.get(kind.labels) else { continue };
        let actions = actions(kind, allow, |account| {
            let message = format!("the account `{account}` depends on who asks: left out");
            outline.remark(role, (file, labels), Effect::Narrower, message);
        });
        if actions.is_empty() {
            continue;
        }
        let Some(places) = places(kind.name, labels) else {
            let message = format!("`{}` chooses too many targets: left out", kind.labels);
            outline.remark(role, (file, labels), Effect::Narrower, message);
            continue;
        };
        for place in places {
            if outline.pay(actions.len()).is_none() {
                return found;
            }
            let message = format!("`{place}` stands for what `{}` chose: define it", kind.labels);
            outline.remark(role, (file, labels), Effect::ToDo, message);
            found.entry(place).or_default().extend(actions.clone());
        }
    }
    say_what_is_lost(role, (file, node), outline);
    found
}

fn actions(kind: &Kind, allow: &Node, mut template: impl FnMut(&str)) -> BTreeSet<String> {
    let listed: Vec<&str> = kind.accounts.iter().flat_map(|key| texts(allow.get(key))).collect();
    let mut actions = BTreeSet::new();
    for account in &listed {
        match account.contains("{{") {
            true => template(account),
            false if *account == "*" => {
                actions.insert("any-account".to_owned());
            }
            false => {
                actions.insert(segment(account));
            }
        }
    }
    // An application has no accounts: it is opened or not.
    if listed.is_empty() && kind.name == "apps" {
        actions.insert("open".to_owned());
    }
    actions
}

/// One resource for each combination of label values; none when there are too many.
fn places(kind: &str, labels: &Node) -> Option<Vec<String>> {
    let mut places = vec![format!("teleport/{kind}")];
    for entry in labels.entries() {
        let key = entry.key.text().unwrap_or_default();
        let values = texts(Some(&entry.value));
        if key == "*" {
            continue;
        }
        if places.len().saturating_mul(values.len()) > MOST_RESOURCES {
            return None;
        }
        let value = |v: &str| if v == "*" { segment(key) } else { segment(&format!("{key}.{v}")) };
        places = places.iter().flat_map(|p| values.iter().map(move |v| format!("{p}/{}", value(v)))).collect();
        if places.is_empty() || places.len() > MOST_RESOURCES || places.iter().any(|p| p.len() > 200) {
            return None;
        }
    }
    if labels.entries().iter().all(|e| e.key.text() == Some("*")) {
        return Some(vec![format!("teleport/{kind}/all")]);
    }
    Some(places)
}

fn say_what_is_lost(role: &str, (file, node): (&str, &Node), outline: &mut Outline) {
    for key in ["rules", "impersonate", "join_sessions"] {
        if let Some(rules) = at(node, &["spec", "allow", key]) {
            let message = format!("`{key}` gives rights in Teleport itself: left out");
            outline.remark(role, (file, rules), Effect::Narrower, message);
        }
    }
    for key in ["db_names", "kubernetes_resources"] {
        let limits = at(node, &["spec", "allow", key]).filter(|list| texts(Some(list)) != ["*"]);
        if let Some(limits) = limits {
            let message = format!("`{key}` limits what the accounts reach: put it into the resource's settings");
            outline.remark(role, (file, limits), Effect::Wider, message);
        }
    }
    let refused = at(node, &["spec", "deny"]).map(Node::entries).unwrap_or_default();
    for entry in refused.iter().filter(|e| !e.value.items().is_empty() || !e.value.entries().is_empty()) {
        let key = entry.key.text().unwrap_or_default();
        if !matches!(key, "request" | "review_requests") {
            let message = format!("`deny.{key}` is not carried over: leave those out of the resources");
            outline.remark(role, (file, &entry.key), Effect::Wider, message);
        }
    }
}
