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
            let hint = "write it as ann@example.com: one @, ASCII, no blanks";
            ("e-mail", format!("`{}` is not an e-mail address", shown(text)), hint.to_owned())
        }),
        Word::AccountNumber => (!is_digits(text)).then(|| {
            let hint = "write the number, which stays when a name is taken over, and quote it: \"583231\"";
            ("account-number", format!("`{}` is not the number of an account", shown(text)), hint.to_owned())
        }),
        Word::Expression => expression(text),
        Word::Clock(midnight) => clock(text, midnight),
        Word::Zone => window::zone(text)
            .is_none()
            .then(|| ("time-zone", format!("there is no time zone `{}`", shown(text)), zone_to_write(text))),
        Word::Cidr => Network::parse(text)
            .err()
            .map(|why| ("cidr", format!("`{}` is not an address range: {why}", shown(text)), range_to_write(text))),
        Word::Address => text.parse::<IpAddr>().is_err().then(|| {
            let hint = "write 10.1.2.3 or 2001:db8::1";
            ("address", format!("`{}` is not an IP address", shown(text)), hint.to_owned())
        }),
        Word::Time => text.parse::<Timestamp>().is_err().then(|| {
            let hint = "write day, hour and offset: 2026-03-02T10:00:00+01:00";
            ("time", format!("`{}` is not a time", shown(text)), hint.to_owned())
        }),
        Word::Destination => (!is_destination(text))
            .then(|| ("destination", format!("`{}` is no place for notices", shown(text)), destination_to_write(text))),
        Word::PathGlob => PathGlob::parse(text).is_none().then(|| {
            let hint = "write a path below the policy folder, such as teams/orders/**";
            ("path", format!("`{}` is not a glob over files", shown(text)), hint.to_owned())
        }),
    };
    if let Some((code, message, hint)) = wrong {
        site.refuse(out, node.at(), code, message, hint);
    }
}

/// The range that was meant: one address, or the network of an address.
pub(crate) fn range_to_write(text: &str) -> String {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, p.parse::<u32>().ok()));
    let meant = match (address.parse::<IpAddr>(), prefix) {
        (Ok(address @ IpAddr::V4(_)), None) if !text.contains('/') => Some(format!("{address}/32")),
        (Ok(address @ IpAddr::V6(_)), None) if !text.contains('/') => Some(format!("{address}/128")),
        (Ok(address), Some(prefix)) => Network::around(address, prefix).map(|range| range.to_string()),
        (Ok(_), None) | (Err(_), _) => None,
    };
    match meant {
        Some(range) => format!("write {range}"),
        None => "write 10.0.0.0/8 or \"2001:db8::/32\"; one address is 10.1.2.3/32".to_owned(),
    }
}

fn zone_to_write(text: &str) -> String {
    const AREAS: [&str; 10] = [
        "Europe",
        "America",
        "Asia",
        "Africa",
        "Australia",
        "Atlantic",
        "Pacific",
        "Indian",
        "Antarctica",
        "America/Argentina",
    ];
    let city = text.trim().replace(' ', "_");
    match AREAS.iter().map(|area| format!("{area}/{city}")).find(|name| window::zone(name).is_some()) {
        Some(name) => format!("write {name}"),
        None => "write an IANA name such as Europe/Berlin or UTC".to_owned(),
    }
}

fn destination_to_write(text: &str) -> String {
    let meant = match text.strip_prefix('#') {
        Some(_) => Some(format!("slack:{text}")),
        None => text.parse::<Email>().is_ok().then(|| format!("email:{text}")),
    };
    match meant.filter(|meant| is_destination(meant)) {
        Some(meant) => format!("write \"{meant}\""),
        None if text.contains("://") => {
            "write webhook:NAME, with the name of one of the server's `[[webhooks]]`: no address stands in a policy"
                .to_owned()
        }
        None => "write \"slack:#channel\", \"email:dba@example.com\" or webhook:NAME".to_owned(),
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

type Wrong = (&'static str, String, String);

/// Whether it is Cedar is said once it is known what it may speak of: see `expression`.
fn expression(text: &str) -> Option<Wrong> {
    if text.trim().is_empty() {
        let hint = "write when it is true, in Cedar: `context.oncall`";
        return Some(("empty-text", "the expression is empty".to_owned(), hint.to_owned()));
    }
    let long = text.len() > limits::CEDAR_BYTES;
    long.then(|| {
        let hint = "say it in several expressions";
        ("text-length", format!("the expression has more than {} bytes", limits::CEDAR_BYTES), hint.to_owned())
    })
}

fn clock(text: &str, midnight: Midnight) -> Option<Wrong> {
    match window::parse_clock(text) {
        Some(minute) if minute == window::DAY && midnight == Midnight::Start => {
            Some(("clock", "`24:00` is no time to begin".to_owned(), "write \"00:00\"".to_owned()))
        }
        Some(_) => None,
        None => {
            let padded = format!("0{text}");
            let hint = match window::parse_clock(&padded) {
                Some(_) => format!("write \"{padded}\""),
                None => "write hours and minutes of 24 hours, as \"09:00\" or \"18:30\"".to_owned(),
            };
            Some(("clock", format!("`{}` is no time of day", shown(text)), hint))
        }
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
