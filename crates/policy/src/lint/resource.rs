//! Custom actions from which one can get further than they say.

use super::warn;
use crate::model::Resource;
use crate::problem::Problems;
use crate::source::Place;
use serde_json::Value;

/// Words that open more than an action: memberships with which one runs programs, privileges that make more
/// privileges, everything at once, and the account that may do anything.
const WORDS: [(&str, &str); 8] = [
    ("superuser", "a superuser may do anything"),
    ("createrole", "who makes roles can give themselves others"),
    ("pg_execute_server_program", "it runs programs on the server"),
    ("pg_write_server_files", "it writes files on the server"),
    ("pg_read_server_files", "it reads every file on the server"),
    ("all privileges", "it is every privilege there is or will be"),
    ("with grant option", "what it gives can be passed on and outlives it"),
    ("with admin option", "what it gives can be passed on and outlives it"),
];

pub(super) fn lint(resource: &Resource, place: &Place, out: &mut Problems) {
    let actions = resource.settings.get("actions").and_then(Value::as_object);
    for (name, definition) in actions.into_iter().flatten() {
        let mut texts = Vec::new();
        collect(definition, &mut texts);
        let why = texts.iter().find_map(|text| escape(text));
        if let Some(why) = why {
            let message = format!("the action `{name}` of `{}` can escape: {why}", resource.name);
            warn(
                out,
                place,
                "escaping-action",
                message,
                "list exactly what is needed: a membership that only reads, privileges on named tables, an account of its own",
            );
        }
    }
}

fn escape(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if matches!(lower.trim(), "*" | "root") {
        return Some("it means everything, or whoever may do everything");
    }
    WORDS.iter().find(|(word, _)| lower.contains(word)).map(|(_, why)| *why)
}

fn collect<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(map) => map.values().for_each(|item| collect(item, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
