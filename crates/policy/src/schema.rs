//! The JSON Schema of the policy language, for editors. Made from the table that the checker reads.

use crate::language::{
    ACCOUNTS, ACTIVATION, APPROVAL, BREAK_GLASS, BUDGET, BUNDLE, CHAIN, CONCURRENCY, CONDITION, CONSTRAINTS, Compound,
    DEFAULTS, DOCUMENT, DURATION, EXPECT, EXTENSION, Emptiness, INPUT, JUSTIFICATION, Key, MFA, MFA_FACT, NOTIFY,
    OUTCOMES, OVERLAY_DOCUMENT, OVERLAY_RESOURCE, OVERLAY_ROLE, POLICY_APPROVERS, Presence, RESOURCE, ROLE, Record,
    SELECTOR, STAGE, Shape, TEST, TEST_AS, TEST_FACTS, TEST_PAIRS, TEST_REQUEST, TICKET, TRIGGER, WHEN, WINDOW,
    WORKLOADS, Word,
};
use curfew_domain::limits;
use serde_json::{Map, Value, json};

const NAME: &str = "^[A-Za-z0-9._-]{1,64}$";
const RESOURCE_NAME: &str = "^[A-Za-z0-9._-]{1,64}(/[A-Za-z0-9._-]{1,64})*$";
const RESOURCE_PATTERN: &str = "^[A-Za-z0-9._*-]+(/[A-Za-z0-9._*-]+)*$";
const DURATION_TEXT: &str = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$";
const REFERENCE: &str = "^(env:[A-Za-z_][A-Za-z0-9_]*|file:/\\S+|openbao:[^#\\s]+#\\S+)$";
const MEMBER: &str = "^((user:)?[^@:\\s]+@[^@\\s]+|group:[A-Za-z0-9._-]{1,64})$";
const PRINCIPAL: &str = "^((user:)?[^@:\\s]+@[^@\\s]+|(group|oncall):[A-Za-z0-9._-]{1,64})$";
const RECEIVER: &str = "^(pipeline|actor|(user:)?[^@:\\s]+@[^@\\s]+|group:[A-Za-z0-9._-]{1,64})$";
const EMAIL: &str = "^[^@:\\s]+@[^@\\s]+$";
const DAYS: &str = "^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$";
const CLOCK: &str = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";
const DESTINATION: &str = "^(slack:[#@][A-Za-z0-9._-]+|email:[^@:\\s]+@[^@\\s]+|webhook:[A-Za-z0-9._-]{1,64})$";

/// JSON Schema 2020-12 of one policy file.
///
/// It says what stands where. Whether names lead somewhere is `check`'s to say.
pub fn schema() -> Value {
    let about = "Just-in-time access as code: who may ask for what, for how long, and who says yes.";
    file(&DOCUMENT, &RECORDS, ("Curfew policy", about))
}

/// The same of one `environments/NAME.yaml`, which repeats only what it changes.
pub fn environment_schema() -> Value {
    let records: Vec<(&str, &Record)> = RECORDS.into_iter().chain(OF_ENVIRONMENTS).collect();
    let about = "What one environment fills in of resources, and how it narrows roles.";
    file(&OVERLAY_DOCUMENT, &records, ("Curfew environment", about))
}

fn file(document: &Record, records: &[(&str, &Record)], (title, about): (&str, &str)) -> Value {
    let mut schema = record(document);
    let top = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!(title)),
        ("description", json!(about)),
    ];
    let definitions: Map<String, Value> = records.iter().map(|(name, r)| ((*name).to_owned(), record(r))).collect();
    if let Value::Object(map) = &mut schema {
        map.extend(top.map(|(key, value)| (key.to_owned(), value)));
        map.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}

/// The Cedar schema of what expressions and guardrails may speak of. In a set, `labels`, `inputs` and `claims` have the
/// keys that its resources, its roles' inputs and its expressions have.
pub fn cedar_schema() -> String {
    crate::cedar::schema_text([], [], [])
}

/// The mappings that others hold, under the names the schema gives them.
pub(crate) static RECORDS: [(&str, &Record); 33] = [
    ("policy_approvers", &POLICY_APPROVERS),
    ("person", &ACCOUNTS),
    ("resource", &RESOURCE),
    ("defaults", &DEFAULTS),
    ("chain", &CHAIN),
    ("role", &ROLE),
    ("condition", &CONDITION),
    ("selector", &SELECTOR),
    ("trigger", &TRIGGER),
    ("duration", &DURATION),
    ("approval", &APPROVAL),
    ("stage", &STAGE),
    ("constraints", &CONSTRAINTS),
    ("justification", &JUSTIFICATION),
    ("ticket", &TICKET),
    ("window", &WINDOW),
    ("mfa", &MFA),
    ("concurrency", &CONCURRENCY),
    ("input", &INPUT),
    ("when", &WHEN),
    ("budget", &BUDGET),
    ("extension", &EXTENSION),
    ("activation", &ACTIVATION),
    ("break_glass", &BREAK_GLASS),
    ("notify", &NOTIFY),
    ("bundle", &BUNDLE),
    ("test", &TEST),
    ("test_as", &TEST_AS),
    ("test_request", &TEST_REQUEST),
    ("test_pairs", &TEST_PAIRS),
    ("test_facts", &TEST_FACTS),
    ("mfa_fact", &MFA_FACT),
    ("expect", &EXPECT),
];

/// Those that stand in files of environments only.
static OF_ENVIRONMENTS: [(&str, &Record); 2] =
    [("environment_resource", &OVERLAY_RESOURCE), ("environment_role", &OVERLAY_ROLE)];

fn record(record: &Record) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in record.keys {
        properties.insert(key.name.to_owned(), described(key));
        if key.presence == Presence::Required {
            required.push(key.name);
        }
    }
    if std::ptr::eq(record, &TRIGGER) {
        properties.extend(providers());
    }
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let Value::Object(map) = &mut schema {
        if !required.is_empty() {
            map.insert("required".to_owned(), json!(required));
        }
        if std::ptr::eq(record, &ROLE) {
            // At most one of the two says who approves: `defaults` may say it.
            map.insert("not".to_owned(), json!({"required": ["approvers", "approval"]}));
        }
        if std::ptr::eq(record, &STAGE) {
            map.insert("oneOf".to_owned(), json!([{"required": ["any_of"]}, {"required": ["all_of"]}]));
        }
    }
    schema
}

fn described(key: &Key) -> Value {
    let mut value = value(&key.shape);
    if let Value::Object(map) = &mut value {
        map.insert("description".to_owned(), json!(description(key)));
        if !key.default.is_empty() {
            let default = serde_json::from_str(key.default).unwrap_or_else(|_| json!(key.default));
            map.insert("default".to_owned(), default);
        }
    }
    value
}

/// What an editor shows beside a key: what it means, what it is when it is absent, and how it is written.
fn description(key: &Key) -> String {
    let default = if key.default.is_empty() { String::new() } else { format!(" Default: `{}`.", key.default) };
    format!("{}{default} Such as `{}: {}`.", key.doc, key.name, key.example)
}

/// What can be said of a workload, under each provider's key.
fn providers() -> Map<String, Value> {
    let one = |(word, rules): &(&str, &'static Record)| {
        let mut value = record(rules);
        if let Value::Object(map) = &mut value {
            map.insert("description".to_owned(), json!("What its token has to say."));
        }
        ((*word).to_owned(), value)
    };
    WORKLOADS.iter().map(one).collect()
}

fn value(shape: &Shape) -> Value {
    match shape {
        Shape::Text | Shape::Connector => json!({"type": "string"}),
        Shape::Regex => json!({"type": "string", "format": "regex"}),
        Shape::Name(_) => json!({"type": "string", "pattern": NAME}),
        Shape::ResourceName => {
            json!({"type": "string", "pattern": RESOURCE_NAME, "maxLength": limits::RESOURCE_NAME_BYTES})
        }
        Shape::Settings => json!({"type": "object"}),
        Shape::Member => json!({"type": "string", "pattern": MEMBER}),
        Shape::Principal => json!({"type": "string", "pattern": PRINCIPAL}),
        Shape::Receiver => json!({"type": "string", "pattern": RECEIVER}),
        Shape::Duration => json!({"type": "string", "pattern": DURATION_TEXT, "minLength": 2}),
        Shape::Reference => json!({"type": "string", "pattern": REFERENCE}),
        Shape::Word(word) => word_value(*word),
        Shape::Compound(form) => compound_value(*form),
        Shape::Scalar => json!({"type": ["string", "integer", "boolean"]}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Integer(low, high) => json!({"type": "integer", "minimum": low, "maximum": high}),
        Shape::Choice(words) => json!({"enum": words}),
        Shape::List(Emptiness::Refused, item) => json!({"type": "array", "minItems": 1, "items": value(item)}),
        Shape::List(Emptiness::Allowed, item) => json!({"type": "array", "items": value(item)}),
        Shape::Map(key, item) => {
            json!({"type": "object", "propertyNames": value(key), "additionalProperties": value(item)})
        }
        Shape::Record(inner) => reference(inner),
    }
}

fn word_value(word: Word) -> Value {
    match word {
        Word::Email => json!({"type": "string", "pattern": EMAIL}),
        Word::AccountNumber => json!({"type": "string", "pattern": "^[0-9]{1,20}$"}),
        Word::Expression => json!({"type": "string", "minLength": 1, "maxLength": limits::CEDAR_BYTES}),
        Word::Clock(_) => json!({"type": "string", "pattern": CLOCK}),
        Word::Zone | Word::Cidr | Word::Address | Word::PathGlob => json!({"type": "string", "minLength": 1}),
        Word::Time => json!({"type": "string", "format": "date-time"}),
        Word::Destination => json!({"type": "string", "pattern": DESTINATION}),
    }
}

fn compound_value(form: Compound) -> Value {
    match form {
        Compound::ResourcePattern => {
            let name = json!({"type": "string", "pattern": RESOURCE_PATTERN, "maxLength": limits::RESOURCE_NAME_BYTES});
            json!({"oneOf": [name, reference(&SELECTOR)]})
        }
        Compound::Requesters => {
            let workload = json!({"type": "object", "properties": providers(), "additionalProperties": false, "minProperties": 1, "maxProperties": 1});
            let entry = json!({"oneOf": [value(&Shape::Principal), workload]});
            json!({"oneOf": [{"const": "anyone"}, {"type": "array", "minItems": 1, "items": entry}]})
        }
        Compound::Trigger => reference(&TRIGGER),
        Compound::Claim => {
            json!({"oneOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]})
        }
        Compound::Claims => {
            json!({"type": "object", "minProperties": 1, "additionalProperties": compound_value(Compound::Claim)})
        }
        Compound::Days => {
            let day = json!({"type": "string", "pattern": DAYS});
            json!({"oneOf": [day, {"type": "array", "minItems": 1, "items": day}]})
        }
        Compound::DurationRule => json!({"oneOf": [value(&Shape::Duration), reference(&DURATION)]}),
        Compound::Approval => json!({"oneOf": [{"type": "string", "pattern": NAME}, reference(&APPROVAL)]}),
        Compound::MfaFact => json!({"oneOf": [{"type": "boolean"}, reference(&MFA_FACT)]}),
        Compound::Expect => json!({"oneOf": [{"enum": OUTCOMES}, reference(&EXPECT)]}),
    }
}

/// A record by its name in `$defs`, or written out if it has none.
fn reference(inner: &'static Record) -> Value {
    match RECORDS.iter().chain(&OF_ENVIRONMENTS).find(|(_, r)| std::ptr::eq(*r, inner)) {
        Some((name, _)) => json!({"$ref": format!("#/$defs/{name}")}),
        None => record(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Purpose, check};
    use crate::language::TEST_DOCUMENT;
    use crate::problem::Problems;
    use crate::shape::{self, Site};
    use crate::source::SourceFile;

    /// Every mapping of the schema with the mapping of the table that it stands for.
    fn pairs(schema: &Value) -> Vec<(&Value, &'static Record)> {
        let definitions = RECORDS.iter().map(|(name, r)| (&schema["$defs"][name], *r));
        std::iter::once((schema, &DOCUMENT)).chain(definitions).collect()
    }

    /// What is shown to somebody who asks how a key is written is accepted where the key stands.
    #[test]
    fn every_example_can_be_written() {
        let others = [&DOCUMENT, &OVERLAY_DOCUMENT, &OVERLAY_RESOURCE, &OVERLAY_ROLE, &TEST_DOCUMENT];
        let records = RECORDS.iter().map(|(_, r)| *r).chain(others).chain(WORKLOADS.iter().map(|(_, r)| *r));
        for (record, key) in records.flat_map(|r| r.keys.iter().map(move |key| (r, key))) {
            for value in [key.example, key.default].into_iter().filter(|text| !text.is_empty()) {
                let text = format!("{}: {value}\n", key.name);
                let file = SourceFile { path: "p.yaml".to_owned(), bytes: text.clone().into_bytes() };
                let mut out = Problems::default();
                let document = crate::parse::parse(&file, &mut out).expect("YAML");
                let value = document.root.get(key.name).expect("the key");
                shape::check(value, &key.shape, Site::of("p.yaml", key.name), &mut out);
                let found = out.sorted();
                assert!(found.is_empty(), "{}: {text}{found:#?}", record.what);
            }
            assert!(!key.example.is_empty(), "{}: `{}` has no example", record.what, key.name);
        }
    }

    /// Also that each mapping it refers to is there.
    #[test]
    fn an_environment_repeats_only_what_it_changes() {
        let schema = environment_schema();
        let role = &schema["$defs"]["environment_role"];
        assert_eq!(role["required"], json!(["name"]), "{role}");
        assert_eq!(schema["$defs"]["environment_resource"]["required"], json!(["name"]));
        let keys: Vec<&String> = schema["properties"].as_object().expect("properties").keys().collect();
        assert_eq!(keys, ["resources", "roles"]);
        let text = schema.to_string();
        for reference in text.split("\"#/$defs/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(!schema["$defs"][reference].is_null(), "{reference}");
        }
    }

    #[test]
    fn the_schema_has_exactly_the_keys_of_the_table() {
        let schema = schema();
        for (object, record) in pairs(&schema) {
            let mut in_schema: Vec<&str> =
                object["properties"].as_object().expect("properties").keys().map(String::as_str).collect();
            let mut in_table: Vec<&str> = record.keys.iter().map(|k| k.name).collect();
            if std::ptr::eq(record, &TRIGGER) {
                in_table.extend(WORKLOADS.iter().map(|(word, _)| *word));
            }
            in_schema.sort_unstable();
            in_table.sort_unstable();
            assert_eq!(in_schema, in_table, "{}", record.what);
            for property in object["properties"].as_object().expect("properties").values() {
                assert!(property["description"].as_str().is_some_and(|d| d.ends_with('.')), "{property}");
            }
        }
    }

    /// A file that puts one key into one kind of mapping, and nothing else.
    fn document_with(name: &str, key: &str) -> String {
        let entry = format!("{{{key}: []}}");
        let role = |inside: String| format!("roles: [{{{inside}}}]");
        let constraint = |inside: String| role(format!("constraints: {{{inside}}}"));
        let test = |inside: String| format!("tests: [{{{inside}}}]");
        match name {
            "" => format!("{key}: []"),
            "policy_approvers" => format!("policy_approvers: [{entry}]"),
            "person" => format!("people: [{entry}]"),
            "resource" => format!("resources: [{entry}]"),
            "defaults" => format!("defaults: {entry}"),
            "chain" => format!("approvals: [{entry}]"),
            "role" => format!("roles: [{entry}]"),
            "condition" => role(format!("conditions: [{entry}]")),
            "selector" => role(format!("conditions: [{{resource: {entry}}}]")),
            "trigger" => role(format!("triggers: [{entry}]")),
            "duration" => role(format!("duration: {entry}")),
            "approval" => role(format!("approval: {entry}")),
            "stage" => role(format!("approval: {{stages: [{entry}]}}")),
            "constraints" => role(format!("constraints: {entry}")),
            "window" => constraint(format!("windows: [{entry}]")),
            "input" => constraint(format!("inputs: [{entry}]")),
            "when" => constraint(format!("when: [{entry}]")),
            "justification" | "ticket" | "mfa" | "concurrency" | "budget" => constraint(format!("{name}: {entry}")),
            "notify" => role(format!("notify: [{entry}]")),
            "extension" | "activation" | "break_glass" => role(format!("{name}: {entry}")),
            "bundle" => format!("bundles: [{entry}]"),
            "test" => format!("tests: [{entry}]"),
            "test_as" => test(format!("as: {entry}")),
            "test_request" => test(format!("request: {entry}")),
            "test_pairs" => test(format!("request: {{scope: [{entry}]}}")),
            "test_facts" => test(format!("facts: {entry}")),
            "mfa_fact" => test(format!("facts: {{mfa: {entry}}}")),
            "expect" => test(format!("expect: {entry}")),
            other => panic!("nothing holds {other}"),
        }
    }

    #[test]
    fn the_reader_knows_exactly_the_keys_of_the_schema() {
        let schema = schema();
        let named = RECORDS.iter().map(|(name, record)| (*name, &schema["$defs"][name], *record));
        for (name, object, record) in std::iter::once(("", &schema, &DOCUMENT)).chain(named) {
            for key in record.keys.iter().map(|k| k.name).chain(["nonsense"]) {
                let bytes = document_with(name, key).into_bytes();
                let checked = check(&[SourceFile { path: "p.yaml".to_owned(), bytes }], &[], Purpose::Check);
                let codes: Vec<&str> = checked.problems.iter().map(|p| p.code).collect();
                let in_schema = object["properties"].get(key).is_some();
                assert_eq!(in_schema, !codes.contains(&"unknown-key"), "{name} {key}: {codes:?}");
            }
        }
    }

    #[test]
    fn every_mapping_is_named_in_the_schema() {
        assert!(!schema().to_string().is_empty());
        let mut open = vec![&DOCUMENT];
        while let Some(record) = open.pop() {
            for key in record.keys {
                let (Shape::Record(inner) | Shape::List(_, &Shape::Record(inner))) = key.shape else { continue };
                assert!(RECORDS.iter().any(|(_, r)| std::ptr::eq(*r, inner)), "{}", inner.what);
                open.push(inner);
            }
        }
    }
}
