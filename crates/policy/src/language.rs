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
    /// A resource's name or a glob over names.
    ResourcePattern,
    /// A connector's word.
    Connector,
    /// What the connector's own table says; checked once the connector is known.
    Settings,
    /// A person or a group.
    Principal,
    /// `anyone`, or a list of persons and groups.
    Requesters,
    /// `2h`.
    Duration,
    /// A duration, or a mapping with bounds.
    DurationRule,
    /// `automatic`.
    Approval,
    /// Where a secret is, never the secret.
    Reference,
    /// A linear-time regular expression.
    Regex,
    /// `true` or `false`.
    Boolean,
    /// A whole number, both bounds inside.
    Integer(u32, u32),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list.
    List(Emptiness, &'static Shape),
    /// A mapping from names or keys of one shape to values of another.
    Map(&'static Shape, &'static Shape),
    /// A mapping with known keys.
    Record(&'static Record),
}

/// Whether a list may have no items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emptiness {
    /// Empty is an error: it would not mean "all".
    Refused,
    /// Empty means nobody.
    Allowed,
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
    pub(crate) status: Status,
}

/// Whether a key can be used, and must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Status {
    Required(Shape),
    Optional(Shape),
    /// It belongs to the language, but not yet to this version.
    Later,
}

const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, doc, status: Status::Required(shape) }
}

const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, doc, status: Status::Optional(shape) }
}

const fn later(name: &'static str, doc: &'static str) -> Key {
    Key { name, doc, status: Status::Later }
}

const PRINCIPALS: Shape = Shape::List(Emptiness::Refused, &Shape::Principal);
const PERHAPS_PRINCIPALS: Shape = Shape::List(Emptiness::Allowed, &Shape::Principal);

/// A policy file.
pub(crate) static DOCUMENT: Record = Record {
    what: "a policy file",
    keys: &[
        optional("version", Shape::Integer(1, 1), "The version of the language; absent means 1."),
        optional(
            "groups",
            Shape::Map(&Shape::Name("group name"), &PERHAPS_PRINCIPALS),
            "Static groups: a name, and the persons and groups in it.",
        ),
        optional(
            "idp_groups",
            Shape::List(Emptiness::Allowed, &Shape::Name("group name")),
            "Groups the identity provider is expected to have, declared so that a typo is found.",
        ),
        later("policy_approvers", "Who must have signed a change of these files."),
        later("people", "Accounts in code hosts, by number, and whose they are."),
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
        later("defaults", "What every role has unless it says otherwise."),
        later("approvals", "Named chains of approval stages."),
        optional(
            "roles",
            Shape::List(Emptiness::Allowed, &Shape::Record(&ROLE)),
            "Who may ask for what, for how long, and who says yes.",
        ),
        later("bundles", "Several roles under one ask."),
        later("tests", "Requests and what the policy is expected to say to them."),
    ],
};

/// An entry of `resources`.
pub(crate) static RESOURCE: Record = Record {
    what: "a resource",
    keys: &[
        required("name", Shape::ResourceName, "What roles call it: segments joined by `/`."),
        required("connector", Shape::Connector, "The kind of target."),
        optional("labels", Shape::Map(&Shape::Text, &Shape::Text), "Keys and values of your own."),
        optional("risk", Shape::Choice(RISKS), "What is at stake; `medium` when absent."),
        optional(
            "admin",
            Shape::Reference,
            "Where the server finds the way in for its own account: `env:NAME`, `file:PATH` or `openbao:PATH#KEY`. The default is `env:CURFEW_<NAME>_URL`.",
        ),
        optional("settings", Shape::Settings, "What the connector needs to know; typed by the connector."),
        later("defined_by", "Only these files may hold roles over it."),
    ],
};

/// The words for [`crate::Risk`], from least to most.
pub(crate) const RISKS: &[&str] = &["low", "medium", "high", "critical"];

/// An entry of `roles`.
pub(crate) static ROLE: Record = Record {
    what: "a role",
    keys: &[
        required("name", Shape::Name("role name"), "Unique in the set, without regard to case."),
        optional("description", Shape::Text, "What it is for."),
        later("owner", "Who answers for the role."),
        optional(
            "requesters",
            Shape::Requesters,
            "Who may ask. When absent any signed-in person may, but only where people approve; `anyone` says so aloud.",
        ),
        later("triggers", "Pipelines that the role is given to."),
        optional("deny", PERHAPS_PRINCIPALS, "Who may neither ask nor approve; wins over everything."),
        required("duration", Shape::DurationRule, "How long access lasts: default and maximum in one, or a mapping."),
        required(
            "conditions",
            Shape::List(Emptiness::Refused, &Shape::Record(&CONDITION)),
            "The scope: the resource-action pairs the role can give.",
        ),
        optional("approvers", PRINCIPALS, "One stage, any one of whom approves. The requester never counts."),
        optional("approval", Shape::Approval, "`automatic`: nobody has to say yes."),
        later("auto_approve_when", "An expression that makes approval automatic."),
        optional("constraints", Shape::Record(&CONSTRAINTS), "What a request must bring."),
        later("extension", "Whether and how access can be prolonged."),
        later("activation", "How long an approved request waits for its subject."),
        later("break_glass", "Emergency access, reviewed afterwards."),
        later("notify", "Who hears of what."),
        later("on_policy_change", "What becomes of live grants when the role is tightened."),
    ],
};

/// An entry of `conditions`.
pub(crate) static CONDITION: Record = Record {
    what: "a condition",
    keys: &[
        required(
            "resource",
            Shape::ResourcePattern,
            "A resource by name, or a glob: `*` within one segment, `**` for one or more segments.",
        ),
        required("actions", Shape::List(Emptiness::Refused, &Shape::Name("action")), "What may be done there."),
    ],
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

/// `constraints`.
pub(crate) static CONSTRAINTS: Record = Record {
    what: "`constraints`",
    keys: &[
        optional("justification", Shape::Record(&JUSTIFICATION), "What the reason must be like."),
        later("ticket", "What the ticket must be like."),
        later("windows", "When it may be used."),
        later("source_ip", "Where a request may come from."),
        later("mfa", "Multi-factor authentication."),
        later("concurrency", "How many grants there may be at once."),
        later("inputs", "Typed inputs."),
        later("when", "Conditions in Cedar."),
        later("budget", "What serial requests may add up to."),
        later("cooldown", "How long to wait between requests."),
    ],
};

/// `constraints.justification`.
pub(crate) static JUSTIFICATION: Record = Record {
    what: "`justification`",
    keys: &[
        optional("min_length", Shape::Integer(0, limits::REASON_CHARS as u32), "In characters, after trimming."),
        optional("pattern", Shape::Regex, "Matches the whole trimmed text; linear-time syntax."),
        optional("required", Shape::Boolean, "`false` lets a request give none; `true` when absent."),
    ],
};

impl Record {
    /// The key of this name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|k| k.name == name)
    }
}
