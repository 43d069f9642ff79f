//! Names from policy, checked once when they come in.

use crate::limits;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The text is not a name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {rule}")]
pub struct NotAName {
    /// What it was meant to be.
    pub kind: &'static str,
    /// What such a name looks like.
    pub rule: &'static str,
    /// The offending text, cut at 80 characters.
    pub text: String,
}

const SEGMENT_RULE: &str = "1 to 64 of a-z A-Z 0-9 . _ -";
const RESOURCE_RULE: &str = "segments of a-z A-Z 0-9 . _ - joined by single /, 256 bytes at most";

fn is_segment(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_name(text: &str) -> bool {
    text.len() <= limits::NAME_BYTES && is_segment(text)
}

fn is_resource(text: &str) -> bool {
    text.len() <= limits::RESOURCE_NAME_BYTES && text.split('/').all(is_segment)
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $rule:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks the text and keeps it.
            ///
            /// # Errors
            /// When the text is not such a name.
            pub fn new(text: impl Into<String>) -> Result<Self, NotAName> {
                let text = text.into();
                if $check(&text) {
                    return Ok(Self(text));
                }
                Err(NotAName { kind: $kind, rule: $rule, text: text.chars().take(80).collect() })
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = NotAName;
            fn try_from(text: String) -> Result<Self, NotAName> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = NotAName;
            fn from_str(text: &str) -> Result<Self, NotAName> {
                Self::new(text)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A role's name, as written in policy.
    RoleName, "role name", SEGMENT_RULE, is_name
);
name!(
    /// A group's name: static in policy, or the identity provider's.
    GroupName, "group name", SEGMENT_RULE, is_name
);
name!(
    /// What may be done on a resource; the connector gives it meaning.
    ActionName, "action", SEGMENT_RULE, is_name
);
name!(
    /// A protected thing, named as in policy: `services/db`.
    ResourceName, "resource name", RESOURCE_RULE, is_resource
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_segments() {
        for good in ["db", "services/db", "a.b/c_d/e-f"] {
            assert!(ResourceName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "/db", "db/", "a//b", "a b", "a/*", "ä", &"x".repeat(257)] {
            assert!(ResourceName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_one_segment_of_64() {
        assert!(RoleName::new("x".repeat(64)).is_ok());
        for bad in ["", "a/b", "a b", "é", &"x".repeat(65)] {
            assert!(RoleName::new(bad).is_err(), "{bad}");
        }
    }
}
