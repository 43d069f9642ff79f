//! Roles, what they give, and who says yes.

use super::*;

pub(super) const ROLE_NAME: Key =
    required("name", Shape::Name("role name"), "What people ask for; unique in the set without regard to case.")
        .such_as("db-debug");
pub(super) const DESCRIPTION: Key =
    optional("description", Shape::Text, "What it is for.").such_as("Look at production orders while debugging");
pub(super) const OWNER: Key = optional("owner", Shape::Member, "Who answers for the role.").such_as("group:dba");
pub(super) const REQUESTERS: Key = optional(
    "requesters",
    Shape::Compound(Compound::Requesters),
    "Who may ask. When absent any signed-in person may, but only where people approve; `anyone` says so aloud.",
)
.such_as("[group:sre, eve@example.com]");
pub(super) const TRIGGERS: Key = optional(
    "triggers",
    Shape::List(Emptiness::Refused, &Shape::Compound(Compound::Trigger)),
    "Pipelines whose runs are given the role, and end it.",
)
.such_as("[{github: {repository_id: \"123456\", ref: refs/heads/main}, grant_to: [pipeline], until: pipeline-end}]");
pub(super) const DENY: Key =
    optional("deny", PERHAPS_PRINCIPALS, "Who may neither ask nor approve; wins over everything.")
        .such_as("[group:contractors]");
pub(super) const DURATION_DOC: &str = "How long access lasts: default and maximum in one, or a mapping.";
pub(super) const CONDITIONS_DOC: &str = "The scope: the resource-action pairs the role can give.";
pub(super) const SCOPE: Shape = Shape::List(Emptiness::Refused, &A_CONDITION);
pub(super) const APPROVERS: Key = optional(
    "approvers",
    PRINCIPALS,
    "One stage named `approval`, any one of whom approves. The requester never counts.",
)
.such_as("[ann@example.com, group:dba]");
pub(super) const APPROVAL_KEY: Key = optional(
    "approval",
    Shape::Compound(Compound::Approval),
    "Who says yes, when `approvers` is not enough: a mapping with `stages`, the name of a chain of `approvals`, or `automatic`, so that nobody has to.",
).such_as("{stages: [{name: peer, any_of: [ann@example.com]}]}");
pub(super) const AUTO_APPROVE_WHEN: Key = optional(
    "auto_approve_when",
    Shape::Word(Word::Expression),
    "A Cedar expression; where it is true of everything asked for, nobody has to say yes.",
)
.such_as("context.oncall && context.duration <= duration(\"1h\")");
pub(super) const CONSTRAINTS_KEY: Key =
    optional("constraints", Shape::Record(&CONSTRAINTS), "What a request must bring.")
        .such_as("{justification: {min_length: 10}}");
pub(super) const EXTENSION_KEY: Key =
    optional("extension", Shape::Record(&EXTENSION), "How access can be prolonged; absent, it cannot.")
        .such_as("{times: 1, max_total: 4h}");
pub(super) const ACTIVATION_KEY: Key = optional(
    "activation",
    Shape::Record(&ACTIVATION),
    "How long an approved request waits to be claimed; 24h when absent.",
)
.such_as("{claim_within: 8h}");
pub(super) const BREAK_GLASS_KEY: Key =
    optional("break_glass", Shape::Record(&BREAK_GLASS), "Emergency access without stages and hours, reviewed afterwards; never without deny lists, scope, second factor or guardrails.").such_as("{who: [group:sre], duration: 30m, review_within: 24h}");
pub(super) const NOTIFY_KEY: Key = optional(
    "notify",
    Shape::List(Emptiness::Allowed, &A_NOTICE),
    "Who hears of what, beside requester and approvers.",
)
.such_as("[{on: [requested, ended], to: [\"email:dba@example.com\"]}]");
pub(super) const ON_POLICY_CHANGE: Key = optional(
    "on_policy_change",
    Shape::Choice(ON_CHANGE),
    "What becomes of live grants when the role is tightened. Who is denied or no longer eligible is always ended.",
)
.absent("keep")
.such_as("end");

/// The words for [`crate::OnPolicyChange`].
pub(crate) const ON_CHANGE: &[&str] = &["keep", "end"];

/// An entry of `roles`.
pub(crate) static ROLE: Record = Record {
    what: "a role",
    keys: &[
        ROLE_NAME,
        DESCRIPTION,
        OWNER,
        REQUESTERS,
        TRIGGERS,
        DENY,
        // Required, but `defaults` may have it: see `draft`.
        optional("duration", Shape::Compound(Compound::DurationRule), DURATION_DOC).such_as("2h"),
        required("conditions", SCOPE, CONDITIONS_DOC).such_as("[{resource: services/db, actions: [read]}]"),
        APPROVERS,
        APPROVAL_KEY,
        AUTO_APPROVE_WHEN,
        CONSTRAINTS_KEY,
        EXTENSION_KEY,
        ACTIVATION_KEY,
        BREAK_GLASS_KEY,
        NOTIFY_KEY,
        ON_POLICY_CHANGE,
    ],
};

/// An entry of `roles` in an environment.
pub(crate) static OVERLAY_ROLE: Record = Record {
    what: "a role of an environment",
    keys: &[
        ROLE_NAME,
        DESCRIPTION,
        OWNER,
        REQUESTERS,
        TRIGGERS,
        DENY,
        optional("duration", Shape::Compound(Compound::DurationRule), DURATION_DOC).such_as("2h"),
        optional("conditions", SCOPE, CONDITIONS_DOC).such_as("[{resource: services/db, actions: [read]}]"),
        APPROVERS,
        APPROVAL_KEY,
        AUTO_APPROVE_WHEN,
        CONSTRAINTS_KEY,
        EXTENSION_KEY,
        ACTIVATION_KEY,
        BREAK_GLASS_KEY,
        NOTIFY_KEY,
        ON_POLICY_CHANGE,
    ],
};

/// `defaults`.
pub(crate) static DEFAULTS: Record = Record {
    what: "`defaults`",
    keys: &[
        optional("duration", Shape::Compound(Compound::DurationRule), DURATION_DOC).such_as("2h"),
        DENY,
        CONSTRAINTS_KEY,
        APPROVERS,
        APPROVAL_KEY,
        EXTENSION_KEY,
        ACTIVATION_KEY,
        NOTIFY_KEY,
        ON_POLICY_CHANGE,
    ],
};

/// An entry of `conditions`.
pub(crate) static CONDITION: Record = Record {
    what: "a condition",
    keys: &[
        required(
            "resource",
            Shape::Compound(Compound::ResourcePattern),
            "A resource by name; a glob, `*` within one segment, `**` for one or more whole segments; or `{labels: {env: prod}}`.",
        ).such_as("services/db"),
        required("actions", Shape::List(Emptiness::Refused, &Shape::Name("action")), "What may be done there: actions of the connector, or of the resource's own `settings`.").such_as("[read, write]"),
    ],
};

/// A selector by label.
pub(crate) static SELECTOR: Record = Record {
    what: "a selector",
    keys: &[required(
        "labels",
        Shape::Map(&Shape::Text, &Shape::Text),
        "Every resource of the set that has all of these labels.",
    )
    .such_as("{env: prod}")],
};

/// The long form of `duration`.
pub(crate) static DURATION: Record = Record {
    what: "a duration",
    keys: &[
        optional("min", Shape::Duration, "Shorter is refused.").absent("1s").such_as("5m"),
        optional("default", Shape::Duration, "What a request gets that names none; `max` when absent.").such_as("30m"),
        required("max", Shape::Duration, "Longer is refused, not clamped.").such_as("2h"),
    ],
};

pub(super) const STAGES: Key = required(
    "stages",
    Shape::List(Emptiness::Refused, &A_STAGE),
    "Who says yes, one stage after the other; every stage has to.",
)
.such_as("[{name: peer, any_of: [ann@example.com]}]");
pub(super) const DISTINCT: Key = optional("distinct_approvers", Shape::Boolean, "One person counts in one stage only.")
    .absent("true")
    .such_as("false");
pub(super) const REASON_REQUIRED: Key =
    optional("reason_required", Shape::Boolean, "Whether an approver has to say why.").absent("false").such_as("true");
pub(super) const LAPSES_AFTER: Key =
    optional("lapses_after", Shape::Duration, "How long an undecided request waits.").absent("24h").such_as("8h");

/// The long form of `approval`.
pub(crate) static APPROVAL: Record =
    Record { what: "`approval`", keys: &[STAGES, DISTINCT, REASON_REQUIRED, LAPSES_AFTER] };

/// An entry of `approvals`.
pub(crate) static CHAIN: Record = Record {
    what: "a chain of stages",
    keys: &[
        required("name", Shape::Name("name of a chain"), "What roles call it: `approval: NAME`.")
            .such_as("prod-change"),
        STAGES,
        DISTINCT,
        REASON_REQUIRED,
        LAPSES_AFTER,
    ],
};

/// An entry of `stages`.
pub(crate) static STAGE: Record = Record {
    what: "a stage",
    keys: &[
        optional(
            "name",
            Shape::Name("name of a stage"),
            "What decisions and tests call it; `stage-1`, `stage-2` and so on when absent.",
        )
        .such_as("security"),
        optional("any_of", PRINCIPALS, "Any of these, `require` distinct persons.")
            .such_as("[group:dba, lead@example.com]"),
        optional("all_of", PRINCIPALS, "Each of these; of a group, one member.")
            .such_as("[ann@example.com, bob@example.com]"),
        optional("require", PERSONS, "How many distinct persons of `any_of`.").absent("1").such_as("2"),
        optional("timeout", Shape::Duration, "How long the stage waits; when absent, until the request lapses.")
            .such_as("15m"),
        optional("on_timeout", Shape::Choice(ON_TIMEOUT), "What happens then.").absent("reject").such_as("escalate"),
        optional(
            "escalate_to",
            PRINCIPALS,
            "Who may decide the stage as well after its timeout, with `on_timeout: escalate`.",
        )
        .such_as("[group:sre]"),
        optional(
            "fallback",
            PRINCIPALS,
            "Who decides when nobody but the requester is left in the stage; fixed when the request is made.",
        )
        .such_as("[group:dba]"),
    ],
};

/// The words for [`crate::OnTimeout`].
pub(crate) const ON_TIMEOUT: &[&str] = &["reject", "escalate"];

/// `extension`.
pub(crate) static EXTENSION: Record = Record {
    what: "`extension`",
    keys: &[
        optional("times", Shape::Integer(1, 1_000), "How often.").absent("1").such_as("2"),
        required("max_total", Shape::Duration, "The longest a grant may last since its activation.").such_as("4h"),
        optional(
            "approval",
            Shape::Choice(EXTENSION_APPROVAL),
            "Whether prolonging takes the approval of the request again, or none.",
        )
        .absent("same")
        .such_as("none"),
    ],
};

/// The words for [`crate::ExtensionApproval`].
pub(crate) const EXTENSION_APPROVAL: &[&str] = &["same", "none"];

/// `activation`.
pub(crate) static ACTIVATION: Record = Record {
    what: "`activation`",
    keys: &[required("claim_within", Shape::Duration, "After that an approved request is gone.").such_as("8h")],
};

/// `break_glass`.
pub(crate) static BREAK_GLASS: Record = Record {
    what: "`break_glass`",
    keys: &[
        required("who", PRINCIPALS, "Who may, without waiting for anybody.").such_as("[group:sre]"),
        required("duration", Shape::Duration, "For how long at most.").such_as("30m"),
        required(
            "review_within",
            Shape::Duration,
            "By when somebody has to have looked at it; what was not looked at blocks the next.",
        )
        .such_as("24h"),
    ],
};

/// An entry of `notify`.
pub(crate) static NOTIFY: Record = Record {
    what: "an entry of `notify`",
    keys: &[
        required("on", Shape::List(Emptiness::Refused, &Shape::Choice(NOTICES)), "Of what.")
            .such_as("[requested, overdue]"),
        required(
            "to",
            Shape::List(Emptiness::Refused, &Shape::Word(Word::Destination)),
            "Where: `slack:#channel`, `email:ADDRESS` or `webhook:NAME`.",
        )
        .such_as("[\"email:dba@example.com\", \"webhook:siem\"]"),
    ],
};

/// What one can hear of.
pub(crate) const NOTICES: &[&str] = &["requested", "approved", "denied", "ended", "overdue"];

/// An entry of `bundles`.
pub(crate) static BUNDLE: Record = Record {
    what: "a bundle",
    keys: &[
        required("name", Shape::Name("name of a bundle"), "What to ask for; no role has this name.")
            .such_as("incident-kit"),
        required(
            "roles",
            Shape::List(Emptiness::Refused, &Shape::Name("role name")),
            "Its roles, each decided by its own rules.",
        )
        .such_as("[db-debug, host-shell]"),
    ],
};
