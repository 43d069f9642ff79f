//! The one table of the language: every key, what it means and what may stand there.
//!
//! The checker, the JSON Schema and the messages all read it, so they cannot disagree.

use curfew_domain::limits;

/// What may stand in a place of the document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Any text.
    Text,
    /// The name of something: see `curfew_domain::names`.
    Name(&'static str),
    /// A resource's full name.
    ResourceName,
    /// A connector's word.
    Connector,
    /// What the connector's own table says; checked once the connector is known.
    Settings,
    /// A person or a group: what can stand in a group.
    Member,
    /// A person, a group, or whoever is on call.
    Principal,
    /// `pipeline`, `actor`, or a person or group.
    Receiver,
    /// `2h`.
    Duration,
    /// Where a secret is, never the secret.
    Reference,
    /// A linear-time regular expression.
    Regex,
    /// A text with a grammar of its own.
    Word(Word),
    /// A value that can be written in more than one form.
    Compound(Compound),
    /// `true` or `false`.
    Boolean,
    /// A whole number, both bounds inside.
    Integer(u32, u32),
    /// A text, a whole number or a boolean.
    Scalar,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list.
    List(Emptiness, &'static Shape),
    /// A mapping from names or keys of one shape to values of another.
    Map(&'static Shape, &'static Shape),
    /// A mapping with known keys.
    Record(&'static Record),
}

/// A text with a grammar of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// An e-mail address.
    Email,
    /// The number of an account, quoted.
    AccountNumber,
    /// An expression in Cedar.
    Expression,
    /// `09:00`.
    Clock(Midnight),
    /// A time zone by its IANA name.
    Zone,
    /// An address range.
    Cidr,
    /// An IP address.
    Address,
    /// A time with its offset.
    Time,
    /// Where a notice goes: `slack:#channel`, `email:ADDRESS`, `webhook:NAME`.
    Destination,
    /// A glob over the paths of policy files.
    PathGlob,
}

/// A value that can be written in more than one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compound {
    /// A resource's name, a glob over names, or labels.
    ResourcePattern,
    /// `anyone`, or a list of principals and workloads.
    Requesters,
    /// A pipeline whose runs are given the role, and who gets it.
    Trigger,
    /// What one claim has to be: a text, or a list of texts any of which it may be.
    Claim,
    /// What claims have to be, under the names a token has for them.
    Claims,
    /// `mon-fri`, or a list of such.
    Days,
    /// A duration, or a mapping with bounds.
    DurationRule,
    /// `automatic`, the name of a chain, or a mapping with stages.
    Approval,
    /// `true`, `false`, or `{age: 20m}`.
    MfaFact,
    /// An outcome, or a mapping that says more.
    Expect,
}

/// Whether a list may have no items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emptiness {
    /// Empty is an error: it would not mean "all".
    Refused,
    /// Empty means nobody.
    Allowed,
}

/// Whether `24:00` can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Midnight {
    /// A day begins at `00:00`.
    Start,
    /// A day may end at `24:00`.
    End,
}

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Record {
    /// With its article, for messages: `a role`.
    pub(crate) what: &'static str,
    pub(crate) keys: &'static [Key],
}

/// One key of the language.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// One sentence, for editors and the reference.
    pub(crate) doc: &'static str,
    pub(crate) presence: Presence,
    pub(crate) shape: Shape,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, doc, presence: Presence::Required, shape }
}

const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, doc, presence: Presence::Optional, shape }
}

const PRINCIPALS: Shape = Shape::List(Emptiness::Refused, &Shape::Principal);
const PERHAPS_PRINCIPALS: Shape = Shape::List(Emptiness::Allowed, &Shape::Principal);
const PERSONS: Shape = Shape::Integer(1, limits::STAGE_PERSONS);

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

static A_TEST: Shape = Shape::Record(&TEST);
static A_NOTICE: Shape = Shape::Record(&NOTIFY);
static A_STAGE: Shape = Shape::Record(&STAGE);
static A_CONDITION: Shape = Shape::Record(&CONDITION);

const TESTS: Key = optional(
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

const RESOURCE_NAME: Key = required("name", Shape::ResourceName, "What roles call it: segments joined by `/`.");
const CONNECTOR: &str = "The kind of target.";
const LABELS: Key = optional("labels", Shape::Map(&Shape::Text, &Shape::Text), "Keys and values of your own.");
const RISK: Key = optional("risk", Shape::Choice(RISKS), "What is at stake; `medium` when absent.");
const ADMIN: Key = optional(
    "admin",
    Shape::Reference,
    "Where the server finds the way in for its own account: `env:NAME`, `file:PATH` or `openbao:PATH#KEY`. The default is `env:CURFEW_<NAME>_URL`.",
);
const SETTINGS: Key =
    optional("settings", Shape::Settings, "What the connector needs to know; typed by the connector.");
const DEFINED_BY: Key = optional(
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

const ROLE_NAME: Key = required("name", Shape::Name("role name"), "Unique in the set, without regard to case.");
const DESCRIPTION: Key = optional("description", Shape::Text, "What it is for.");
const OWNER: Key = optional("owner", Shape::Member, "Who answers for the role.");
const REQUESTERS: Key = optional(
    "requesters",
    Shape::Compound(Compound::Requesters),
    "Who may ask. When absent any signed-in person may, but only where people approve; `anyone` says so aloud.",
);
const TRIGGERS: Key = optional(
    "triggers",
    Shape::List(Emptiness::Refused, &Shape::Compound(Compound::Trigger)),
    "Pipelines whose runs are given the role, and end it.",
);
const DENY: Key = optional("deny", PERHAPS_PRINCIPALS, "Who may neither ask nor approve; wins over everything.");
const DURATION_DOC: &str = "How long access lasts: default and maximum in one, or a mapping.";
const CONDITIONS_DOC: &str = "The scope: the resource-action pairs the role can give.";
const SCOPE: Shape = Shape::List(Emptiness::Refused, &A_CONDITION);
const APPROVERS: Key =
    optional("approvers", PRINCIPALS, "One stage, any one of whom approves. The requester never counts.");
const APPROVAL_KEY: Key = optional(
    "approval",
    Shape::Compound(Compound::Approval),
    "`automatic`: nobody has to say yes; or the name of a chain of `approvals`; or a mapping with `stages`.",
);
const AUTO_APPROVE_WHEN: Key = optional(
    "auto_approve_when",
    Shape::Word(Word::Expression),
    "A Cedar expression; where it is true of everything asked for, nobody has to say yes.",
);
const CONSTRAINTS_KEY: Key = optional("constraints", Shape::Record(&CONSTRAINTS), "What a request must bring.");
const EXTENSION_KEY: Key =
    optional("extension", Shape::Record(&EXTENSION), "How access can be prolonged; absent, it cannot.");
const ACTIVATION_KEY: Key =
    optional("activation", Shape::Record(&ACTIVATION), "How long an approved request waits for its subject.");
const BREAK_GLASS_KEY: Key =
    optional("break_glass", Shape::Record(&BREAK_GLASS), "Emergency access, reviewed afterwards.");
const NOTIFY_KEY: Key = optional(
    "notify",
    Shape::List(Emptiness::Allowed, &A_NOTICE),
    "Who hears of what, beside requester and approvers.",
);
const ON_POLICY_CHANGE: Key = optional(
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

const STAGES: Key = required("stages", Shape::List(Emptiness::Refused, &A_STAGE), "Every stage has to say yes.");
const DISTINCT: Key =
    optional("distinct_approvers", Shape::Boolean, "One person counts in one stage; `true` when absent.");
const REASON_REQUIRED: Key =
    optional("reason_required", Shape::Boolean, "Whether an approver has to say why; `false` when absent.");
const LAPSES_AFTER: Key =
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

/// `constraints`.
pub(crate) static CONSTRAINTS: Record = Record {
    what: "`constraints`",
    keys: &[
        optional("justification", Shape::Record(&JUSTIFICATION), "What the reason must be like."),
        optional("ticket", Shape::Record(&TICKET), "What the ticket must be like."),
        optional(
            "windows",
            Shape::List(Emptiness::Refused, &Shape::Record(&WINDOW)),
            "When it may be asked for and used: any of these hours.",
        ),
        optional(
            "source_ip",
            Shape::List(Emptiness::Refused, &Shape::Word(Word::Cidr)),
            "Where a request may come from: any of these address ranges.",
        ),
        optional("mfa", Shape::Record(&MFA), "Who must have signed in with a second factor."),
        optional("concurrency", Shape::Record(&CONCURRENCY), "How many approved and live grants there may be at once."),
        optional("inputs", Shape::List(Emptiness::Refused, &Shape::Record(&INPUT)), "What else a request must say."),
        optional(
            "when",
            Shape::List(Emptiness::Refused, &Shape::Record(&WHEN)),
            "Cedar expressions that must be true.",
        ),
        optional("budget", Shape::Record(&BUDGET), "What one subject's grants may add up to."),
        optional("cooldown", Shape::Duration, "How long one subject waits after a grant of the role has ended."),
    ],
};

const IS_REQUIRED: Key = optional("required", Shape::Boolean, "`false` lets a request give none; `true` when absent.");

/// `constraints.justification`.
pub(crate) static JUSTIFICATION: Record = Record {
    what: "`justification`",
    keys: &[
        optional("min_length", Shape::Integer(0, limits::REASON_CHARS as u32), "In characters, after trimming."),
        optional("pattern", Shape::Regex, "Matches the whole trimmed text; linear-time syntax."),
        IS_REQUIRED,
    ],
};

/// `constraints.ticket`.
pub(crate) static TICKET: Record = Record {
    what: "`ticket`",
    keys: &[
        optional("pattern", Shape::Regex, "Matches the whole trimmed text; linear-time syntax."),
        optional("verify", Shape::Choice(VERIFY), "What the ticket system has to say: `none`, `exists` or `open`."),
        IS_REQUIRED,
    ],
};

/// The words for [`crate::Verify`].
pub(crate) const VERIFY: &[&str] = &["none", "exists", "open"];

/// An entry of `windows`.
pub(crate) static WINDOW: Record = Record {
    what: "a window",
    keys: &[
        optional(
            "days",
            Shape::Compound(Compound::Days),
            "`mon`, `mon-fri`, `fri-mon` or a list of such; every day when absent.",
        ),
        required("from", Shape::Word(Word::Clock(Midnight::Start)), "The first minute inside, as `\"09:00\"`."),
        required(
            "to",
            Shape::Word(Word::Clock(Midnight::End)),
            "The first minute outside, up to `\"24:00\"`; before `from` it is the next day's.",
        ),
        required("tz", Shape::Word(Word::Zone), "The time zone, by its IANA name."),
    ],
};

/// `constraints.mfa`.
pub(crate) static MFA: Record = Record {
    what: "`mfa`",
    keys: &[
        optional("request", Shape::Boolean, "Whoever asks; `true` when neither this nor `approve` is written."),
        optional("approve", Shape::Boolean, "Whoever approves; `false` when absent."),
        optional("max_age", Shape::Duration, "How long ago at most."),
    ],
};

/// `constraints.concurrency`.
pub(crate) static CONCURRENCY: Record = Record {
    what: "`concurrency`",
    keys: &[
        optional("per_subject", Shape::Integer(1, COUNT), "Approved and live grants of the role that one subject has."),
        optional("total", Shape::Integer(1, COUNT), "Approved and live grants of the role in all."),
    ],
};

const COUNT: u32 = 1_000_000;

/// An entry of `inputs`.
pub(crate) static INPUT: Record = Record {
    what: "an input",
    keys: &[
        required("name", Shape::Name("name of an input"), "What a request and `context.inputs` call it."),
        required("type", Shape::Choice(INPUT_TYPES), "What it holds."),
        optional(
            "max_length",
            Shape::Integer(1, limits::INPUT_CHARS as u32),
            "Of a string, in characters after trimming.",
        ),
        optional("values", Shape::List(Emptiness::Refused, &Shape::Text), "What an enum can be."),
        optional("prompt", Shape::Text, "What to ask a person."),
        IS_REQUIRED,
    ],
};

/// The words for [`crate::InputKind`].
pub(crate) const INPUT_TYPES: &[&str] = &["string", "integer", "boolean", "enum"];

/// An entry of `when`.
pub(crate) static WHEN: Record = Record {
    what: "an entry of `when`",
    keys: &[
        required("message", Shape::Text, "What to tell somebody whom it refuses."),
        required("cedar", Shape::Word(Word::Expression), "True, or the request is denied."),
    ],
};

/// `constraints.budget`.
pub(crate) static BUDGET: Record = Record {
    what: "`budget`",
    keys: &[
        required("per_subject", Shape::Duration, "How much access one subject may have."),
        required("per", Shape::Duration, "In how long."),
    ],
};

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

/// A trigger, beside the provider's own key.
pub(crate) static TRIGGER: Record = Record {
    what: "a trigger",
    keys: &[
        required(
            "grant_to",
            Shape::List(Emptiness::Refused, &Shape::Receiver),
            "`pipeline` for the run itself, `actor` for who started it, or persons and groups.",
        ),
        optional("until", Shape::Choice(UNTIL), "When it ends: with the run, and never past `duration`."),
    ],
};

/// The only word after `until`.
pub(crate) const UNTIL: &[&str] = &["pipeline-end"];

const fn claim(name: &'static str, doc: &'static str) -> Key {
    optional(name, Shape::Compound(Compound::Claim), doc)
}

const ISSUER: Key = optional("issuer", Shape::Text, "Which issuer, by its name in the server's configuration.");
const BY_NAME: &str = "By name, which somebody else can take over: prefer the number.";

/// What can be said of a run, under each provider's key.
pub(crate) static WORKLOADS: [(&str, &Record); 6] = [
    (
        "github",
        &Record {
            what: "`github`",
            keys: &[
                ISSUER,
                claim("repository_id", "The repository's number."),
                claim("repository_owner_id", "The owner's number."),
                claim("repository", BY_NAME),
                claim("ref", "The branch or tag: `refs/heads/main`, `refs/tags/v*`."),
                claim("ref_type", "`branch` or `tag`."),
                claim("environment", "The deployment environment."),
                claim("workflow", "The path of the workflow file."),
                claim("job_workflow_ref", "The reusable workflow, with its ref."),
                claim("event", "What started the run; without it only events that no stranger can cause."),
                claim("actor_id", "The number of who started it."),
            ],
        },
    ),
    (
        "gitlab",
        &Record {
            what: "`gitlab`",
            keys: &[
                ISSUER,
                claim("project_id", "The project's number."),
                claim("namespace_id", "The namespace's number."),
                claim("project_path", BY_NAME),
                claim("ref", "The branch or tag."),
                claim("ref_type", "`branch` or `tag`."),
                claim("ref_protected", "`\"true\"` for a protected ref."),
                claim("environment", "The deployment environment."),
                claim("source", "What started the pipeline; without it no merge request's."),
            ],
        },
    ),
    (
        "kubernetes",
        &Record {
            what: "`kubernetes`",
            keys: &[ISSUER, claim("namespace", "The namespace."), claim("service_account", "The service account.")],
        },
    ),
    (
        "buildkite",
        &Record {
            what: "`buildkite`",
            keys: &[
                ISSUER,
                claim("organization_slug", "The organization."),
                claim("pipeline_slug", "The pipeline."),
                claim("build_branch", "The branch."),
            ],
        },
    ),
    (
        "circleci",
        &Record {
            what: "`circleci`",
            keys: &[
                ISSUER,
                claim("project_id", "The project's id."),
                claim("context_id", "The context's id."),
                claim("vcs_ref", "The branch or tag: `refs/heads/main`, `refs/tags/v*`."),
            ],
        },
    ),
    (
        "oidc",
        &Record {
            what: "`oidc`",
            keys: &[
                required("issuer", Shape::Text, "Which issuer, by its name in the server's configuration, or its URL."),
                required("claims", Shape::Compound(Compound::Claims), "What claims of its token have to be."),
            ],
        },
    ),
];

impl Record {
    /// The key of this name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|k| k.name == name)
    }
}
