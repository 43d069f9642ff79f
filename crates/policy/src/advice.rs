//! What to type instead, where the complaint comes from a reader that is not ours: YAML's, Cedar's, the patterns'.
//!
//! **Invariant:** their words decide the advice only, never whether a text is refused. What nobody foresaw gets the
//! general advice.

use crate::nearest::nearest;

/// What an expression can speak of in `context`.
const FACTS: [&str; 14] = [
    "role",
    "actions",
    "effects",
    "duration",
    "reason",
    "ticket",
    "ticket_state",
    "inputs",
    "now",
    "source_ip",
    "mfa",
    "oncall",
    "risk_score",
    "claims",
];
const RESOURCE: [&str; 4] = ["name", "connector", "risk", "labels"];
const PRINCIPAL: [&str; 2] = ["id", "email"];

/// A part of what the reader says, and what to do then. The first that fits counts.
type Advice = [(&'static str, &'static str)];

const YAML: &Advice = &[
    ("tabs disallowed", "indent with blanks, two a level"),
    ("unclosed bracket '['", "close it with `]`"),
    ("unclosed bracket '{'", "close it with `}`"),
    ("mismatched bracket", "close each bracket with its own kind: `[` with `]`, `{` with `}`"),
    ("unclosed quote", "close the text with the quote it began with"),
    ("after single-quoted", "write a quote inside a text twice ('it''s'), or use double quotes: \"it's\""),
    ("after double-quoted", "write a quote inside a text as \\\", and `: ` between a key and its value"),
    (
        "mapping values are not allowed",
        "write one `key: value` a line, the keys of one mapping equally far in; quote a text that has `: ` in it",
    ),
    (
        "did not find expected '-' indicator",
        "indent the keys of an entry as far as the text after its `-`; begin the next entry with `- `",
    ),
    ("illegal placement of ':'", "a bracket or a quote before it is not closed: look at the end of the line above"),
    ("did not find expected key", "indent the keys of one mapping equally far"),
    ("expected ',' or", "put a comma between entries, and quote a text that has `: ` or a bracket in it"),
    ("anchor or alias", "quote a text that begins with `*` or `&`: \"*\""),
    ("unexpected character", "quote a text that begins with a sign: \"@x\""),
];

const CEDAR_SYNTAX: &Advice = &[
    ("unexpected token `and`", "write `&&` for and"),
    ("unexpected token `or`", "write `||` for or"),
    ("unexpected token `not`", "write `!` for not: !context.oncall"),
    ("'=' is not a valid operator", "write `==` to compare"),
    (
        "is not a valid method",
        "a set has .contains(...), .containsAll(...) and .containsAny(...), an address .isInRange(...); a text is compared with like: context.ticket like \"INC-*\"; hours of the day are `windows`",
    ),
    (
        "invalid variable",
        "quote a text: context.actions.contains(\"write\"); what is known stands in context, resource and principal",
    ),
    ("template containing the slot", "a guardrail is no template: name whom and what it is about"),
];

const CEDAR_TYPE: &Advice = &[
    ("parse as a duration", "write a length as duration(\"1h30m\")"),
    ("parse as IP address", "write an address as ip(\"10.1.2.3\"), a range as ip(\"10.0.0.0/8\")"),
    ("parse as a datetime", "write a time as datetime(\"2026-03-02T10:00:00Z\")"),
    ("unrecognized action", "there is one action: Action::\"request\"; what is asked for stands in context.actions"),
    (
        "unrecognized entity type",
        "there are Person, Workload, Group and Resource; a person is principal.email == \"ann@example.com\", a group principal in Group::\"sre\"",
    ),
    (
        "__cedar::internal::AnyEntity",
        "ask whether a set holds something: context.actions.contains(\"write\"); `in` asks for a group: principal in Group::\"sre\"",
    ),
    ("saw duration", "compare it with a length: context.duration <= duration(\"1h\")"),
    (
        "saw datetime",
        "compare it with a time: context.now < datetime(\"2026-12-31T00:00:00Z\"); hours of the day are `windows`",
    ),
    ("saw ipaddr", "ask whether it is in a range: context.source_ip.isInRange(ip(\"10.0.0.0/8\"))"),
    ("Set<String>", "ask whether it holds something: context.actions.contains(\"write\")"),
    ("types String and Resource", "compare its name: resource.name == \"services/db\""),
    ("types String and Person", "compare the address: principal.email == \"ann@example.com\""),
    ("types Long and String", "write numbers without quotes and texts with them"),
    ("types String and Long", "write numbers without quotes and texts with them"),
    ("types Bool and", "it is true or false already: write context.oncall or !context.oncall"),
    ("expected Long but saw String", "< and > compare numbers; a text is compared with ==: resource.risk == \"high\""),
    ("expected duration but saw", "a length is written duration(\"1h\"), and compared with <, <=, > or >="),
    ("expected datetime but saw", "a time is written datetime(\"2026-03-02T09:00:00Z\")"),
    ("expected ipaddr but saw", "an address is written ip(\"10.0.0.0/8\"), and asked about with .isInRange(...)"),
    (
        "expected Bool but saw",
        "write something that is true or false, such as context.oncall or context.risk_score > 50",
    ),
];

/// What is said of an expression that nobody foresaw.
pub(crate) const AN_EXPRESSION: &str = "write an expression such as context.oncall && context.duration <= duration(\"1h\"); `curfew policy schema --cedar` prints what there is";
/// The same of one whose kinds do not fit.
pub(crate) const FACTS_AND_TYPES: &str = "`curfew policy schema --cedar` prints the facts there are and their types";

/// What YAML's reader wants.
pub(crate) fn yaml(complaint: &str) -> &'static str {
    first(YAML, complaint).unwrap_or("check quotes, brackets and indentation")
}

/// What Cedar's reader wants of this text.
pub(crate) fn cedar_syntax(complaint: &str, text: &str) -> &'static str {
    first(CEDAR_SYNTAX, complaint).or_else(|| slip(text)).unwrap_or(AN_EXPRESSION)
}

/// A slip that shows in the text and not in what the reader says of it.
fn slip(text: &str) -> Option<&'static str> {
    let bare = without_texts(text);
    let count = |c: char| bare.matches(c).count();
    if bare.contains('\'') {
        return Some("put a text into double quotes: context.role == \"db-debug\"");
    }
    if bare.starts_with("when ") || bare.starts_with("when{") || bare.starts_with("unless ") {
        return Some("write the condition alone: context.oncall");
    }
    if bare.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').any(|word| word == "not") {
        return Some("write `!` for not: !context.oncall");
    }
    (count('(') > count(')')).then_some("close every `(` with `)`")
}

/// Whether every bracket of a text is closed.
pub(crate) fn is_closed(text: &str) -> bool {
    let bare = without_texts(text);
    [('(', ')'), ('[', ']'), ('{', '}')]
        .iter()
        .all(|(open, close)| bare.matches(*open).count() == bare.matches(*close).count())
}

/// A text without its comments, and without what stands in its double quotes.
fn without_texts(text: &str) -> String {
    let (mut in_text, mut escaped, mut in_comment) = (false, false, false);
    let mut bare = String::new();
    let mut chars = text.trim_start().chars().peekable();
    while let Some(c) = chars.next() {
        let was_in = in_text || in_comment;
        match c {
            '\n' => in_comment = false,
            _ if in_comment => {}
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '/' if !in_text && chars.peek() == Some(&'/') => in_comment = true,
            _ => {}
        }
        if !was_in {
            bare.push(c);
        }
    }
    bare
}

/// What Cedar's validator wants.
pub(crate) fn cedar_type(complaint: &str) -> String {
    unknown_attribute(complaint)
        .or_else(|| first(CEDAR_TYPE, complaint).map(str::to_owned))
        .unwrap_or_else(|| FACTS_AND_TYPES.to_owned())
}

/// What Cedar's validator says, in words that stand in a policy.
pub(crate) fn in_our_words(complaint: &str) -> String {
    complaint.replace("__cedar::internal::AnyEntity", "a person, a group or a resource")
}

/// What the reader of patterns wants.
pub(crate) fn pattern(complaint: &str) -> &'static str {
    let look = complaint.contains("look-") || complaint.contains("backreference");
    match look {
        true => "say it without: look-around and back-references take more than linear time and do not exist here",
        false => "close every bracket and parenthesis, and write what is meant literally with a backslash: `\\(`",
    }
}

fn first(table: &Advice, complaint: &str) -> Option<&'static str> {
    table.iter().find(|(part, _)| complaint.contains(part)).map(|(_, advice)| *advice)
}

/// A fact that there is not, and those there are.
fn unknown_attribute(complaint: &str) -> Option<String> {
    let name = complaint.strip_prefix("attribute `")?.split('`').next()?;
    let (of, names): (&str, &[&str]) = if complaint.contains("in context") {
        ("context", &FACTS)
    } else if complaint.contains("type `Resource`") {
        ("resource", &RESOURCE)
    } else if complaint.contains("type `Person`") || complaint.contains("type `Workload`") {
        ("principal", &PRINCIPAL)
    } else {
        return None;
    };
    Some(match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {of}.{near}?"),
        None if of == "resource" => {
            format!("resource has: {}; a label is resource.labels.{name}", names.join(", "))
        }
        None => format!("{of} has: {}", names.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_shows_in_the_text() {
        for (text, part) in [
            ("context.role == 'x'", "double quotes"),
            ("when { context.oncall }", "the condition alone"),
            ("not context.oncall", "`!`"),
            ("(context.oncall", "`)`"),
        ] {
            assert!(cedar_syntax("nobody foresaw this", text).contains(part), "{text}");
        }
        for text in ["context.reason == \"it's (not\" context", "context.notes", "// don't, not (\ncontext.mfa x"] {
            assert!(cedar_syntax("nobody foresaw this", text).starts_with("write an expression"), "{text}");
        }
    }

    #[test]
    fn what_a_resource_or_a_person_has_is_told() {
        let told =
            |name: &str, kind: &str| cedar_type(&format!("attribute `{name}` on entity type `{kind}` not found"));
        assert_eq!(
            told("env", "Resource"),
            "resource has: name, connector, risk, labels; a label is resource.labels.env"
        );
        assert_eq!(told("mail", "Person"), "did you mean principal.email?");
        assert_eq!(told("mail", "Workload"), "did you mean principal.email?");
    }

    #[test]
    fn the_facts_are_those_of_the_schema() {
        let schema = include_str!("facts.cedarschema");
        let (entities, action) = schema.split_once("action request").expect("an action");
        let keys = |text: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.trim().split_once(": "));
            lines
                .map(|(name, _)| name.to_owned())
                .filter(|n| n.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
                .collect()
        };
        let (_, context) = action.split_once("context: {").expect("a context");
        assert_eq!(keys(context), FACTS);
        let (_, resource) = entities.split_once("entity Resource = {").expect("a resource");
        assert_eq!(keys(resource), RESOURCE);
        for name in PRINCIPAL {
            assert!(entities.contains(&format!("{name}: String")), "{name}");
        }
    }
}
