//! Checks a tree against the table of the language: everything that can be said without looking elsewhere.

use crate::compound;
use crate::language::{Emptiness, Presence, Record, Shape};
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
        Shape::Compound(form) => compound::check(node, *form, site, out),
        // Its keys are the connector's: see `settings`.
        Shape::Settings => {}
        Shape::Text
        | Shape::Name(_)
        | Shape::ResourceName
        | Shape::Connector
        | Shape::Member
        | Shape::Principal
        | Shape::Receiver
        | Shape::Word(_)
        | Shape::Scalar
        | Shape::Duration
        | Shape::Reference
        | Shape::Regex
        | Shape::Boolean
        | Shape::Integer(..)
        | Shape::Choice(_) => leaf::check(node, shape, site, out),
    }
}

pub(crate) fn check_record(node: &Node, record: &'static Record, site: Site<'_>, out: &mut Problems) {
    let Value::Map(_, entries) = &node.value else {
        let due =
            if record.what.starts_with('`') { "a mapping".to_owned() } else { format!("a mapping ({})", record.what) };
        return site.wrong_kind(out, node, &due);
    };
    for entry in entries {
        check_entry(entry, record, site, out);
    }
    for key in record.keys {
        let missing = key.presence == Presence::Required && node.get(key.name).is_none();
        if missing {
            let message = format!("{} needs `{}`", record.what, key.name);
            site.refuse(out, node.head(), "missing-key", message, key.doc);
        }
    }
}

fn check_entry(entry: &Entry, record: &'static Record, site: Site<'_>, out: &mut Problems) {
    let Some(name) = entry.key.text() else { return };
    match record.key(name) {
        Some(key) => check(&entry.value, &key.shape, site.named(key.name), out),
        None => unknown_key(entry, record, site, out),
    }
}

fn unknown_key(entry: &Entry, record: &Record, site: Site<'_>, out: &mut Problems) {
    let name = entry.key.text().unwrap_or_default();
    let known = || record.keys.iter().map(|k| k.name);
    let hint = match nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it can have: {}", known().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("{} has no key `{}`", record.what, shown(name));
    site.refuse(out, entry.key.at(), "unknown-key", message, hint);
}

pub(crate) fn check_list(node: &Node, emptiness: Emptiness, item: &Shape, site: Site<'_>, out: &mut Problems) {
    let Value::List(_, items) = &node.value else {
        return site.wrong_kind(out, node, "a list");
    };
    if items.is_empty() && emptiness == Emptiness::Refused {
        let message = format!("`{}` is empty", site.what);
        site.refuse(out, node.at(), "empty-list", message, "an empty list never means \"all\": name what you mean");
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

/// Text from the file for a message: short, on one line, and without anything that moves a cursor.
pub(crate) fn shown(text: &str) -> String {
    const CHARS: usize = 60;
    let cut: String = text.chars().take(CHARS).collect();
    let dots = if text.chars().nth(CHARS).is_some() { "..." } else { "" };
    format!("{}{dots}", curfew_domain::text::visible(&cut))
}
