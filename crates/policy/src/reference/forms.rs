//! What can stand in a place, in words.

use super::{cell, line, link};
use crate::language::{Compound, Emptiness, Midnight, Record, Shape, Word};
use crate::schema::RECORDS;
use curfew_domain::limits;

/// What a value of this shape is.
pub(super) fn holds(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Name(_) => "name".to_owned(),
        Shape::ResourceName => "resource name".to_owned(),
        Shape::Connector => "a connector".to_owned(),
        Shape::Settings => "mapping, the connector's own".to_owned(),
        Shape::Member => "person or group".to_owned(),
        Shape::Principal => "principal".to_owned(),
        Shape::Receiver => "`pipeline`, `actor`, person or group".to_owned(),
        Shape::Duration => "duration".to_owned(),
        Shape::Reference => "reference".to_owned(),
        Shape::Regex => "pattern".to_owned(),
        Shape::Word(word) => word_of(*word).to_owned(),
        Shape::Compound(form) => compound(*form),
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::Integer(low, high) if low == high => format!("`{low}`"),
        Shape::Integer(low, high) => format!("number, {low} to {high}"),
        Shape::Scalar => "text, number or boolean".to_owned(),
        Shape::Choice(words) => choice(words),
        Shape::List(Emptiness::Refused, item) => format!("list of {}, not empty", holds(item)),
        Shape::List(Emptiness::Allowed, item) => format!("list of {}", holds(item)),
        Shape::Map(key, item) => format!("mapping from {} to {}", holds(key), holds(item)),
        Shape::Record(record) => of(record),
    }
}

fn choice(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The section of a mapping.
fn of(record: &'static Record) -> String {
    let name = RECORDS.iter().find(|(_, r)| std::ptr::eq(*r, record)).map(|(name, _)| *name);
    name.map_or_else(|| record.what.to_owned(), link)
}

fn word_of(word: Word) -> &'static str {
    match word {
        Word::Email => "e-mail address",
        Word::AccountNumber => "account number",
        Word::Expression => "expression",
        Word::Clock(Midnight::Start) => "time of day",
        Word::Clock(Midnight::End) => "time of day, to `\"24:00\"`",
        Word::Zone => "time zone",
        Word::Cidr => "address range",
        Word::Address => "IP address",
        Word::Time => "time",
        Word::Destination => "destination",
        Word::PathGlob => "glob over files",
    }
}

fn compound(form: Compound) -> String {
    let mapping = |text: &str| {
        let records = Shape::Compound(form).records();
        records.into_iter().map(of).fold(text.to_owned(), |text, link| format!("{text}{link}"))
    };
    match form {
        Compound::ResourcePattern => mapping("resource name, glob, or "),
        Compound::Requesters => "`anyone`, or a list of principals and [workloads](#workloads), not empty".to_owned(),
        Compound::Trigger => mapping(""),
        Compound::Claim => "text, or a list of texts".to_owned(),
        Compound::Claims => "mapping from claims to texts or lists of texts, not empty".to_owned(),
        Compound::Days => "days, or a list of days".to_owned(),
        Compound::DurationRule => mapping("duration, or "),
        Compound::Approval => mapping("`automatic`, the name of a [chain](#chain), or "),
        Compound::MfaFact => mapping("`true`, `false`, or "),
        Compound::Expect => mapping("`automatic`, `needs_approval`, `denied`, or "),
    }
}

/// The forms that the tables name.
pub(super) fn write(page: &mut String) {
    page.push_str("\n## Forms\n\n| form | is written | such as |\n|---|---|---|\n");
    let name = format!("1 to {} of `a-z A-Z 0-9 . _ -`; two that are equal but for case are one", limits::NAME_BYTES);
    let resource = format!("such segments joined by single `/`, {} bytes at most", limits::RESOURCE_NAME_BYTES);
    let longest =
        format!("days, hours, minutes and seconds in this order, {} at most, never none", limits::LONGEST_GRANT);
    let email = format!("one `@`, ASCII, no blanks, {} bytes at most; compared without case", limits::EMAIL_BYTES);
    let expression = format!(
        "Cedar, {} bytes at most: see [expressions](../policy.md#expressions-and-guardrails)",
        limits::CEDAR_BYTES
    );
    let rows: [(&str, &str, &str); 20] = [
        ("text", "quoted where some YAML reader would take it for something else", "`orders`, `\"no\"`, `\"12:30\"`"),
        ("name", &name, "`db-debug`"),
        ("resource name", &resource, "`services/db`"),
        (
            "glob",
            "a resource name with `*` within one segment, or `**` alone in its segment for one or more whole ones",
            "`services/*`, `prod/**`",
        ),
        ("e-mail address", &email, "`ann@example.com`"),
        (
            "person or group",
            "an e-mail address, `user:EMAIL`, or `group:NAME` of `groups` or `idp_groups`",
            "`ann@example.com`, `group:dba`",
        ),
        ("principal", "a person, a group, or whoever is on call: `oncall:NAME`", "`oncall:db`"),
        ("duration", &longest, "`90s`, `5m`, `2h`, `1d`, `1h30m`"),
        ("number", "decimal digits, without quotes", "`3`"),
        ("time of day", "hours and minutes of 24 hours, quoted", "`\"09:00\"`"),
        ("days", "a day, or days from one to another", "`mon`, `mon-fri`, `fri-mon`"),
        ("time zone", "an IANA name", "`Europe/Berlin`, `UTC`"),
        ("time", "RFC 3339, with its offset", "`2026-03-02T10:00:00+01:00`"),
        ("IP address", "IPv4 or IPv6", "`10.1.2.3`, `\"2001:db8::1\"`"),
        (
            "address range",
            "an address and a prefix length, without bits after the prefix",
            "`10.0.0.0/8`, `\"2001:db8::/32\"`",
        ),
        (
            "pattern",
            "a regular expression in linear time: no look-around, no back-references. It matches the whole text",
            "`\"INC-[0-9]+\"`",
        ),
        ("expression", &expression, "`context.oncall`"),
        (
            "reference",
            "`env:NAME`, `file:/PATH` or `openbao:PATH#KEY`: where a secret is",
            "`env:CURFEW_SERVICES_DB_URL`",
        ),
        (
            "destination",
            "`slack:#CHANNEL`, `email:ADDRESS`, or `webhook:NAME` of the server's configuration",
            "`\"email:dba@example.com\"`",
        ),
        ("glob over files", "a path below the policy folder, with `*` and `**`", "`\"teams/orders/**\"`"),
    ];
    for (form, written, example) in rows {
        line(page, &format!("| {form} | {} | {} |", cell(written), cell(example)));
    }
}
