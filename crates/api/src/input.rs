//! The values of a role's typed inputs, as JSON has them.

use curfew_domain::InputValue;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// The value of an input. A text is taken for what the role's input holds, so that `"7"` is 7 where a whole number is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum InputBody {
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A text, or one of an enum.
    Text(String),
}

impl fmt::Display for InputBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

impl From<InputBody> for InputValue {
    fn from(body: InputBody) -> Self {
        match body {
            InputBody::Boolean(value) => Self::Boolean(value),
            InputBody::Integer(value) => Self::Integer(value),
            InputBody::Text(value) => Self::Text(value),
        }
    }
}

impl From<&InputValue> for InputBody {
    fn from(value: &InputValue) -> Self {
        match value {
            InputValue::Boolean(value) => Self::Boolean(*value),
            InputValue::Integer(value) => Self::Integer(*value),
            InputValue::Text(value) => Self::Text(value.clone()),
        }
    }
}
