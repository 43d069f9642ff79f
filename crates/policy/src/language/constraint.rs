//! What a request must bring.

use super::*;
use curfew_domain::limits;

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

pub(super) const IS_REQUIRED: Key =
    optional("required", Shape::Boolean, "`false` lets a request give none; `true` when absent.");

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

pub(super) const COUNT: u32 = 1_000_000;

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
