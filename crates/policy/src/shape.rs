//! Checks a tree against the table of the language: everything that can be said without looking elsewhere.

use crate::compound;
use crate::language::{DOCUMENT, Emptiness, Key, Presence, RESOURCE, ROLE, Record, STAGE, Shape};
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
    /// A value that could stand there, if the key has one.
    pub(crate) example: &'static str,
}

impl<'a> Site<'a> {
    pub(crate) fn of(file: &'a str, what: &'a str) -> Site<'a> {
        Site { file, what, example: "" }
    }

    pub(crate) fn named(self, what: &'a str) -> Site<'a> {
        Site { what, example: "", ..self }
    }

    /// At the value of a key.
    pub(crate) fn under(self, key: &'static Key) -> Site<'a> {
        Site { what: key.name, example: key.example, ..self }
    }

    /// What to type in a place of this key, as `key: value`; none when nobody has said.
    fn such_as(self) -> Option<String> {
        (!self.example.is_empty()).then(|| format!("write `{}: {}`", self.what, self.example))
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
    pub(crate) fn wrong_kind(self, out: &mut Problems, node: &Node, due: Due<'_>) {
        if matches!(node.value, Value::Broken) {
            return;
        }
        let what = match due {
            // A mapping of a kind that has a name says it: `a role has to be a mapping`.
            Due::Record(record) if !record.what.starts_with('`') => record.what.to_owned(),
            Due::Record(_) | Due::Words(_) | Due::List | Due::Texts => format!("`{}`", self.what),
        };
        let message = format!("{what} has to be {}, not {}", due.words(), node.kind());
        let hint = match (due, &node.value) {
            (Due::Record(_), Value::Map(..)) => None,
            (_, Value::Map(_, entries)) => principal_with_blank(entries),
            (Due::Texts, Value::Scalar(scalar)) if !matches!(scalar.text.as_str(), "" | "anyone") => {
                Some(format!("write `{}: [{}]`: a list, also of one", self.what, plain(&scalar.text)))
            }
            (
                Due::Words(_) | Due::List | Due::Texts | Due::Record(_),
                Value::Scalar(_) | Value::List(..) | Value::Broken,
            ) => None,
        };
        let hint = hint.or_else(|| self.such_as()).unwrap_or_else(|| match due {
            Due::Record(record) => format!("it can have: {}", key_names(record)),
            Due::Words(words) => format!("write {words}"),
            Due::List | Due::Texts => "begin every entry with `- `, or put them into `[` and `]`".to_owned(),
        });
        self.refuse(out, node.head(), "wrong-kind", message, hint);
    }
}

/// What should stand in a place where something else does.
#[derive(Clone, Copy)]
pub(crate) enum Due<'d> {
    /// In words.
    Words(&'d str),
    /// A list of mappings.
    List,
    /// A list of texts.
    Texts,
    /// A mapping with these keys.
    Record(&'static Record),
}

impl<'d> Due<'d> {
    fn words(self) -> &'d str {
        match self {
            Due::Words(words) => words,
            Due::List | Due::Texts => "a list",
            Due::Record(_) => "a mapping",
        }
    }
}

/// A text as one can write it in a list, quoted where a sign in it would mean something.
fn plain(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-@/:".contains(c);
    let text = shown(text);
    if text.chars().all(plain) { text } else { format!("\"{}\"", text.replace('"', "\\\"")) }
}

/// `group: sre`, which YAML takes for a mapping.
pub(crate) fn principal_with_blank(entries: &[Entry]) -> Option<String> {
    let [Entry { key, value, .. }] = entries else { return None };
    let (prefix, name) = (key.text()?, value.text()?);
    let meant = matches!(prefix, "user" | "group" | "oncall");
    meant.then(|| format!("write `{prefix}:{}`, without a blank after the colon", shown(name)))
}

/// The keys a mapping can have, in a row.
pub(crate) fn key_names(record: &Record) -> String {
    record.keys.iter().map(|k| k.name).collect::<Vec<_>>().join(", ")
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
        return site.wrong_kind(out, node, Due::Record(record));
    };
    for entry in entries {
        if out.is_full() {
            return;
        }
        check_entry(entry, record, site, out);
    }
    for key in record.keys {
        let missing = key.presence == Presence::Required && node.get(key.name).is_none();
        if missing {
            let message = format!("{} needs `{}`", record.what, key.name);
            site.refuse(out, node.head(), "missing-key", message, to_write(key));
        }
    }
}

fn check_entry(entry: &Entry, record: &'static Record, site: Site<'_>, out: &mut Problems) {
    let Some(name) = entry.name() else { return };
    let key = record.key(name);
    if key.is_none() || entry.meant.is_some() {
        unknown_key(entry, record, site, out);
    }
    if let Some(key) = key {
        check(&entry.value, &key.shape, site.under(key), out);
    }
}

fn unknown_key(entry: &Entry, record: &Record, site: Site<'_>, out: &mut Problems) {
    let name = entry.key.text().unwrap_or_default();
    let near = nearest(name, record.keys.iter().map(|k| k.name)).map(|near| format!("did you mean `{near}`?"));
    let hint = near.or_else(|| elsewhere(name, record));
    let hint = hint.unwrap_or_else(|| format!("it can have: {}", key_names(record)));
    let message = format!("{} has no key `{}`", record.what, shown(name));
    site.refuse(out, entry.key.at(), "unknown-key", message, hint);
}

/// What to write where a key is missing.
pub(crate) fn to_write(key: &Key) -> String {
    let mut doc = key.doc.trim_end_matches('.').chars();
    let doc: String = doc.next().into_iter().flat_map(char::to_lowercase).chain(doc).collect();
    format!("write `{}: {}`: {doc}", key.name, key.example)
}

/// Where a key belongs that somebody wrote a level too high, or in another place altogether.
fn elsewhere(name: &str, record: &Record) -> Option<String> {
    if std::ptr::eq(record, &DOCUMENT) && ROLE.key(name).is_some() {
        return Some(format!("`{name}` is a key of a role, under `roles`"));
    }
    let inside = record.keys.iter().find(|k| k.shape.records().iter().any(|r| r.key(name).is_some()));
    let inside = inside.map(|k| format!("`{name}` stands inside `{}`", k.name));
    inside.or_else(|| {
        let home = [&ROLE, &DOCUMENT, &RESOURCE, &STAGE].into_iter().find(|home| home.key(name).is_some())?;
        Some(format!("`{name}` is a key of {}; here there can be: {}", home.what, key_names(record)))
    })
}

pub(crate) fn check_list(node: &Node, emptiness: Emptiness, item: &Shape, site: Site<'_>, out: &mut Problems) {
    let Value::List(_, items) = &node.value else {
        return site.wrong_kind(out, node, if item.records().is_empty() { Due::Texts } else { Due::List });
    };
    if items.is_empty() && emptiness == Emptiness::Refused {
        let message = format!("`{}` is empty", site.what);
        let hint = match (site.what, site.such_as()) {
            ("approvers", _) => "list who may approve; a role that needs nobody says `approval: automatic`".to_owned(),
            (_, Some(write)) => format!("an empty list never means \"all\": {write}"),
            (_, None) => "an empty list never means \"all\": name what you mean".to_owned(),
        };
        site.refuse(out, node.at(), "empty-list", message, hint);
    }
    for node in items {
        check(node, item, site, out);
    }
}

fn check_map(node: &Node, key: &Shape, value: &Shape, site: Site<'_>, out: &mut Problems) {
    let Value::Map(_, entries) = &node.value else {
        return site.wrong_kind(out, node, Due::Words("a mapping"));
    };
    for entry in entries {
        check(&entry.key, key, site, out);
        check(&entry.value, value, site.named(entry.key.text().unwrap_or(site.what)), out);
    }
}

/// As a person reads the word aloud: `an action`, `an ssh resource`.
pub(crate) fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) || word.starts_with("ssh") { "an" } else { "a" }
}

/// Text from the file for a message: short, on one line, and without anything that moves a cursor.
pub(crate) fn shown(text: &str) -> String {
    const CHARS: usize = 60;
    let cut: String = text.chars().take(CHARS).collect();
    let dots = if text.chars().nth(CHARS).is_some() { "..." } else { "" };
    format!("{}{dots}", curfew_domain::text::visible(&cut))
}
