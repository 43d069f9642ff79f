//! What stands at the top of a file, and resources.

use super::*;

/// A policy file.
pub(crate) static DOCUMENT: Record = Record {
    what: "a policy file",
    keys: &[
        optional("version", Shape::Integer(1, 1), "The version of the language.").absent("1").such_as("1"),
        optional(
            "groups",
            Shape::Map(&Shape::Name("group name"), &Shape::List(Emptiness::Allowed, &Shape::Member)),
            "Static groups: a name, and the persons and groups in it.",
        ).such_as("{dba: [ann@example.com, bob@example.com]}"),
        optional(
            "idp_groups",
            Shape::List(Emptiness::Allowed, &Shape::Name("group name")),
            "Groups the identity provider is expected to have, declared so that a typo is found.",
        ).such_as("[sre, contractors]"),
        optional(
            "policy_approvers",
            Shape::List(Emptiness::Allowed, &Shape::Record(&POLICY_APPROVERS)),
            "Who must have signed a change of these files.",
        ).such_as("[{paths: [\"prod/**\"], any_of: [ann@example.com], require: 1}]"),
        optional(
            "people",
            Shape::List(Emptiness::Allowed, &Shape::Record(&ACCOUNTS)),
            "Whose an account in a code host is, by number: for `actor`, and so that nobody approves their own run.",
        ).such_as("[{email: eve@example.com, github: \"583231\"}]"),
        optional(
            "administrators",
            PERHAPS_PRINCIPALS,
            "May revoke anything and apply policy; never approve by that alone.",
        ).such_as("[ann@example.com]"),
        optional("auditors", PERHAPS_PRINCIPALS, "May read everything.").such_as("[sam@example.com]"),
        optional(
            "resources",
            Shape::List(Emptiness::Allowed, &Shape::Record(&RESOURCE)),
            "What the names in `conditions` are. No secret is ever written here.",
        ).such_as("[{name: services/db, connector: postgres}]"),
        optional("defaults", Shape::Record(&DEFAULTS), "What every role has unless it says otherwise; one in a set.").such_as("{constraints: {justification: {min_length: 10}}}"),
        optional(
            "approvals",
            Shape::List(Emptiness::Allowed, &Shape::Record(&CHAIN)),
            "Named chains of approval stages, used as `approval: NAME`.",
        ).such_as("[{name: prod-change, stages: [{any_of: [ann@example.com]}]}]"),
        optional(
            "roles",
            Shape::List(Emptiness::Allowed, &Shape::Record(&ROLE)),
            "Who may ask for what, for how long, and who says yes.",
        ).such_as("[{name: db-debug, duration: 2h, conditions: [{resource: services/db, actions: [read]}], approvers: [ann@example.com]}]"),
        optional(
            "bundles",
            Shape::List(Emptiness::Allowed, &Shape::Record(&BUNDLE)),
            "Several roles under one ask, each decided by its own rules.",
        ).such_as("[{name: incident-kit, roles: [db-debug, host-shell]}]"),
        TESTS,
    ],
};

pub(super) static A_TEST: Shape = Shape::Record(&TEST);
pub(super) static A_NOTICE: Shape = Shape::Record(&NOTIFY);
pub(super) static A_STAGE: Shape = Shape::Record(&STAGE);
pub(super) static A_CONDITION: Shape = Shape::Record(&CONDITION);

pub(super) const TESTS: Key = optional(
    "tests",
    Shape::List(Emptiness::Allowed, &A_TEST),
    "Requests, and what the policy is expected to say to them.",
).such_as("[{name: sre may ask, as: {user: dev@example.com, groups: [sre]}, request: {role: db-debug}, expect: needs_approval}]");

/// A `*.test.yaml` file.
pub(crate) static TEST_DOCUMENT: Record = Record { what: "a file of tests", keys: &[TESTS] };

/// An `environments/NAME.yaml` file.
pub(crate) static OVERLAY_DOCUMENT: Record = Record {
    what: "an environment",
    keys: &[
        optional(
            "resources",
            Shape::List(Emptiness::Allowed, &Shape::Record(&OVERLAY_RESOURCE)),
            "Resources of this environment, and what it fills in of those there are.",
        )
        .such_as("[{name: services/db, risk: high}]"),
        optional(
            "roles",
            Shape::List(Emptiness::Allowed, &Shape::Record(&OVERLAY_ROLE)),
            "Roles named again, with only the fields that are narrower here.",
        )
        .such_as("[{name: db-debug, duration: 30m}]"),
    ],
};

/// An entry of `policy_approvers`.
pub(crate) static POLICY_APPROVERS: Record = Record {
    what: "an entry of `policy_approvers`",
    keys: &[
        required(
            "paths",
            Shape::List(Emptiness::Refused, &Shape::Word(Word::PathGlob)),
            "Globs over paths in the policy folder.",
        )
        .such_as("[\"prod/**\"]"),
        required("any_of", PRINCIPALS, "Who counts.").such_as("[group:security]"),
        optional("require", PERSONS, "How many distinct persons.").absent("1").such_as("2"),
    ],
};

/// An entry of `people`.
pub(crate) static ACCOUNTS: Record = Record {
    what: "an entry of `people`",
    keys: &[
        required("email", Shape::Word(Word::Email), "The person.").such_as("eve@example.com"),
        optional("github", Shape::Word(Word::AccountNumber), "The number of their GitHub account, quoted.")
            .such_as("\"583231\""),
        optional("gitlab", Shape::Word(Word::AccountNumber), "The number of their GitLab account, quoted.")
            .such_as("\"42\""),
    ],
};

pub(super) const RESOURCE_NAME: Key = required(
    "name",
    Shape::ResourceName,
    "What roles call it: segments joined by `/`, unique in the set without regard to case.",
)
.such_as("services/db");
pub(super) const CONNECTOR: &str = "The kind of target.";
pub(super) const LABELS: Key = optional(
    "labels",
    Shape::Map(&Shape::Text, &Shape::Text),
    "Keys and values of your own, for selectors (`resource: {labels: ...}`) and expressions (`resource.labels.env`).",
)
.such_as("{env: prod, tier: \"1\"}");
pub(super) const RISK: Key = optional("risk", Shape::Choice(RISKS), "What is at stake. Above `low`, nobody can have it without being named or approved; from `high`, automatic approval is warned about.").absent("medium").such_as("high");
pub(super) const ADMIN: Key = optional(
    "admin",
    Shape::Reference,
    "Where the server finds the way in for its own account: `env:NAME`, `file:/PATH` or `openbao:PATH#KEY`; never the secret itself. When absent, `env:CURFEW_<NAME>_URL` with the resource's own name in capitals.",
).such_as("env:CURFEW_SERVICES_DB_URL");
pub(super) const SETTINGS: Key = optional(
    "settings",
    Shape::Settings,
    "What the connector needs to know; `curfew connectors show NAME` lists the keys.",
)
.such_as("{schemas: [public]}");
pub(super) const DEFINED_BY: Key = optional(
    "defined_by",
    Shape::List(Emptiness::Refused, &Shape::Word(Word::PathGlob)),
    "Only files that one of these globs matches may hold roles over it.",
)
.such_as("[\"teams/orders/**\"]");

/// An entry of `resources`.
pub(crate) static RESOURCE: Record = Record {
    what: "a resource",
    keys: &[
        RESOURCE_NAME,
        required("connector", Shape::Connector, CONNECTOR).such_as("postgres"),
        LABELS,
        RISK,
        ADMIN,
        SETTINGS,
        DEFINED_BY,
    ],
};

/// An entry of `resources` in an environment: one there is, filled in, or one of its own.
pub(crate) static OVERLAY_RESOURCE: Record = Record {
    what: "a resource",
    keys: &[
        RESOURCE_NAME,
        optional("connector", Shape::Connector, CONNECTOR).such_as("postgres"),
        LABELS,
        RISK,
        ADMIN,
        SETTINGS,
        DEFINED_BY,
    ],
};

/// The words for [`crate::Risk`], from least to most.
pub(crate) const RISKS: &[&str] = &["low", "medium", "high", "critical"];
