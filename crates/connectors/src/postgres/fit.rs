//! What is said of settings when the policy is checked: each place that [`Settings::parse`] would refuse when
//! somebody activates, by the same reading, and actions that would give nothing.

use super::grammar::Privilege;
use super::settings::{self, OWN_PREFIX, OWN_SCHEMA, Settings};
use curfew_domain::connector::Misfit;
use serde_json::Value;

/// Every place of the settings that cannot be used.
pub(super) fn misfits(value: &Value) -> Vec<Misfit> {
    let mut out = Vec::new();
    if let Some(name) = value["database"].as_str() {
        out.extend(name_misfit(&["database"], name, "orders"));
    }
    let schemas: Vec<&str> = texts(&value["schemas"]).collect();
    for (at, name) in schemas.iter().enumerate() {
        let path = ["schemas", &at.to_string()];
        out.extend(name_misfit(&path, name, "public"));
        if *name == OWN_SCHEMA {
            let message = format!("the schema `{OWN_SCHEMA}` is Curfew's own: who writes there could undo an end");
            out.push(Misfit::at(
                &path,
                message,
                "leave it out, and list those of your application: `schemas: [public]`",
            ));
        }
    }
    let schema = schemas.first().copied().unwrap_or(settings::DEFAULT_SCHEMA);
    for (name, action) in value["actions"].as_object().into_iter().flatten() {
        of_action(name, action, schema, &mut out);
    }
    if out.is_empty() {
        let left = Settings::parse(value).err();
        out.extend(left.map(|why| {
            Misfit::at::<&str>(&[], why.to_string(), "`curfew connectors show postgres` says what can stand here")
        }));
    }
    out
}

fn of_action(name: &str, action: &Value, schema: &str, out: &mut Vec<Misfit>) {
    if action["roles"].is_null() && action["grants"].is_null() {
        let message = format!("the action `{name}` gives nothing: it has neither `roles` nor `grants`");
        let hint = format!(
            "write what it gives: `{name}: {{grants: [\"SELECT ON orders\"]}}`, or `{name}: {{roles: [pg_read_all_data]}}`"
        );
        out.push(Misfit::at(&["actions", name], message, hint));
    }
    for (at, role) in texts(&action["roles"]).enumerate() {
        let path = ["actions", name, "roles", &at.to_string()];
        out.extend(name_misfit(&path, role, "pg_read_all_data"));
        if role.starts_with(OWN_PREFIX) {
            let message = format!("`{role}` is a name of Curfew's own: it could be somebody's lease");
            out.push(Misfit::at(&path, message, "name a role that your administrators made: `reporting`"));
        }
    }
    for (at, text) in texts(&action["grants"]).enumerate() {
        let refused = Privilege::parse(text, schema).err();
        let path = ["actions", name, "grants", &at.to_string()];
        out.extend(refused.map(|why| Misfit::at(&path, why.message(), why.hint())));
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn name_misfit(path: &[&str], name: &str, example: &str) -> Option<Misfit> {
    let why = super::quote::ident(name).err()?;
    Some(Misfit::at(path, why.to_string(), format!("write a name as it stands in the database: `{example}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Path, a word of the message, a word of the hint.
    fn found(value: &Value) -> Vec<(String, String, String)> {
        misfits(value).into_iter().map(|m| (m.path.join("/"), m.message, m.hint)).collect()
    }

    #[test]
    fn an_action_that_gives_nothing_is_no_action() {
        for action in [json!({}), json!({"effects": ["read"]})] {
            let all = found(&json!({"actions": {"audit": action}}));
            let [(path, message, hint)] = all.as_slice() else { panic!("{all:?}") };
            assert_eq!(path, "actions/audit");
            assert!(message.contains("gives nothing") && hint.contains("grants"), "{message} {hint}");
        }
        assert_eq!(found(&json!({"actions": {"audit": {"roles": ["pg_read_all_data"]}}})), []);
    }

    #[test]
    fn what_is_no_grant_is_found_where_it_stands_with_what_to_write() {
        for (grant, hint) in [
            ("DROP", "`SELECT"),
            ("DROP ON orders", "SELECT, INSERT, UPDATE, DELETE ON orders"),
            ("SELECT", "SELECT ON orders"),
            ("SELECT ON", "SELECT ON orders"),
            ("ALL ON orders", "SELECT, INSERT, UPDATE, DELETE ON orders"),
            ("ALL PRIVILEGES ON orders", "SELECT, INSERT, UPDATE, DELETE ON orders"),
            ("GRANT SELECT ON orders TO dev", "`SELECT ON orders`"),
            ("SELECT ON orders TO dev", "`SELECT ON orders`"),
            ("SELECT ON orders WITH GRANT OPTION", "`SELECT ON orders`"),
            ("SELECT ON orders, items", "`[\"SELECT ON orders\", \"SELECT ON items\"]`"),
            ("SELECT ON curfew.fence", "SELECT ON orders"),
            ("EXECUTE ON orders", "EXECUTE ON FUNCTION orders()"),
            ("SELECT ON orders; DROP TABLE items", "SELECT ON orders"),
        ] {
            let all = found(&json!({"actions": {"tune": {"grants": ["SELECT ON settings", grant]}}}));
            let [(path, message, told)] = all.as_slice() else { panic!("{grant}: {all:?}") };
            assert_eq!(path, "actions/tune/grants/1", "{grant}");
            assert!(told.contains(hint), "{grant}: {message}: {told}");
        }
    }

    #[test]
    fn names_that_are_curfews_own_or_no_names_are_found_where_they_stand() {
        let all = found(&json!({
            "database": "x".repeat(64), "schemas": ["public", "curfew"],
            "actions": {"a": {"roles": ["reporting", "cf_lse_1"]}},
        }));
        let paths: Vec<&str> = all.iter().map(|(path, _, _)| path.as_str()).collect();
        assert_eq!(paths, ["database", "schemas/1", "actions/a/roles/1"]);
    }

    /// What the check accepts is what the connector accepts, whatever the place.
    #[test]
    fn what_fits_can_be_read() {
        for value in [
            json!({}),
            json!({"replicas": ["nowhere"]}),
            json!({"scram_iterations": "4096"}),
            json!({"actions": {"read": {"roles": ["x"]}}}),
            json!({"actions": {"x": {"grants": ["SELECT ON a; DROP TABLE b"]}}}),
            json!({"actions": {"x": {"grants": ["SELECT ON a"]}}}),
            json!({"schemas": null, "actions": 7}),
        ] {
            assert!(!misfits(&value).is_empty() || Settings::parse(&value).is_ok(), "{value}");
        }
    }
}
