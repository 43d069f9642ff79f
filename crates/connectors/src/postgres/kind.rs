//! What there is to know about PostgreSQL targets without calling one.

use curfew_domain::connector::{BuiltInAction, ConnectorKind, Effect, Field, Fit, Presence, Privilege, Shape};
use curfew_domain::limits::TARGET_NAME_BYTES;

/// The most iterations a resource may ask its clients for. Each costs the server's CPU at every new role.
pub(crate) const MOST_ITERATIONS: i64 = 100_000;

/// The kind `postgres`.
pub static KIND: ConnectorKind = ConnectorKind {
    name: "postgres",
    summary: "PostgreSQL 14 and later: a role of its own for each lease, a member of group roles that hold the privileges",
    actions: ACTIONS,
    settings: SETTINGS,
    admin: Presence::Required,
    privileges: PRIVILEGES,
    residual_exposure: RESIDUAL_EXPOSURE,
    public_half: PUBLIC_HALF,
    fit: Fit(super::fit::misfits),
};

/// The kind of public half the connector asks for: a SCRAM-SHA-256 verifier (RFC 5803, RFC 7677).
pub(crate) const PUBLIC_HALF: &str = "scram_sha_256";

const ACTIONS: &[BuiltInAction] = &[
    BuiltInAction {
        name: "read",
        meaning: "USAGE on the schemas, SELECT on their tables and views",
        effects: &[Effect::Read],
    },
    BuiltInAction {
        name: "write",
        meaning: "USAGE on the schemas, INSERT, UPDATE and DELETE on their tables, USAGE and SELECT on their sequences",
        effects: &[Effect::Write],
    },
    BuiltInAction { name: "ddl", meaning: "CREATE on the schemas", effects: &[Effect::Define] },
];

const NAME: Shape = Shape::Text(TARGET_NAME_BYTES);

const SETTINGS: &[Field] = &[
    Field {
        name: "database",
        doc: "the database; default: the one in `admin`",
        presence: Presence::Optional,
        shape: NAME,
    },
    Field {
        name: "schemas",
        doc: "what the built-in actions read, write and ddl cover; default: public",
        presence: Presence::Optional,
        shape: Shape::List(&NAME),
    },
    Field {
        name: "actions",
        doc: "further actions, by name; the built-in names keep their meaning",
        presence: Presence::Optional,
        shape: Shape::Map(&Shape::Record(ACTION)),
    },
    Field {
        name: "replicas",
        doc: "standbys, ended and read back too; one that is not declared makes an end unverified",
        presence: Presence::Optional,
        shape: Shape::List(&Shape::HostPort),
    },
    Field {
        name: "scram_iterations",
        doc: "PBKDF2 iterations of the clients' verifiers: auto (1 for libpq clients that Curfew starts, else 4096) or a number",
        presence: Presence::Optional,
        shape: Shape::Either(&[Shape::Integer(1, MOST_ITERATIONS), Shape::Choice(&["auto"])]),
    },
    Field {
        name: "leftovers",
        doc: "what the subject created: quarantine (its owner becomes a powerless role; the default) or drop",
        presence: Presence::Optional,
        shape: Shape::Choice(&["quarantine", "drop"]),
    },
];

const ACTION: &[Field] = &[
    Field {
        name: "roles",
        doc: "membership in roles that exist",
        presence: Presence::Optional,
        shape: Shape::List(&NAME),
    },
    Field {
        name: "grants",
        doc: "privileges, as between GRANT and TO: \"SELECT, UPDATE ON settings\"",
        presence: Presence::Optional,
        shape: Shape::List(&Shape::Text(1_024)),
    },
    Field {
        name: "effects",
        doc: "how guardrails classify it: read, write, define, admin; default: admin",
        presence: Presence::Optional,
        shape: Shape::List(&Shape::Choice(&["read", "write", "define", "admin"])),
    },
];

const PRIVILEGES: &[Privilege] = &[
    Privilege { name: "CREATEROLE", why: "makes and removes the roles of leases, and the group roles" },
    Privilege {
        name: "membership in pg_signal_backend",
        why: "ends the open sessions of a lease; without it access would outlive its end",
    },
    Privilege {
        name: "CREATE on the database",
        why: "keeps a schema `curfew` there with the fencing epoch, and takes over schemas that a subject made",
    },
    Privilege {
        name: "ownership of the schemas and their tables (or membership in the owner, or the privileges WITH GRANT OPTION)",
        why: "grants them to the group roles of the actions",
    },
    Privilege {
        name: "ADMIN OPTION on each role listed under `roles` (PostgreSQL 16 and later)",
        why: "gives leases membership in it",
    },
    Privilege {
        name: "CONNECT on every database of the server",
        why: "clears what a subject left behind in another database; PUBLIC has it by default",
    },
];

const RESIDUAL_EXPOSURE: &[&str] = &[
    "while it lives, a lease may log in to every database of the server that lets PUBLIC connect",
    "a standby that is not declared under `replicas`, or is cut off from its primary, keeps open sessions and old logins until it replays the end",
    "what was done with the rights of an existing role listed under `roles` (grants, and objects made after SET ROLE before PostgreSQL 16) cannot be told from that role's own doing and stays",
    "data that was read is not unread, and rows that were written stay written",
    "if Curfew and the target cannot reach each other, new logins end at VALID UNTIL, but an open session lasts until they meet again",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_actions_are_the_three_of_the_policy_language() {
        let names: Vec<_> = KIND.actions.iter().map(|a| a.name).collect();
        assert_eq!(names, ["read", "write", "ddl"]);
        assert!(KIND.actions.iter().all(|a| !a.effects.is_empty()));
    }
}
