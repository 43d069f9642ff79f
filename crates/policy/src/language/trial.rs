//! Tests.

use super::*;

/// An entry of `tests`.
pub(crate) static TEST: Record = Record {
    what: "a test",
    keys: &[
        required("name", Shape::Text, "What it shows."),
        required("as", Shape::Record(&TEST_AS), "Who asks."),
        optional("at", Shape::Word(Word::Time), "When; never now. Without it a fixed noon in 2024."),
        required("request", Shape::Record(&TEST_REQUEST), "What is asked for."),
        optional("facts", Shape::Record(&TEST_FACTS), "What is known; a fact that is not named is unknown."),
        required("expect", Shape::Compound(Compound::Expect), "The outcome, or a mapping that says more."),
        optional(
            "approvers",
            Shape::List(Emptiness::Allowed, &Shape::Principal),
            "Exactly those who could decide the first stage now.",
        ),
    ],
};

/// `as` of a test.
pub(crate) static TEST_AS: Record = Record {
    what: "`as`",
    keys: &[
        optional("user", Shape::Word(Word::Email), "A person."),
        optional(
            "groups",
            Shape::List(Emptiness::Allowed, &Shape::Name("group name")),
            "The identity provider's groups they are in.",
        ),
        optional("workload", Shape::Choice(PROVIDERS), "In place of a person: a workload of this kind."),
        optional("claims", Shape::Map(&Shape::Text, &Shape::Scalar), "What its token says."),
    ],
};

/// The words for [`crate::Provider`].
pub(crate) const PROVIDERS: &[&str] = &["github", "gitlab", "kubernetes", "buildkite", "circleci", "oidc"];

/// `request` of a test.
pub(crate) static TEST_REQUEST: Record = Record {
    what: "`request`",
    keys: &[
        required("role", Shape::Name("role name"), "The role."),
        optional(
            "resources",
            Shape::List(Emptiness::Refused, &Shape::ResourceName),
            "Only these resources of it; all when absent.",
        ),
        optional(
            "actions",
            Shape::List(Emptiness::Refused, &Shape::Name("action")),
            "Only these actions of it; all when absent.",
        ),
        optional(
            "scope",
            Shape::List(Emptiness::Refused, &Shape::Record(&TEST_PAIRS)),
            "Exactly these pairs, in place of `resources` and `actions`.",
        ),
        optional("duration", Shape::Duration, "For how long; the role's default when absent."),
        optional("reason", Shape::Text, "Why."),
        optional("ticket", Shape::Text, "The ticket."),
        optional("inputs", Shape::Map(&Shape::Name("name of an input"), &Shape::Scalar), "What else is said."),
    ],
};

/// An entry of a test's `scope`.
pub(crate) static TEST_PAIRS: Record = Record {
    what: "an entry of `scope`",
    keys: &[
        required("resource", Shape::ResourceName, "The resource."),
        required("actions", Shape::List(Emptiness::Refused, &Shape::Name("action")), "What on it."),
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
        ),
        optional("oncall", Shape::Boolean, "Whether they are on call for the `oncall:` names of the role."),
        optional("source_ip", Shape::Word(Word::Address), "Where the request comes from."),
        optional("ticket_state", Shape::Choice(TICKET_STATES), "What the ticket system says."),
        optional("risk_score", Shape::Integer(0, 100), "How risky the sign-in looks."),
    ],
};

/// `facts.mfa` with an age.
pub(crate) static MFA_FACT: Record =
    Record { what: "`mfa`", keys: &[required("age", Shape::Duration, "How long ago the second factor was.")] };

/// The words for [`crate::TicketState`].
pub(crate) const TICKET_STATES: &[&str] = &["open", "closed", "missing"];

/// The words for an outcome.
pub(crate) const OUTCOMES: &[&str] = &["automatic", "needs_approval", "denied"];

/// The long form of `expect`.
pub(crate) static EXPECT: Record = Record {
    what: "`expect`",
    keys: &[
        required("outcome", Shape::Choice(OUTCOMES), "The answer."),
        optional("stages", Shape::List(Emptiness::Allowed, &Shape::Name("name of a stage")), "Exactly these stages."),
        optional("max", Shape::Duration, "Exactly how long it would last if it were activated then."),
        optional("unsatisfied", Shape::List(Emptiness::Allowed, &Shape::Choice(CODES)), "Exactly these codes."),
        optional("failed", Shape::List(Emptiness::Allowed, &Shape::Choice(CODES)), "Exactly these codes."),
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
