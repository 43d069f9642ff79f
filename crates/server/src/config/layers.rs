//! The layers of a configuration, laid over each other: the file, then `CURFEW_...`, then the command line.

use super::{ConfigProblem, problem};

/// What a key's variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Switch,
    /// A TOML value written in one line.
    Value,
}

/// Every key, as a path. `policy.path` is `CURFEW_POLICY_PATH`.
const KEYS: &[(&str, Holds)] = &[
    ("listen", Holds::Text),
    ("public_url", Holds::Text),
    ("ledger", Holds::Text),
    ("environment", Holds::Text),
    ("development_sign_in", Holds::Switch),
    ("policy.path", Holds::Text),
    ("policy.git", Holds::Text),
    ("policy.branch", Holds::Text),
    ("policy.password", Holds::Text),
    ("policy.allowed_signers", Holds::Text),
    ("policy.max_age", Holds::Text),
    ("policy.deployers", Holds::Value),
    ("issuers", Holds::Value),
    ("pipelines.heartbeat_window", Holds::Text),
    ("hooks", Holds::Value),
    ("secrets", Holds::Value),
    ("tls.cert", Holds::Text),
    ("tls.key", Holds::Text),
    ("seal.key", Holds::Text),
    ("mail.smtp", Holds::Text),
    ("mail.password", Holds::Text),
    ("mail.from", Holds::Text),
    ("webhooks", Holds::Value),
    ("audit.witness", Holds::Text),
    ("log.format", Holds::Text),
    ("log.level", Holds::Text),
];

/// The variable of a key: `policy.path` is `CURFEW_POLICY_PATH`.
pub(super) fn variable(key: &str) -> String {
    format!("CURFEW_{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Whether a variable is that of a key.
pub(super) fn is_variable(name: &str) -> bool {
    KEYS.iter().any(|(key, _)| variable(key) == name)
}

/// Lays the environment over a table.
pub(super) fn environment(
    table: &mut toml::Table,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(), ConfigProblem> {
    for (key, holds) in KEYS {
        let variable = variable(key);
        let Some(text) = lookup(&variable).filter(|text| !text.is_empty()) else { continue };
        let value = match holds {
            Holds::Text => toml::Value::String(text),
            Holds::Switch => match text.as_str() {
                "true" => toml::Value::Boolean(true),
                "false" => toml::Value::Boolean(false),
                _ => return Err(problem(&variable, "is neither `true` nor `false`")),
            },
            Holds::Value => inline(&text).ok_or_else(|| problem(&variable, "is no TOML value"))?,
        };
        set(table, key, value).map_err(|()| problem(key, "is no table in the file"))?;
    }
    Ok(())
}

/// Lays what the command line says over a table.
pub(super) fn overrides(table: &mut toml::Table, said: &[(&'static str, String)]) -> Result<(), ConfigProblem> {
    for (key, text) in said {
        set(table, key, toml::Value::String(text.clone())).map_err(|()| problem(key, "is no table in the file"))?;
    }
    Ok(())
}

fn inline(text: &str) -> Option<toml::Value> {
    let mut table: toml::Table = format!("value = {text}").parse().ok()?;
    if table.len() == 1 { table.remove("value") } else { None }
}

fn set(table: &mut toml::Table, key: &str, value: toml::Value) -> Result<(), ()> {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
            Ok(())
        }
        Some((head, rest)) => {
            let inner = table.entry(head).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            set(inner.as_table_mut().ok_or(())?, rest, value)
        }
    }
}
