//! What stands at the top of a file, and resources.

use super::*;

/// A policy file.
pub(crate) static DOCUMENT: Record = Record {
    what: "a policy file",
    keys: &[
        optional("version", Shape::Integer(1, 1), "The version of the language; absent means 1."),
        optional(
            "groups",
            Shape::Map(&Shape::Name("group name"), &Shape::List(Emptiness::Allowed, &Shape::Member)),
            "Static groups: a name, and the persons and groups in it.",
        ),
        optional(
            "idp_groups",
            Shape::List(Emptiness::Allowed, &Shape::Name("group name")),
            "Groups the identity provider is expected to have, declared so that a typo is found.",
        ),
        optional(
            "policy_approvers",
            Shape::List(Emptiness::Allowed, &Shape::Record(&POLICY_APPROVERS)),
            "Who must have signed a change of these files.",
        ),
        optional(
            "people",
            Shape::List(Emptiness::Allowed, &Shape::Record(&ACCOUNTS)),
            "Whose an account in a code host is, by number: for `actor`, and so that nobody approves their own run.",
        ),
        optional(
            "administrators",
            PERHAPS_PRINCIPALS,
            "May revoke anything and apply policy; never approve by that alone.",
        ),
        optional("auditors", PERHAPS_PRINCIPALS, "May read everything."),
        optional(
            "resources",
            Shape::List(Emptiness::Allowed, &Shape::Record(&RESOURCE)),
            "What the names in `conditions` are. No secret is ever written here.",
        ),
        optional("defaults", Shape::Record(&DEFAULTS), "What every role has unless it says otherwise; one in a set."),
        optional(
            "approvals",
            Shape::List(Emptiness::Allowed, &Shape::Record(&CHAIN)),
            "Named chains of approval stages, used as `approval: NAME`.",
        ),
        optional(
            "roles",
            Shape::List(Emptiness::Allowed, &Shape::Record(&ROLE)),
            "Who may ask for what, for how long, and who says yes.",
        ),
        optional(
            "bundles",
            Shape::List(Emptiness::Allowed, &Shape::Record(&BUNDLE)),
            "Several roles under one ask, each decided by its own rules.",
        ),
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
);

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
        ),
        optional(
            "roles",
            Shape::List(Emptiness::Allowed, &Shape::Record(&OVERLAY_ROLE)),
            "Roles named again, with only the fields that are narrower here.",
        ),
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
        ),
        required("any_of", PRINCIPALS, "Who counts."),
        optional("require", PERSONS, "How many distinct persons; 1 when absent."),
    ],
};

/// An entry of `people`.
pub(crate) static ACCOUNTS: Record = Record {
    what: "an entry of `people`",
    keys: &[
        required("email", Shape::Word(Word::Email), "The person."),
        optional("github", Shape::Word(Word::AccountNumber), "The number of their GitHub account, quoted."),
        optional("gitlab", Shape::Word(Word::AccountNumber), "The number of their GitLab account, quoted."),
    ],
};

pub(super) const RESOURCE_NAME: Key =
    required("name", Shape::ResourceName, "What roles call it: segments joined by `/`.");
pub(super) const CONNECTOR: &str = "The kind of target.";
pub(super) const LABELS: Key =
    optional("labels", Shape::Map(&Shape::Text, &Shape::Text), "Keys and values of your own.");
pub(super) const RISK: Key = optional("risk", Shape::Choice(RISKS), "What is at stake; `medium` when absent.");
pub(super) const ADMIN: Key = optional(
    "admin",
    Shape::Reference,
    "Where the server finds the way in for its own account: `env:NAME`, `file:PATH` or `openbao:PATH#KEY`. The default is `env:CURFEW_<NAME>_URL`.",
);
pub(super) const SETTINGS: Key =
    optional("settings", Shape::Settings, "What the connector needs to know; typed by the connector.");
pub(super) const DEFINED_BY: Key = optional(
    "defined_by",
    Shape::List(Emptiness::Refused, &Shape::Word(Word::PathGlob)),
    "Only files that one of these globs matches may hold roles over it.",
);

/// An entry of `resources`.
pub(crate) static RESOURCE: Record = Record {
    what: "a resource",
    keys: &[
        RESOURCE_NAME,
        required("connector", Shape::Connector, CONNECTOR),
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
        optional("connector", Shape::Connector, CONNECTOR),
        LABELS,
        RISK,
        ADMIN,
        SETTINGS,
        DEFINED_BY,
    ],
};

/// The words for [`crate::Risk`], from least to most.
pub(crate) const RISKS: &[&str] = &["low", "medium", "high", "critical"];
