//! A resource's settings, read strictly. Policy has checked them against the kind's schema before; this
//! reads them again, because a lease is ended by the settings it was made with, however old.

use super::grammar::{NotAGrant, Privilege};
use super::kind::MOST_ITERATIONS;
use super::quote::{self, Unquotable};
use curfew_domain::ActionName;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The settings of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The database, unless it is the one in the way in.
    pub(crate) database: Option<String>,
    /// What the built-in actions cover. Not empty.
    pub(crate) schemas: Vec<String>,
    /// The resource's own actions.
    pub(crate) actions: BTreeMap<String, CustomAction>,
    /// Declared standbys.
    pub(crate) replicas: Vec<Place>,
    /// Iterations a verifier must have.
    pub(crate) iterations: Iterations,
    /// What becomes of what a subject made.
    pub(crate) leftovers: Leftovers,
}

/// An action that policy defines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CustomAction {
    /// Existing roles to be a member of.
    pub(crate) roles: Vec<String>,
    /// Privileges by a group role.
    pub(crate) grants: Vec<Privilege>,
}

/// A host and its port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// PBKDF2 iterations that a resource takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Iterations {
    /// 1 where Curfew starts a libpq client itself, 4,096 for everybody else.
    Auto,
    /// This many.
    Exactly(u32),
}

impl Iterations {
    pub(crate) fn takes(self, given: u32) -> bool {
        match self {
            Self::Auto => given == 1 || given == 4_096,
            Self::Exactly(wanted) => given == wanted,
        }
    }
}

impl std::fmt::Display for Iterations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("1 or 4096"),
            Self::Exactly(wanted) => write!(f, "{wanted}"),
        }
    }
}

/// What becomes of what a subject made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Leftovers {
    /// A powerless role owns it from then on.
    #[default]
    Quarantine,
    /// It is dropped, unless something of somebody else depends on it.
    Drop,
}

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadSettings {
    /// Not the shape.
    #[error("the settings of the resource are not those of a postgres resource: {0}")]
    Shape(String),
    /// A name PostgreSQL would not keep.
    #[error(transparent)]
    Name(#[from] Unquotable),
    /// A grant outside the grammar.
    #[error(transparent)]
    Grant(#[from] NotAGrant),
    /// A replica that is no `host:port`.
    #[error("`{0}` is not host:port")]
    Replica(String),
    /// Iterations out of bounds.
    #[error("scram_iterations must be auto or 1 to {MOST_ITERATIONS}")]
    Iterations,
    /// Curfew's own names are nobody's to hand out.
    #[error("`{0}` is a name of Curfew's own")]
    Ours(String),
    /// A built-in name with a meaning of one's own.
    #[error("the action `{0}` is built in; give yours another name")]
    BuiltIn(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    database: Option<String>,
    schemas: Option<Vec<String>>,
    #[serde(default)]
    actions: BTreeMap<ActionName, RawAction>,
    #[serde(default)]
    replicas: Vec<String>,
    scram_iterations: Option<serde_json::Value>,
    #[serde(default)]
    leftovers: Leftovers,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAction {
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    grants: Vec<String>,
    #[serde(default, rename = "effects")]
    _effects: Vec<String>,
}

/// What the built-in actions cover when nothing is said.
pub(super) const DEFAULT_SCHEMA: &str = "public";
/// The schema Curfew keeps for itself in a target.
pub(crate) const OWN_SCHEMA: &str = "curfew";
/// The names of the roles Curfew makes begin so.
pub(crate) const OWN_PREFIX: &str = "cf_";

impl Settings {
    pub(crate) fn parse(value: &serde_json::Value) -> Result<Self, BadSettings> {
        let empty = serde_json::Value::Object(serde_json::Map::new());
        let value = if value.is_null() { &empty } else { value };
        let raw = Raw::deserialize(value).map_err(|e| BadSettings::Shape(e.to_string()))?;
        let schemas = raw.schemas.unwrap_or_else(|| vec![DEFAULT_SCHEMA.to_owned()]);
        let first = schemas.first().ok_or_else(|| BadSettings::Shape("`schemas` is empty".to_owned()))?.clone();
        for name in schemas.iter().chain(&raw.database) {
            quote::ident(name)?;
        }
        if schemas.iter().any(|s| s == OWN_SCHEMA) {
            return Err(BadSettings::Ours(OWN_SCHEMA.to_owned()));
        }
        let actions = raw.actions.into_iter().map(|(name, action)| custom(name.into(), action, &first));
        Ok(Self {
            database: raw.database,
            actions: actions.collect::<Result<_, _>>()?,
            replicas: raw.replicas.iter().map(|r| place(r)).collect::<Result<_, _>>()?,
            iterations: iterations(raw.scram_iterations.as_ref())?,
            leftovers: raw.leftovers,
            schemas,
        })
    }
}

fn custom(name: String, raw: RawAction, schema: &str) -> Result<(String, CustomAction), BadSettings> {
    if super::KIND.actions.iter().any(|a| a.name == name) {
        return Err(BadSettings::BuiltIn(name));
    }
    for role in &raw.roles {
        quote::ident(role)?;
        if role.starts_with(OWN_PREFIX) {
            return Err(BadSettings::Ours(role.clone()));
        }
    }
    let grants = raw.grants.iter().map(|text| Privilege::parse(text, schema)).collect::<Result<_, _>>()?;
    Ok((name, CustomAction { roles: raw.roles, grants }))
}

fn place(text: &str) -> Result<Place, BadSettings> {
    let wrong = || BadSettings::Replica(text.chars().take(80).collect());
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().ok().filter(|p| *p != 0).ok_or_else(wrong)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || host.len() > 253 || !host.bytes().all(plain) {
        return Err(wrong());
    }
    Ok(Place { host: host.to_owned(), port })
}

fn iterations(value: Option<&serde_json::Value>) -> Result<Iterations, BadSettings> {
    let Some(value) = value else { return Ok(Iterations::Auto) };
    if value.as_str() == Some("auto") {
        return Ok(Iterations::Auto);
    }
    let number = value.as_i64().filter(|n| (1..=MOST_ITERATIONS).contains(n)).ok_or(BadSettings::Iterations)?;
    u32::try_from(number).map(Iterations::Exactly).map_err(|_| BadSettings::Iterations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_said_is_public_and_quarantine() {
        for value in [json!({}), json!(null)] {
            let settings = Settings::parse(&value).expect("settings");
            assert_eq!((settings.schemas, settings.leftovers), (vec!["public".to_owned()], Leftovers::Quarantine));
            assert_eq!(settings.iterations, Iterations::Auto);
        }
    }

    #[test]
    fn the_example_of_the_policy_language_reads() {
        let settings = Settings::parse(&json!({
            "database": "orders", "schemas": ["public"],
            "actions": {
                "audit": {"roles": ["pg_read_all_data"]},
                "tune": {"grants": ["SELECT, UPDATE ON settings", "EXECUTE ON FUNCTION refresh()"], "effects": ["read", "write"]},
            },
            "replicas": ["db-ro.example.com:5432"], "scram_iterations": "auto", "leftovers": "quarantine",
        }))
        .expect("settings");
        assert_eq!(settings.actions["audit"].roles, ["pg_read_all_data"]);
        assert_eq!(settings.actions["tune"].grants.len(), 2);
        assert_eq!(settings.replicas[0].to_string(), "db-ro.example.com:5432");
    }

    #[test]
    fn what_is_refused() {
        for bad in [
            json!({"databse": "x"}),
            json!({"schemas": []}),
            json!({"schemas": ["curfew"]}),
            json!({"schemas": ["x".repeat(64)]}),
            json!({"database": "a\u{0}b"}),
            json!({"replicas": ["nowhere"]}),
            json!({"replicas": ["a b:5432"]}),
            json!({"scram_iterations": 0}),
            json!({"scram_iterations": 20_000_000}),
            json!({"scram_iterations": "4096"}),
            json!({"leftovers": "keep"}),
            json!({"actions": {"read": {"roles": ["x"]}}}),
            json!({"actions": {"x": {"roles": ["cf_quarantine"]}}}),
            json!({"actions": {"x": {"grants": ["SELECT ON a; DROP TABLE b"]}}}),
        ] {
            assert!(Settings::parse(&bad).is_err(), "{bad}");
        }
    }
}
