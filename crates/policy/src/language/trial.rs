//! Tests.

use super::*;

/// An entry of `tests`.
pub(crate) static TEST: Record = Record {
    what: "a test",
    keys: &[
        required("name", Shape::Text, "What it shows.").such_as("a developer needs the team lead"),
        required("as", Shape::Record(&TEST_AS), "Who asks.").such_as("{user: dev@example.com, groups: [sre]}"),
        optional("at", Shape::Word(Word::Time), "When it is asked; never now.")
            .absent("2024-01-01T12:00:00Z")
            .such_as("2026-03-02T10:00:00+01:00"),
        required("request", Shape::Record(&TEST_REQUEST), "What is asked for.")
            .such_as("{role: db-debug, actions: [read], reason: \"orders stuck since 9:40\"}"),
        optional("facts", Shape::Record(&TEST_FACTS), "What is known; a fact that is not named is unknown.")
            .such_as("{mfa: true, oncall: false, source_ip: 10.1.2.3}"),
        required("expect", Shape::Compound(Compound::Expect), "The outcome, or a mapping that says more.")
            .such_as("needs_approval"),
        optional(
            "approvers",
            Shape::List(Emptiness::Allowed, &Shape::Principal),
            "Exactly those who could decide the first stage now.",
        )
        .such_as("[ann@example.com]"),
    ],
};

/// `as` of a test.
pub(crate) static TEST_AS: Record = Record {
    what: "`as`",
    keys: &[
        optional("user", Shape::Word(Word::Email), "A person.").such_as("dev@example.com"),
        optional(
            "groups",
            Shape::List(Emptiness::Allowed, &Shape::Name("group name")),
            "The identity provider's groups they are in.",
        )
        .such_as("[sre]"),
        optional("workload", Shape::Choice(PROVIDERS), "In place of a person: a workload of this kind.")
            .such_as("github"),
        optional("claims", Shape::Map(&Shape::Text, &Shape::Scalar), "What its token says.")
            .such_as("{repository_id: \"123456\", ref: refs/heads/main}"),
    ],
};

/// The words for [`crate::Provider`].
pub(crate) const PROVIDERS: &[&str] = &["github", "gitlab", "kubernetes", "buildkite", "circleci", "oidc"];

/// `request` of a test.
pub(crate) static TEST_REQUEST: Record = Record {
    what: "`request`",
    keys: &[
        required("role", Shape::Name("role name"), "The role that is asked for.").such_as("db-debug"),
        optional(
            "resources",
            Shape::List(Emptiness::Refused, &Shape::ResourceName),
            "Only these resources of it; all when absent.",
        )
        .such_as("[services/db]"),
        optional(
            "actions",
            Shape::List(Emptiness::Refused, &Shape::Name("action")),
            "Only these actions of it; all when absent.",
        )
        .such_as("[read]"),
        optional(
            "scope",
            Shape::List(Emptiness::Refused, &Shape::Record(&TEST_PAIRS)),
            "Exactly these pairs, in place of `resources` and `actions`.",
        )
        .such_as("[{resource: services/db, actions: [read]}]"),
        optional("duration", Shape::Duration, "For how long; the role's default when absent.").such_as("30m"),
        optional("reason", Shape::Text, "The reason that is given.").such_as("\"orders stuck since 9:40\""),
        optional("ticket", Shape::Text, "The ticket that is given.").such_as("INC-7"),
        optional("inputs", Shape::Map(&Shape::Name("name of an input"), &Shape::Scalar), "The inputs that are given.")
            .such_as("{table: orders}"),
    ],
};

/// An entry of a test's `scope`.
pub(crate) static TEST_PAIRS: Record = Record {
    what: "an entry of `scope`",
    keys: &[
        required("resource", Shape::ResourceName, "The resource.").such_as("services/db"),
        required("actions", Shape::List(Emptiness::Refused, &Shape::Name("action")), "What on it.").such_as("[read]"),
    ],
};

/// `facts` of a test.
pub(crate) static TEST_FACTS: Record = Record {
    what: "`facts`",
    keys: &[
        optional(
            "mfa",
            Shape::Compound(Compound::MfaFact),
            "Whether the sign-in had a second factor: `true` is just now, or `{age: 20m}`.",
        )
        .such_as("true"),
        optional("oncall", Shape::Boolean, "Whether they are on call for the `oncall:` names of the role.")
            .such_as("true"),
        optional("source_ip", Shape::Word(Word::Address), "Where the request comes from.").such_as("10.1.2.3"),
        optional("ticket_state", Shape::Choice(TICKET_STATES), "What the ticket system says of the ticket.")
            .such_as("open"),
        optional("risk_score", Shape::Integer(0, 100), "How risky the sign-in looks.").such_as("20"),
    ],
};

/// `facts.mfa` with an age.
pub(crate) static MFA_FACT: Record = Record {
    what: "`mfa`",
    keys: &[required("age", Shape::Duration, "How long ago the second factor was.").such_as("20m")],
};

/// The words for [`crate::TicketState`].
pub(crate) const TICKET_STATES: &[&str] = &["open", "closed", "missing"];

/// The words for an outcome.
pub(crate) const OUTCOMES: &[&str] = &["automatic", "needs_approval", "denied"];

/// The long form of `expect`.
pub(crate) static EXPECT: Record = Record {
    what: "`expect`",
    keys: &[
        required("outcome", Shape::Choice(OUTCOMES), "The answer.").such_as("denied"),
        optional("stages", Shape::List(Emptiness::Allowed, &Shape::Name("name of a stage")), "Exactly these stages.")
            .such_as("[peer, security]"),
        optional("max", Shape::Duration, "Exactly how long it would last if it were activated then.").such_as("30m"),
        optional(
            "unsatisfied",
            Shape::List(Emptiness::Allowed, &Shape::Choice(CODES)),
            "Exactly these codes of what does not hold.",
        )
        .such_as("[ticket]"),
        optional(
            "failed",
            Shape::List(Emptiness::Allowed, &Shape::Choice(CODES)),
            "Exactly these codes of what could not be evaluated.",
        )
        .such_as("[when]"),
    ],
};

/// The words for [`curfew_domain::ReasonCode`], in its order.
pub(crate) const CODES: &[&str] = &[
    "deny",
    "eligibility",
    "scope",
    "duration",
    "justification",
    "ticket",
    "window",
    "source_ip",
    "mfa",
    "concurrency",
    "inputs",
    "when",
    "guardrail",
    "approvable",
];
