//! What a request must bring.

use super::*;
use curfew_domain::limits;

/// `constraints`.
pub(crate) static CONSTRAINTS: Record = Record {
    what: "`constraints`",
    keys: &[
        optional("justification", Shape::Record(&JUSTIFICATION), "What the reason must be like.")
            .such_as("{min_length: 10}"),
        optional("ticket", Shape::Record(&TICKET), "What the ticket must be like.")
            .such_as("{pattern: \"INC-[0-9]+\", verify: open}"),
        optional(
            "windows",
            Shape::List(Emptiness::Refused, &Shape::Record(&WINDOW)),
            "When it may be asked for and claimed: any of these hours. Access ends when they do.",
        )
        .such_as("[{days: mon-fri, from: \"09:00\", to: \"18:00\", tz: Europe/Berlin}]"),
        optional(
            "source_ip",
            Shape::List(Emptiness::Refused, &Shape::Word(Word::Cidr)),
            "Where a request may come from: any of these address ranges.",
        )
        .such_as("[10.0.0.0/8, \"2001:db8::/32\"]"),
        optional("mfa", Shape::Record(&MFA), "Who must have signed in with a second factor.")
            .such_as("{request: true, max_age: 15m}"),
        optional("concurrency", Shape::Record(&CONCURRENCY), "How many approved and live grants there may be at once.")
            .such_as("{per_subject: 1, total: 3}"),
        optional("inputs", Shape::List(Emptiness::Refused, &Shape::Record(&INPUT)), "What else a request must say.")
            .such_as("[{name: table, type: string, prompt: \"Which table?\"}]"),
        optional(
            "when",
            Shape::List(Emptiness::Refused, &Shape::Record(&WHEN)),
            "Cedar expressions that must be true of every resource asked for.",
        )
        .such_as("[{message: only the on-call may, cedar: context.oncall}]"),
        optional("budget", Shape::Record(&BUDGET), "What one subject's grants may add up to.")
            .such_as("{per_subject: 4h, per: 1d}"),
        optional("cooldown", Shape::Duration, "How long one subject waits after a grant of the role has ended.")
            .such_as("30m"),
    ],
};

pub(super) const IS_REQUIRED: Key = optional(
    "required",
    Shape::Boolean,
    "Whether a request has to give one at all; what is given has to fit in any case.",
)
.absent("true")
.such_as("false");

/// `constraints.justification`.
pub(crate) static JUSTIFICATION: Record = Record {
    what: "`justification`",
    keys: &[
        optional("min_length", Shape::Integer(0, limits::REASON_CHARS as u32), "Characters at least, after trimming.")
            .absent("0")
            .such_as("10"),
        optional("pattern", Shape::Regex, "Matches the whole trimmed text; linear-time syntax.")
            .such_as("\"(?i).*incident.*\""),
        IS_REQUIRED,
    ],
};

/// `constraints.ticket`.
pub(crate) static TICKET: Record = Record {
    what: "`ticket`",
    keys: &[
        optional("pattern", Shape::Regex, "Matches the whole trimmed text; linear-time syntax.")
            .such_as("\"INC-[0-9]+\""),
        optional(
            "verify",
            Shape::Choice(VERIFY),
            "What the ticket system has to say: nothing, that there is such a ticket, or that it is open.",
        )
        .absent("none")
        .such_as("open"),
        IS_REQUIRED,
    ],
};

/// The words for [`crate::Verify`].
pub(crate) const VERIFY: &[&str] = &["none", "exists", "open"];

/// An entry of `windows`.
pub(crate) static WINDOW: Record = Record {
    what: "a window",
    keys: &[
        optional("days", Shape::Compound(Compound::Days), "`mon`, `mon-fri`, `fri-mon` or a list of such.")
            .absent("mon-sun")
            .such_as("mon-fri"),
        required(
            "from",
            Shape::Word(Word::Clock(Midnight::Start)),
            "The first minute inside. After `to` it runs over midnight and belongs to the day it begins on.",
        )
        .such_as("\"09:00\""),
        required(
            "to",
            Shape::Word(Word::Clock(Midnight::End)),
            "The first minute outside; a day may end at `\"24:00\"`.",
        )
        .such_as("\"18:00\""),
        required("tz", Shape::Word(Word::Zone), "The time zone, by its IANA name.").such_as("Europe/Berlin"),
    ],
};

/// `constraints.mfa`.
pub(crate) static MFA: Record = Record {
    what: "`mfa`",
    keys: &[
        optional(
            "required",
            Shape::Boolean,
            "`false` asks for it of nobody: a role that lifts what `defaults` asks for.",
        )
        .absent("true")
        .such_as("false"),
        optional("request", Shape::Boolean, "Whoever asks. When absent, `true` unless `approve` is.").such_as("true"),
        optional("approve", Shape::Boolean, "Whoever approves.").absent("false").such_as("true"),
        optional(
            "max_age",
            Shape::Duration,
            "How long ago the second factor may have been; when absent, however long.",
        )
        .such_as("15m"),
    ],
};

/// `constraints.concurrency`.
pub(crate) static CONCURRENCY: Record = Record {
    what: "`concurrency`",
    keys: &[
        optional("per_subject", Shape::Integer(1, COUNT), "Approved and live grants of the role that one subject has.")
            .such_as("1"),
        optional("total", Shape::Integer(1, COUNT), "Approved and live grants of the role in all.").such_as("3"),
    ],
};

pub(super) const COUNT: u32 = 1_000_000;

/// An entry of `inputs`.
pub(crate) static INPUT: Record = Record {
    what: "an input",
    keys: &[
        required("name", Shape::Name("name of an input"), "What a request and `context.inputs` call it.")
            .such_as("table"),
        required("type", Shape::Choice(INPUT_TYPES), "What it holds.").such_as("string"),
        optional(
            "max_length",
            Shape::Integer(1, limits::INPUT_CHARS as u32),
            "Of a string, in characters after trimming.",
        )
        .absent("2000")
        .such_as("63"),
        optional(
            "values",
            Shape::List(Emptiness::Refused, &Shape::Text),
            "What an enum can be; only with `type: enum`.",
        )
        .such_as("[eu, us]"),
        optional("prompt", Shape::Text, "What to ask a person.").such_as("\"Which table?\""),
        IS_REQUIRED,
    ],
};

/// The words for [`crate::InputKind`].
pub(crate) const INPUT_TYPES: &[&str] = &["string", "integer", "boolean", "enum"];

/// An entry of `when`.
pub(crate) static WHEN: Record = Record {
    what: "an entry of `when`",
    keys: &[
        required("message", Shape::Text, "What to tell somebody whom it refuses.")
            .such_as("only the on-call may write"),
        required("cedar", Shape::Word(Word::Expression), "True, or the request is denied.").such_as("context.oncall"),
    ],
};

/// `constraints.budget`.
pub(crate) static BUDGET: Record = Record {
    what: "`budget`",
    keys: &[
        required("per_subject", Shape::Duration, "How much access one subject may have in that time.").such_as("4h"),
        required("per", Shape::Duration, "In how long.").such_as("1d"),
    ],
};
