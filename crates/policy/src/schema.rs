//! The JSON Schema of the policy language, for editors.

/// JSON Schema 2020-12.
pub fn schema() -> serde_json::Value {
    serde_json::json!({"$schema": "https://json-schema.org/draft/2020-12/schema"})
}
