//! `CURFEW_...` variables that mean nothing here: a mistyped one must not look like one that is in force.

use super::layers;
use super::reference::Reference;
use super::{ConfigProblem, problem};
use std::collections::BTreeSet;

/// What the command line reads or sets. It may stand in a server's environment without being meant for it.
const OF_THE_COMMAND_LINE: [&str; 5] =
    ["CURFEW_SERVER", "CURFEW_TOKEN", "CURFEW_ID_TOKEN", "CURFEW_STATE", "CURFEW_GRANT"];
/// Credentials as `curfew env` gives them, and what our own tests read.
const PREFIXES: [&str; 3] = ["CURFEW_SSH_", "CURFEW_TEST_", "CURFEW_CRASH_"];

/// The variables that neither a key nor a reference of this configuration names. `CURFEW_..._URL` may be the way into a
/// resource, also one that policy has only in what it gave before.
pub(super) fn unknown(names: &[String], table: &toml::Table) -> Vec<ConfigProblem> {
    let mut referenced = BTreeSet::new();
    collect(&toml::Value::Table(table.clone()), &mut referenced);
    let is_known = |name: &str| {
        layers::is_variable(name)
            || OF_THE_COMMAND_LINE.contains(&name)
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || (name.ends_with("_URL") && name.len() > "CURFEW_URL".len())
            || referenced.contains(name)
    };
    let ours = names.iter().filter(|name| name.starts_with("CURFEW_") && !is_known(name));
    ours.map(|name| problem(name, "is no key of the configuration, and no reference in it names this variable"))
        .collect()
}

/// Every variable that a reference in the configuration names, wherever it stands: bindings have theirs as keys.
fn collect(value: &toml::Value, into: &mut BTreeSet<String>) {
    let mut take = |text: &str| {
        if let Ok(Reference::Env(name)) = text.parse() {
            into.insert(name);
        }
    };
    match value {
        toml::Value::String(text) => take(text),
        toml::Value::Array(list) => list.iter().for_each(|item| collect(item, into)),
        toml::Value::Table(table) => {
            table.keys().for_each(|key| take(key));
            table.values().for_each(|item| collect(item, into));
        }
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) | toml::Value::Datetime(_) => {}
    }
}
