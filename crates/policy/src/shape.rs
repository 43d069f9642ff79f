//! Checks a tree against the table of the language: everything that can be said without looking elsewhere.

use crate::language::{DURATION, Emptiness, Record, Shape, Status};
use crate::leaf;
use crate::nearest::nearest;
use crate::node::{Entry, Node, Value};
use crate::problem::{At, Problems};

/// Where the checker is, for its messages.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    /// The file.
    pub(crate) file: &'a str,
    /// What the value belongs to: a key, as a person would say it.
    pub(crate) what: &'a str,
}

impl<'a> Site<'a> {
    pub(crate) fn named(self, what: &'a str) -> Site<'a> {
        Site { file: self.file, what }
    }

    pub(crate) fn refuse(
        self,
        out: &mut Problems,
        at: At,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        out.error(self.file, at, code, message, hint);
    }

    /// Something of another kind than is due here.
    pub(crate) fn wrong_kind(self, out: &mut Problems, node: &Node, due: &str) {
        if matches!(node.value, Value::Broken) {
            return;
        }
        let message = format!("`{}` has to be {due}, not {}", self.what, node.kind());
        self.refuse(out, node.head(), "wrong-kind", message, format!("write {due}"));
    }
}

/// Reports everything in the tree that the shape does not allow.
pub(crate) fn check(node: &Node, shape: &Shape, site: Site<'_>, out: &mut Problems) {
    if matches!(node.value, Value::Broken) || out.is_full() {
        return;
    }
    match shape {
        Shape::Record(record) => check_record(node, record, site, out),
        Shape::List(emptiness, item) => check_list(node, *emptiness, item, site, out),
        Shape::Map(key, value) => check_map(node, key, value, site, out),
        Shape::Requesters => check_requesters(node, site, out),
        Shape::DurationRule => match &node.value {
            Value::Map(..) => check_duration_rule(node, site, out),
            Value::List(..) => {
                site.wrong_kind(out, node, "a duration such as 2h, or a mapping with min, default and max")
            }
            Value::Scalar(_) | Value::Broken => leaf::check(node, &Shape::Duration, site, out),
        },
        Shape::Approval => check_approval(node, site, out),
        Shape::ResourcePattern if matches!(node.value, Value::Map(..)) => {
            not_yet(node.head(), "a selector by label", site, out);
        }
        // Its keys are the connector's: see `settings`.
        Shape::Settings => {}
        Shape::Text
        | Shape::Name(_)
        | Shape::ResourceName
        | Shape::ResourcePattern
        | Shape::Connector
        | Shape::Principal
        | Shape::Duration
        | Shape::Reference
        | Shape::Regex
        | Shape::Boolean
        | Shape::Integer(..)
        | Shape::Choice(_) => leaf::check(node, shape, site, out),
    }
}

fn check_record(node: &Node, record: &'static Record, site: Site<'_>, out: &mut Problems) {
    let Value::Map(_, entries) = &node.value else {
        let due =
            if record.what.starts_with('`') { "a mapping".to_owned() } else { format!("a mapping ({})", record.what) };
        return site.wrong_kind(out, node, &due);
    };
    for entry in entries {
        check_entry(entry, record, site, out);
    }
    for key in record.keys {
        let missing = matches!(key.status, Status::Required(_)) && node.get(key.name).is_none();
        if missing {
            let message = format!("{} needs `{}`", record.what, key.name);
            site.refuse(out, node.head(), "missing-key", message, key.doc);
        }
    }
}

fn check_entry(entry: &Entry, record: &'static Record, site: Site<'_>, out: &mut Problems) {
    let Some(name) = entry.key.text() else { return };
    match record.key(name).map(|k| (k.name, k.status)) {
        Some((name, Status::Required(shape) | Status::Optional(shape))) => {
            check(&entry.value, &shape, site.named(name), out)
        }
        Some((name, Status::Later)) => not_yet(entry.key.at(), &format!("`{name}`"), site, out),
        None => unknown_key(entry, record, site, out),
    }
}

fn unknown_key(entry: &Entry, record: &Record, site: Site<'_>, out: &mut Problems) {
    let name = entry.key.text().unwrap_or_default();
    let known = || record.keys.iter().filter(|k| !matches!(k.status, Status::Later)).map(|k| k.name);
    let hint = match nearest(name, record.keys.iter().map(|k| k.name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it can have: {}", known().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("{} has no key `{}`", record.what, shown(name));
    site.refuse(out, entry.key.at(), "unknown-key", message, hint);
}

/// Belongs to the language, but not to this version: said aloud, never silently accepted.
pub(crate) fn not_yet(at: At, what: &str, site: Site<'_>, out: &mut Problems) {
    let message = format!("{what} is part of the policy language, but this version of Curfew does not have it yet");
    site.refuse(out, at, "not-yet", message, "remove it, or wait for a version that has it");
}

fn check_list(node: &Node, emptiness: Emptiness, item: &Shape, site: Site<'_>, out: &mut Problems) {
    let Value::List(_, items) = &node.value else {
        return site.wrong_kind(out, node, "a list");
    };
    if items.is_empty() && emptiness == Emptiness::Refused {
        let message = format!("`{}` is empty", site.what);
        let hint = match site.what {
            "approvers" => "list who may approve; a role that needs nobody says `approval: automatic`",
            _ => "an empty list never means \"all\": name what you mean",
        };
        site.refuse(out, node.at(), "empty-list", message, hint);
    }
    for node in items {
        check(node, item, site, out);
    }
}

fn check_map(node: &Node, key: &Shape, value: &Shape, site: Site<'_>, out: &mut Problems) {
    let Value::Map(_, entries) = &node.value else {
        return site.wrong_kind(out, node, "a mapping");
    };
    for entry in entries {
        check(&entry.key, key, site, out);
        check(&entry.value, value, site.named(entry.key.text().unwrap_or(site.what)), out);
    }
}

fn check_requesters(node: &Node, site: Site<'_>, out: &mut Problems) {
    match &node.value {
        Value::Scalar(s) if s.text == "anyone" => {}
        Value::List(_, items) => {
            let (machines, others): (Vec<&Node>, Vec<&Node>) =
                items.iter().partition(|n| matches!(n.value, Value::Map(..)));
            for machine in machines {
                not_yet(machine.head(), "a workload among `requesters`", site, out);
            }
            if items.is_empty() {
                check_list(node, Emptiness::Refused, &Shape::Principal, site, out);
            }
            for other in others {
                check(other, &Shape::Principal, site, out);
            }
        }
        Value::Scalar(_) | Value::Map(..) | Value::Broken => {
            site.wrong_kind(out, node, "`anyone` or a list of persons and groups")
        }
    }
}

fn check_duration_rule(node: &Node, site: Site<'_>, out: &mut Problems) {
    check_record(node, &DURATION, site, out);
    let length = |key| node.get(key).and_then(leaf::duration);
    let Some(max) = length("max") else { return };
    let bounds = [
        ("min", length("min"), "default", length("default")),
        ("default", length("default"), "max", Some(max)),
        ("min", length("min"), "max", Some(max)),
    ];
    for (low, small, high, great) in bounds {
        if let (Some(small), Some(great), Some(at)) = (small, great, node.get(low).map(Node::at))
            && small > great
        {
            let message = format!("`{low}` ({small}) is longer than `{high}` ({great})");
            site.refuse(out, at, "duration-order", message, "min <= default <= max");
            return;
        }
    }
}

fn check_approval(node: &Node, site: Site<'_>, out: &mut Problems) {
    match &node.value {
        Value::Map(..) => not_yet(node.head(), "`approval` with stages", site, out),
        Value::Scalar(s) if s.text == "automatic" => {}
        Value::Scalar(s) if nearest(&s.text, ["automatic"]).is_some() => {
            let message = format!("`{}` is no kind of approval", shown(&s.text));
            site.refuse(out, node.at(), "approval", message, "did you mean `automatic`?");
        }
        Value::Scalar(s) if matches!(s.text.as_str(), "none" | "auto" | "never" | "") => {
            let message = format!("`{}` is no kind of approval", s.text);
            site.refuse(out, node.at(), "approval", message, "to let nobody approve, write `approval: automatic`");
        }
        Value::Scalar(_) => not_yet(node.at(), "a named chain as `approval`", site, out),
        Value::List(..) | Value::Broken => site.wrong_kind(out, node, "`automatic`"),
    }
}

/// Text from the file for a message: short, on one line, and without anything that moves a cursor.
pub(crate) fn shown(text: &str) -> String {
    const CHARS: usize = 60;
    let cut: String = text.chars().take(CHARS).collect();
    let dots = if text.chars().nth(CHARS).is_some() { "..." } else { "" };
    format!("{}{dots}", curfew_domain::text::visible(&cut))
}
