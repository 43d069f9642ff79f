//! An environment may add resources and fill them in; what it says of roles may only narrow. That it does is not
//! read off its text: the set without it and the set with it are compared by what access becomes.

use crate::diff::{Change, Direction, Kind, diff};
use crate::draft::Tree;
use crate::node::Node;
use crate::problem::{At, Problems};
use crate::set::PolicySet;
use curfew_domain::ResourceName;

/// Reports everything in which the set with an environment gives more than the set without it.
pub(crate) fn hold(base: &PolicySet, with: &PolicySet, overlay: &Tree, out: &mut Problems) {
    for change in diff(base, with).changes {
        match change.direction {
            Direction::Wider | Direction::Unknown => {}
            Direction::Narrower => continue,
        }
        if is_filling_in(&change, base, with) {
            continue;
        }
        let hint = "an environment may only narrow: write the wider rule in the base, and narrow it elsewhere";
        out.error(&overlay.path, place(&change, overlay), "overlay-widens", sentence(&change), hint);
    }
}

/// What is each environment's own: where a resource is, what its actions are, and what the base says nothing of.
fn is_filling_in(change: &Change, base: &PolicySet, with: &PolicySet) -> bool {
    match change.kind {
        Kind::Target | Kind::Meaning => true,
        Kind::Classification => change.before.is_none(),
        Kind::Scope => change.resource.as_ref().is_some_and(|name| is_only_filled_in(name, base, with)),
        Kind::CanAsk
        | Kind::Duration
        | Kind::Approval
        | Kind::Constraint
        | Kind::Guardrail
        | Kind::Extension
        | Kind::BreakGlass
        | Kind::Trigger
        | Kind::Identity
        | Kind::Authority => false,
    }
}

/// A resource that is new, or that has more labels and none of the base's with another value.
fn is_only_filled_in(name: &ResourceName, base: &PolicySet, with: &PolicySet) -> bool {
    match (base.resource(name), with.resource(name)) {
        (None, _) => !base.names_resource(name),
        (Some(old), Some(new)) => {
            old.labels.len() < new.labels.len()
                && old.labels.iter().all(|(key, value)| new.labels.get(key) == Some(value))
        }
        (Some(_), None) => false,
    }
}

/// The entry of the overlay that the change is about, or the file.
fn place(change: &Change, overlay: &Tree) -> At {
    let named = |list: &str, name: &str| {
        let entries = overlay.root.get(list).map(Node::items).unwrap_or_default();
        let entry = entries.iter().find(|entry| entry.get("name").and_then(Node::text) == Some(name));
        entry.and_then(|entry| entry.get("name")).map(Node::at)
    };
    let role = change.role.as_ref().and_then(|role| named("roles", role.as_str()));
    let resource = change.resource.as_ref().and_then(|resource| named("resources", resource.as_str()));
    role.or(resource).unwrap_or(At::FILE)
}

fn sentence(change: &Change) -> String {
    let what = match (&change.role, &change.resource) {
        (Some(role), _) => format!("role `{role}`"),
        (None, Some(resource)) => format!("`{resource}`"),
        (None, None) => "the set".to_owned(),
    };
    let who = change.subject.as_ref().map_or_else(String::new, |who| format!(" ({who})"));
    let nothing = || "nothing".to_owned();
    let (before, after) = (change.before.clone().unwrap_or_else(nothing), change.after.clone().unwrap_or_else(nothing));
    let verb = match change.direction {
        Direction::Unknown => "may widen",
        Direction::Wider | Direction::Narrower => "widens",
    };
    format!("this {verb} {what}: {}{who}: {before} -> {after}", change.kind.word())
}
