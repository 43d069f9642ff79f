//! Roles, what they give, and who says yes.

use super::*;

pub(super) const ROLE_NAME: Key =
    required("name", Shape::Name("role name"), "Unique in the set, without regard to case.");
pub(super) const DESCRIPTION: Key = optional("description", Shape::Text, "What it is for.");
pub(super) const OWNER: Key = optional("owner", Shape::Member, "Who answers for the role.");
pub(super) const REQUESTERS: Key = optional(
    "requesters",
    Shape::Compound(Compound::Requesters),
    "Who may ask. When absent any signed-in person may, but only where people approve; `anyone` says so aloud.",
);
pub(super) const TRIGGERS: Key = optional(
    "triggers",
    Shape::List(Emptiness::Refused, &Shape::Compound(Compound::Trigger)),
    "Pipelines whose runs are given the role, and end it.",
);
pub(super) const DENY: Key =
    optional("deny", PERHAPS_PRINCIPALS, "Who may neither ask nor approve; wins over everything.");
pub(super) const DURATION_DOC: &str = "How long access lasts: default and maximum in one, or a mapping.";
pub(super) const CONDITIONS_DOC: &str = "The scope: the resource-action pairs the role can give.";
pub(super) const SCOPE: Shape = Shape::List(Emptiness::Refused, &A_CONDITION);
pub(super) const APPROVERS: Key =
    optional("approvers", PRINCIPALS, "One stage, any one of whom approves. The requester never counts.");
pub(super) const APPROVAL_KEY: Key = optional(
    "approval",
    Shape::Compound(Compound::Approval),
    "`automatic`: nobody has to say yes; or the name of a chain of `approvals`; or a mapping with `stages`.",
);
pub(super) const AUTO_APPROVE_WHEN: Key = optional(
    "auto_approve_when",
    Shape::Word(Word::Expression),
    "A Cedar expression; where it is true of everything asked for, nobody has to say yes.",
);
pub(super) const CONSTRAINTS_KEY: Key =
    optional("constraints", Shape::Record(&CONSTRAINTS), "What a request must bring.");
pub(super) const EXTENSION_KEY: Key =
    optional("extension", Shape::Record(&EXTENSION), "How access can be prolonged; absent, it cannot.");
pub(super) const ACTIVATION_KEY: Key =
    optional("activation", Shape::Record(&ACTIVATION), "How long an approved request waits for its subject.");
pub(super) const BREAK_GLASS_KEY: Key =
    optional("break_glass", Shape::Record(&BREAK_GLASS), "Emergency access, reviewed afterwards.");
pub(super) const NOTIFY_KEY: Key = optional(
    "notify",
    Shape::List(Emptiness::Allowed, &A_NOTICE),
    "Who hears of what, beside requester and approvers.",
);
pub(super) const ON_POLICY_CHANGE: Key = optional(
    "on_policy_change",
    Shape::Choice(ON_CHANGE),
    "What becomes of live grants when the role is tightened: `keep` or `end`.",
);

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
        optional("duration", Shape::Compound(Compound::DurationRule), DURATION_DOC),
        required("conditions", SCOPE, CONDITIONS_DOC),
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
        optional("duration", Shape::Compound(Compound::DurationRule), DURATION_DOC),
        optional("conditions", SCOPE, CONDITIONS_DOC),
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
        optional("duration", Shape::Compound(Compound::DurationRule), DURATION_DOC),
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
            "A resource by name; a glob, `*` within one segment, `**` for one or more segments; or `{labels: {KEY: VALUE}}`.",
        ),
        required("actions", Shape::List(Emptiness::Refused, &Shape::Name("action")), "What may be done there."),
    ],
};

/// A selector by label.
pub(crate) static SELECTOR: Record = Record {
    what: "a selector",
    keys: &[required(
        "labels",
        Shape::Map(&Shape::Text, &Shape::Text),
        "Every resource of the set that has all of these labels.",
    )],
};

/// The long form of `duration`.
pub(crate) static DURATION: Record = Record {
    what: "a duration",
    keys: &[
        optional("min", Shape::Duration, "Shorter is refused; `1s` when absent."),
        optional("default", Shape::Duration, "What a request gets that names none; `max` when absent."),
        required("max", Shape::Duration, "Longer is refused, not clamped."),
    ],
};

pub(super) const STAGES: Key =
    required("stages", Shape::List(Emptiness::Refused, &A_STAGE), "Every stage has to say yes.");
pub(super) const DISTINCT: Key =
    optional("distinct_approvers", Shape::Boolean, "One person counts in one stage; `true` when absent.");
pub(super) const REASON_REQUIRED: Key =
    optional("reason_required", Shape::Boolean, "Whether an approver has to say why; `false` when absent.");
pub(super) const LAPSES_AFTER: Key =
    optional("lapses_after", Shape::Duration, "How long an undecided request waits; `24h` when absent.");

/// The long form of `approval`.
pub(crate) static APPROVAL: Record =
    Record { what: "`approval`", keys: &[STAGES, DISTINCT, REASON_REQUIRED, LAPSES_AFTER] };

/// An entry of `approvals`.
pub(crate) static CHAIN: Record = Record {
    what: "a chain of stages",
    keys: &[
        required("name", Shape::Name("name of a chain"), "What roles call it: `approval: NAME`."),
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
        optional("name", Shape::Name("name of a stage"), "`stage-1`, `stage-2` and so on when absent."),
        optional("any_of", PRINCIPALS, "Any of these, `require` distinct persons."),
        optional("all_of", PRINCIPALS, "Each of these; of a group, one member."),
        optional("require", PERSONS, "How many distinct persons of `any_of`; 1 when absent."),
        optional("timeout", Shape::Duration, "How long the stage waits; for ever when absent."),
        optional("on_timeout", Shape::Choice(ON_TIMEOUT), "`reject` (when absent) or `escalate`."),
        optional("escalate_to", PRINCIPALS, "Who may decide the stage as well after its timeout."),
        optional("fallback", PRINCIPALS, "Who decides when nobody but the requester is left in the stage."),
    ],
};

/// The words for [`crate::OnTimeout`].
pub(crate) const ON_TIMEOUT: &[&str] = &["reject", "escalate"];

/// `extension`.
pub(crate) static EXTENSION: Record = Record {
    what: "`extension`",
    keys: &[
        optional("times", Shape::Integer(1, 1_000), "How often; 1 when absent."),
        required("max_total", Shape::Duration, "The longest a grant may last since its activation."),
        optional("approval", Shape::Choice(EXTENSION_APPROVAL), "`same` (when absent) or `none`."),
    ],
};

/// The words for [`crate::ExtensionApproval`].
pub(crate) const EXTENSION_APPROVAL: &[&str] = &["same", "none"];

/// `activation`.
pub(crate) static ACTIVATION: Record = Record {
    what: "`activation`",
    keys: &[required("claim_within", Shape::Duration, "After that an approved request is gone.")],
};

/// `break_glass`.
pub(crate) static BREAK_GLASS: Record = Record {
    what: "`break_glass`",
    keys: &[
        required("who", PRINCIPALS, "Who may, without waiting for anybody."),
        required("duration", Shape::Duration, "For how long at most."),
        required("review_within", Shape::Duration, "By when somebody has to have looked at it."),
    ],
};

/// An entry of `notify`.
pub(crate) static NOTIFY: Record = Record {
    what: "an entry of `notify`",
    keys: &[
        required("on", Shape::List(Emptiness::Refused, &Shape::Choice(NOTICES)), "Of what."),
        required(
            "to",
            Shape::List(Emptiness::Refused, &Shape::Word(Word::Destination)),
            "Where: `slack:#channel`, `email:ADDRESS` or `webhook:NAME`.",
        ),
    ],
};

/// What one can hear of.
pub(crate) const NOTICES: &[&str] = &["requested", "approved", "denied", "ended", "overdue"];

/// An entry of `bundles`.
pub(crate) static BUNDLE: Record = Record {
    what: "a bundle",
    keys: &[
        required("name", Shape::Name("name of a bundle"), "What to ask for."),
        required("roles", Shape::List(Emptiness::Refused, &Shape::Name("role name")), "Its roles."),
    ],
};
