//! The JSON Schema of the policy language, for editors. Made from the table that the checker reads.

use crate::language::{
    CONDITION, CONSTRAINTS, DOCUMENT, DURATION, Emptiness, JUSTIFICATION, Key, RESOURCE, ROLE, Record, Shape, Status,
};
use curfew_domain::limits;
use serde_json::{Map, Value, json};

const NAME: &str = "^[A-Za-z0-9._-]{1,64}$";
const RESOURCE_NAME: &str = "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$";
const RESOURCE_PATTERN: &str = "^[A-Za-z0-9._*-]+(/[A-Za-z0-9._*-]+)*$";
const DURATION_TEXT: &str = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$";
const REFERENCE: &str = "^(env:[A-Za-z_][A-Za-z0-9_]*|file:/\\S+|openbao:[^#\\s]+#\\S+)$";
const PRINCIPAL: &str = "^((user:)?[^@:\\s]+@[^@\\s]+|group:[A-Za-z0-9._-]{1,64})$";

/// JSON Schema 2020-12 of one policy file.
///
/// It says what stands where. Whether names lead somewhere is `check`'s to say.
pub fn schema() -> Value {
    let mut schema = record(&DOCUMENT);
    let top = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("Curfew policy")),
        ("description", json!("Just-in-time access as code: who may ask for what, for how long, and who says yes.")),
    ];
    let definitions: Map<String, Value> = RECORDS.into_iter().map(|(name, r)| (name.to_owned(), record(r))).collect();
    if let Value::Object(map) = &mut schema {
        map.extend(top.map(|(key, value)| (key.to_owned(), value)));
        map.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}

/// The mappings that others hold, under the names the schema gives them.
static RECORDS: [(&str, &Record); 6] = [
    ("resource", &RESOURCE),
    ("role", &ROLE),
    ("condition", &CONDITION),
    ("duration", &DURATION),
    ("constraints", &CONSTRAINTS),
    ("justification", &JUSTIFICATION),
];

fn record(record: &Record) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in record.keys {
        if let Some(mut value) = value_of(key) {
            if let Value::Object(map) = &mut value {
                map.insert("description".to_owned(), json!(key.doc));
            }
            properties.insert(key.name.to_owned(), value);
        }
        if matches!(key.status, Status::Required(_)) {
            required.push(key.name);
        }
    }
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let Value::Object(map) = &mut schema {
        if !required.is_empty() {
            map.insert("required".to_owned(), json!(required));
        }
        if std::ptr::eq(record, &ROLE) {
            // Exactly one of the two says who approves.
            map.insert("oneOf".to_owned(), json!([{"required": ["approvers"]}, {"required": ["approval"]}]));
        }
    }
    schema
}

/// What may stand under a key; nothing for one that this version does not have.
fn value_of(key: &Key) -> Option<Value> {
    match key.status {
        Status::Required(shape) | Status::Optional(shape) => Some(value(&shape)),
        Status::Later => None,
    }
}

fn value(shape: &Shape) -> Value {
    match shape {
        Shape::Text | Shape::Connector => json!({"type": "string"}),
        Shape::Regex => json!({"type": "string", "format": "regex"}),
        Shape::Name(_) => json!({"type": "string", "pattern": NAME}),
        Shape::ResourceName => {
            json!({"type": "string", "pattern": RESOURCE_NAME, "maxLength": limits::RESOURCE_NAME_BYTES})
        }
        Shape::ResourcePattern => {
            json!({"type": "string", "pattern": RESOURCE_PATTERN, "maxLength": limits::RESOURCE_NAME_BYTES})
        }
        Shape::Settings => json!({"type": "object"}),
        Shape::Principal => json!({"type": "string", "pattern": PRINCIPAL}),
        Shape::Requesters => {
            let list = json!({"type": "array", "minItems": 1, "items": value(&Shape::Principal)});
            json!({"oneOf": [{"const": "anyone"}, list]})
        }
        Shape::Duration => json!({"type": "string", "pattern": DURATION_TEXT, "minLength": 2}),
        Shape::DurationRule => json!({"oneOf": [value(&Shape::Duration), reference(&DURATION)]}),
        Shape::Approval => json!({"const": "automatic"}),
        Shape::Reference => json!({"type": "string", "pattern": REFERENCE}),
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

/// A record by its name in `$defs`, or written out if it has none.
fn reference(inner: &'static Record) -> Value {
    match RECORDS.iter().find(|(_, r)| std::ptr::eq(*r, inner)) {
        Some((name, _)) => json!({"$ref": format!("#/$defs/{name}")}),
        None => record(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Purpose, check};
    use crate::source::SourceFile;

    /// Every mapping of the schema with the mapping of the table that it stands for.
    fn pairs(schema: &Value) -> Vec<(&Value, &'static Record)> {
        let definitions = RECORDS.iter().map(|(name, r)| (&schema["$defs"][name], *r));
        std::iter::once((schema, &DOCUMENT)).chain(definitions).collect()
    }

    #[test]
    fn the_schema_has_exactly_the_keys_of_the_table() {
        let schema = schema();
        for (object, record) in pairs(&schema) {
            let mut in_schema: Vec<&str> =
                object["properties"].as_object().expect("properties").keys().map(String::as_str).collect();
            let mut in_table: Vec<&str> =
                record.keys.iter().filter(|k| !matches!(k.status, Status::Later)).map(|k| k.name).collect();
            in_schema.sort_unstable();
            in_table.sort_unstable();
            assert_eq!(in_schema, in_table, "{}", record.what);
            for property in object["properties"].as_object().expect("properties").values() {
                assert!(property["description"].as_str().is_some_and(|d| d.ends_with('.')), "{property}");
            }
        }
    }

    /// A file that puts one key into one kind of mapping, and nothing else.
    fn document_with(record: &Record, key: &str) -> String {
        let entry = format!("{{{key}: []}}");
        match record.what {
            "a policy file" => format!("{key}: []"),
            "a resource" => format!("resources: [{entry}]"),
            "a role" => format!("roles: [{entry}]"),
            "a condition" => format!("roles: [{{conditions: [{entry}]}}]"),
            "a duration" => format!("roles: [{{duration: {entry}}}]"),
            "`constraints`" => format!("roles: [{{constraints: {entry}}}]"),
            _ => format!("roles: [{{constraints: {{justification: {entry}}}}}]"),
        }
    }

    #[test]
    fn the_reader_knows_exactly_the_keys_of_the_schema() {
        let schema = schema();
        for (object, record) in pairs(&schema) {
            for key in record.keys.iter().map(|k| k.name).chain(["nonsense"]) {
                let bytes = document_with(record, key).into_bytes();
                let checked = check(&[SourceFile { path: "p.yaml".to_owned(), bytes }], &[], Purpose::Check);
                let codes: Vec<&str> = checked.problems.iter().map(|p| p.code).collect();
                let in_schema = object["properties"].get(key).is_some();
                let in_reader = !codes.contains(&"unknown-key") && !codes.contains(&"not-yet");
                assert_eq!(in_schema, in_reader, "{} {key}: {codes:?}", record.what);
                let in_table = record.key(key).is_some();
                assert_eq!(codes.contains(&"unknown-key"), !in_table, "{} {key}: {codes:?}", record.what);
            }
        }
    }

    #[test]
    fn every_mapping_is_named_in_the_schema() {
        assert!(!schema().to_string().is_empty());
        let mut open = vec![&DOCUMENT];
        while let Some(record) = open.pop() {
            for key in record.keys {
                let (Status::Required(shape) | Status::Optional(shape)) = key.status else { continue };
                let (Shape::Record(inner) | Shape::List(_, &Shape::Record(inner))) = shape else { continue };
                assert!(RECORDS.iter().any(|(_, r)| std::ptr::eq(*r, inner)), "{}", inner.what);
                open.push(inner);
            }
        }
    }
}
