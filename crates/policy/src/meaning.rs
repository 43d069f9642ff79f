//! What an approval is bound to: not the words of a request but what they open, and where.

use crate::inventory::Inventory;
use crate::model::Resource;
use curfew_domain::Scope;
use curfew_domain::connector::{BuiltInAction, Effect};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

impl crate::PolicySet {
    /// What these pairs mean in the targets now; what an approved request holds in `meaning`.
    pub fn meaning(&self, scope: &Scope) -> String {
        meaning(self.inventory(), scope)
    }
}

/// A hash, in hex, over connector, way in, settings and action definitions of everything in the scope.
pub(crate) fn meaning(inventory: &Inventory, scope: &Scope) -> String {
    let resources: Vec<Value> = scope
        .by_resource()
        .into_iter()
        .map(|(name, actions)| json!({"name": name, "actions": actions, "definition": inventory.resource(&name).map(definition)}))
        .collect();
    let mut canonical = String::new();
    write_canonical(&Value::Array(resources), &mut canonical);
    hex::encode(Sha256::digest(canonical))
}

fn definition(resource: &Resource) -> Value {
    let built_in: Vec<Value> = resource.connector.actions.iter().map(action).collect();
    json!({
        "connector": resource.connector.name,
        "admin": resource.admin,
        "settings": resource.settings,
        "built_in": built_in,
    })
}

fn action(action: &BuiltInAction) -> Value {
    let word = |effect: &Effect| Effect::ALL.iter().find(|(_, e)| e == effect).map(|(word, _)| *word);
    let effects: Vec<&str> = action.effects.iter().filter_map(word).collect();
    json!({"name": action.name, "meaning": action.meaning, "effects": effects})
}

/// JSON with sorted keys and no blanks. `serde_json` keeps the order of insertion when any crate of a build asks it
/// to, so the order is not left to it.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let (mut a, mut b) = (String::new(), String::new());
        write_canonical(&serde_json::from_str(r#"{"b": [1, "x\n"], "a": null}"#).expect("JSON"), &mut a);
        write_canonical(&serde_json::from_str(r#"{"a": null, "b": [1, "x\n"]}"#).expect("JSON"), &mut b);
        assert_eq!(a, r#"{"a":null,"b":[1,"x\n"]}"#);
        assert_eq!(a, b);
    }
}
