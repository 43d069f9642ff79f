//! Claims are known by flat names, `kubernetes.io.namespace`. Where two of a token's would have one, whoever chooses a part of
//! its claims could choose what another is taken for.

use serde_json::{Map, Value};

/// Whether two claims of this token could have one flat name.
pub(super) fn is_ambiguous(claims: &Map<String, Value>) -> bool {
    let inner = |value: &Value| value.as_object().is_some_and(is_ambiguous);
    let reaches = |name: &str| {
        let prefix = format!("{name}.");
        claims.keys().any(|other| other.starts_with(&prefix))
    };
    claims.iter().any(|(name, value)| inner(value) || (value.is_object() && reaches(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_flat_name_is_one_claim() {
        let of = |text: &str| is_ambiguous(&serde_json::from_str(text).expect("an object"));
        for clear in [
            r#"{"kubernetes.io": {"namespace": "a", "pod": {"uid": "x"}}, "sub": "x"}"#,
            r#"{"a": "x", "a.b": "y"}"#,
            r#"{"oidc.circleci.com/project-id": "x", "oidc.circleci.com/context-ids": ["y"]}"#,
        ] {
            assert!(!of(clear), "{clear}");
        }
        for unclear in [
            r#"{"kubernetes.io": {"namespace": "a"}, "kubernetes.io.namespace": "b"}"#,
            r#"{"x": {"a": {"b": 1}, "a.b": 2}}"#,
            r#"{"a": {"b": {"c": 1}}, "a.b": {"c": 2}}"#,
        ] {
            assert!(of(unclear), "{unclear}");
        }
    }
}
