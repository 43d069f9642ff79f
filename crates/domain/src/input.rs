//! The values of a role's typed inputs.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a request says beside its reason, by the names of the role's inputs.
pub type Inputs = BTreeMap<String, InputValue>;

/// The value of an input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub enum InputValue {
    /// A text, or one of an enum.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
}

/// As evidence keeps it, which knows whole numbers and texts only.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Integer(i64),
    Text(String),
    Boolean { boolean: Truth },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Truth {
    True,
    False,
}

impl From<Kept> for InputValue {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Integer(number) => Self::Integer(number),
            Kept::Text(text) => Self::Text(text),
            Kept::Boolean { boolean: Truth::True } => Self::Boolean(true),
            Kept::Boolean { boolean: Truth::False } => Self::Boolean(false),
        }
    }
}

impl From<InputValue> for Kept {
    fn from(value: InputValue) -> Self {
        match value {
            InputValue::Integer(number) => Self::Integer(number),
            InputValue::Text(text) => Self::Text(text),
            InputValue::Boolean(true) => Self::Boolean { boolean: Truth::True },
            InputValue::Boolean(false) => Self::Boolean { boolean: Truth::False },
        }
    }
}
