//! Single texts with a grammar of their own: hours, zones, addresses, times, destinations.

use crate::address::Network;
use crate::glob::PathGlob;
use crate::language::{Midnight, Word};
use crate::node::{Looks, Node, Scalar};
use crate::problem::Problems;
use crate::shape::{Site, shown};
use crate::window;
use curfew_domain::{Email, RoleName, Timestamp, limits};
use std::net::IpAddr;

/// Reports what is wrong with a text of one of these kinds.
pub(crate) fn check(node: &Node, text: &str, word: Word, site: Site<'_>, out: &mut Problems) {
    let wrong = match word {
        Word::Email => text.parse::<Email>().is_err().then(|| {
            ("e-mail", format!("`{}` is not an e-mail address", shown(text)), "write one @, ASCII, no blanks")
        }),
        Word::AccountNumber => (!is_digits(text)).then(|| {
            (
                "account-number",
                format!("`{}` is not the number of an account", shown(text)),
                "a number stays when a name is taken over; quote it: \"583231\"",
            )
        }),
        Word::Expression => expression(text),
        Word::Clock(midnight) => clock(text, midnight),
        Word::Zone => window::zone(text).is_none().then(|| {
            (
                "time-zone",
                format!("there is no time zone `{}`", shown(text)),
                "write an IANA name such as Europe/Berlin or UTC",
            )
        }),
        Word::Cidr => Network::parse(text).err().map(|why| {
            (
                "cidr",
                format!("`{}` is not an address range: {why}", shown(text)),
                "write 10.0.0.0/8 or 2001:db8::/32; one address is 10.1.2.3/32",
            )
        }),
        Word::Address => text
            .parse::<IpAddr>()
            .is_err()
            .then(|| ("address", format!("`{}` is not an IP address", shown(text)), "write 10.1.2.3 or 2001:db8::1")),
        Word::Time => text
            .parse::<Timestamp>()
            .is_err()
            .then(|| ("time", format!("`{}` is not a time", shown(text)), "write 2026-03-02T10:00:00+01:00")),
        Word::Destination => (!is_destination(text)).then(|| {
            (
                "destination",
                format!("`{}` is no place for notices", shown(text)),
                "write slack:#channel, email:ADDRESS or webhook:NAME",
            )
        }),
        Word::PathGlob => PathGlob::parse(text).is_none().then(|| {
            (
                "path",
                format!("`{}` is not a glob over files", shown(text)),
                "write a path below the policy folder, such as teams/orders/**",
            )
        }),
    };
    if let Some((code, message, hint)) = wrong {
        site.refuse(out, node.at(), code, message, hint);
    }
}

/// A text, a boolean or a whole number.
pub(crate) fn check_scalar(node: &Node, scalar: &Scalar, site: Site<'_>, out: &mut Problems) {
    let sound = match scalar.looks() {
        Looks::Text => true,
        Looks::Boolean => matches!(scalar.text.as_str(), "true" | "false"),
        Looks::Number => whole_number(&scalar.text).is_some(),
        Looks::Null => false,
    };
    if !sound {
        let text = shown(&scalar.text);
        let message = format!("`{text}` in `{}` is neither a text nor a whole number nor true or false", site.what);
        site.refuse(out, node.at(), "quote-it", message, format!("if it is a text, quote it: \"{text}\""));
    }
}

/// Decimal digits, perhaps with a minus, as everybody writes a number.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits == "0" || (is_digits(digits) && !digits.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

fn is_digits(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

type Wrong = (&'static str, String, &'static str);

/// Whether it is Cedar is said once it is known what it may speak of: see `expression`.
fn expression(text: &str) -> Option<Wrong> {
    if text.trim().is_empty() {
        return Some(("empty-text", "the expression is empty".to_owned(), "write when it is true, in Cedar"));
    }
    let long = text.len() > limits::CEDAR_BYTES;
    long.then(|| {
        ("text-length", format!("the expression has more than {} bytes", limits::CEDAR_BYTES), "say it in several")
    })
}

fn clock(text: &str, midnight: Midnight) -> Option<Wrong> {
    const HINT: &str = "write hours and minutes, as \"09:00\"";
    match window::parse_clock(text) {
        Some(minute) if minute == window::DAY && midnight == Midnight::Start => {
            Some(("clock", "`24:00` is no time to begin".to_owned(), "write \"00:00\""))
        }
        Some(_) => None,
        None => Some(("clock", format!("`{}` is no time of day", shown(text)), HINT)),
    }
}

fn is_destination(text: &str) -> bool {
    let plain =
        |t: &str| (1..=80).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    match text.split_once(':') {
        Some(("slack", channel)) => channel.strip_prefix(['#', '@']).is_some_and(plain),
        Some(("email", address)) => address.parse::<Email>().is_ok(),
        Some(("webhook", name)) => RoleName::new(name).is_ok(),
        Some(_) | None => false,
    }
}
