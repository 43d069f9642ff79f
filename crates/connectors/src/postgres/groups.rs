//! Group roles: what an action means as membership. A temporary role never holds a privilege itself,
//! because the list of who may do what on one table is full at about 2,400 entries.
//!
//! **Invariant:** a group role never logs in and owns nothing, ever. Its name follows from everything it
//! means, so a changed meaning is another group and a live lease keeps what it was given.

use super::grammar::{On, Privilege};
use super::quote::{self, Unquotable};
use super::settings::Settings;
use curfew_domain::limits::TARGET_NAME_BYTES;
use curfew_domain::{ActionName, ResourceName};
use sha2::{Digest, Sha256};

/// A group role, by everything that follows from settings alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its name: `cf_grp_<action>_<resource>_<hash>`, cut to fit.
    pub(crate) name: String,
    /// Its comment.
    pub(crate) marker: String,
    /// The action it stands for.
    pub(crate) action: String,
    /// What it holds.
    pub(crate) privileges: Vec<Privilege>,
    /// Existing roles that a lease joins beside it.
    pub(crate) roles: Vec<String>,
}

/// How the names of group roles begin.
pub(crate) const GROUP_PREFIX: &str = "cf_grp_";
/// How their markers begin. Not `curfew:`, so that none is taken for a lease's.
pub(crate) const GROUP_MARKER: &str = "curfew-group:";
const HASH_HEX: usize = 16;

/// Whether the resource has the action.
///
/// # Errors
/// A sentence that says it has not.
pub(crate) fn check_action(settings: &Settings, action: &ActionName) -> Result<(), String> {
    meaning(settings, action.as_str()).map(drop).ok_or_else(|| format!("a postgres resource has no action `{action}`"))
}

/// The group of an action of a resource; none when there is no such action.
pub(crate) fn group(whose: &Whose<'_>, settings: &Settings, action: &str) -> Result<Option<Group>, Unquotable> {
    let Some((mut privileges, roles)) = meaning(settings, action) else { return Ok(None) };
    privileges.sort();
    let parts = privileges.iter().map(Privilege::sql).collect::<Result<Vec<_>, _>>()?;
    let mut hasher = Sha256::new();
    let fixed = [whose.installation, whose.resource.as_str(), whose.database, action];
    for part in fixed.into_iter().chain(parts.iter().map(String::as_str)).chain(roles.iter().map(String::as_str)) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = &hex::encode(hasher.finalize())[..HASH_HEX];
    let words = format!("{action}_{}", whose.resource).replace('/', "-");
    let room = TARGET_NAME_BYTES - GROUP_PREFIX.len() - 1 - HASH_HEX;
    Ok(Some(Group {
        name: format!("{GROUP_PREFIX}{}_{hash}", &words[..words.len().min(room)]),
        marker: format!("{GROUP_MARKER}{}:{}:{action}", whose.installation, whose.resource),
        action: action.to_owned(),
        privileges,
        roles,
    }))
}

/// Whose groups they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whose<'a> {
    pub(crate) installation: &'a str,
    pub(crate) resource: &'a ResourceName,
    pub(crate) database: &'a str,
}

/// The groups of every action that the settings have, the built-in ones first.
pub(crate) fn all(whose: &Whose<'_>, settings: &Settings) -> Result<Vec<Group>, Unquotable> {
    let built_in = super::KIND.actions.iter().map(|a| a.name);
    let names = built_in.chain(settings.actions.keys().map(String::as_str));
    names.filter_map(|name| group(whose, settings, name).transpose()).collect()
}

/// The name of the powerless role that owns what subjects leave behind.
pub(crate) fn quarantine(installation: &str) -> Result<String, Unquotable> {
    let name = format!("cf_quarantine_{installation}");
    quote::ident(&name)?;
    Ok(name)
}

fn meaning(settings: &Settings, action: &str) -> Option<(Vec<Privilege>, Vec<String>)> {
    if let Some(custom) = settings.actions.get(action) {
        return Some((custom.grants.clone(), custom.roles.clone()));
    }
    let in_each = |make: fn(&str) -> Vec<Privilege>| settings.schemas.iter().flat_map(|s| make(s)).collect();
    let privileges = match action {
        "read" => in_each(|s| vec![on_schema("USAGE", s), on_tables(&["SELECT"], s)]),
        "write" => in_each(|s| {
            let sequences = Privilege::new(&["USAGE", "SELECT"], On::Sequences(s.to_owned()));
            vec![on_schema("USAGE", s), on_tables(&["INSERT", "UPDATE", "DELETE"], s), sequences]
        }),
        "ddl" => in_each(|s| vec![on_schema("CREATE", s)]),
        _ => return None,
    };
    Some((privileges, Vec::new()))
}

fn on_schema(word: &'static str, schema: &str) -> Privilege {
    Privilege::new(&[word], On::Schema(schema.to_owned()))
}

fn on_tables(words: &[&'static str], schema: &str) -> Privilege {
    Privilege::new(words, On::Tables(schema.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(resource: &str, settings: serde_json::Value, action: &str) -> Group {
        let resource = ResourceName::new(resource).expect("name");
        let whose = Whose { installation: "0123456789abcdef", resource: &resource, database: "d" };
        group(&whose, &Settings::parse(&settings).expect("settings"), action).expect("quotable").expect("an action")
    }

    #[test]
    fn names_fit_and_differ_by_meaning() {
        let read = of("services/db", json!({}), "read");
        assert!(read.name.starts_with("cf_grp_read_services-db_"), "{}", read.name);
        let others = [
            of("services/db", json!({}), "write"),
            of("services/db2", json!({}), "read"),
            of("services/db", json!({"schemas": ["app"]}), "read"),
            of(&format!("services/{}", "x".repeat(200)), json!({}), "read"),
        ];
        for other in &others {
            assert_ne!(other.name, read.name);
            assert!(other.name.len() <= 63, "{}", other.name);
        }
        assert_eq!(of("services/db", json!({}), "read"), read);
    }

    #[test]
    fn an_action_that_is_not_there_has_no_group() {
        let settings = Settings::parse(&json!({})).expect("settings");
        let drop = ActionName::new("drop").expect("name");
        assert!(check_action(&settings, &drop).is_err());
    }
}
