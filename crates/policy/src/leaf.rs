//! Single values: what each may be, and reading them once they were checked.

use crate::glob;
use crate::language::{Compound, Shape, Word};
use crate::model::Principal;
use crate::nearest::nearest;
use crate::node::{Looks, Node, Scalar, Style, Value};
use crate::problem::Problems;
use crate::shape::{Due, Site, article, shown};
use crate::words;
use crate::workload;
use curfew_domain::time::NotALength;
use curfew_domain::{Email, GroupName, ResourceName, RoleName, Seconds, limits};

/// Reports what is wrong with a value that is no collection.
pub(crate) fn check(node: &Node, shape: &Shape, site: Site<'_>, out: &mut Problems) {
    let Value::Scalar(scalar) = &node.value else {
        return site.wrong_kind(out, node, Due::Words(due(shape)));
    };
    match shape {
        Shape::Boolean => check_boolean(node, scalar, site, out),
        Shape::Integer(low, high) => check_integer(node, scalar, (*low, *high), site, out),
        Shape::Duration => check_duration(node, scalar, site, out),
        Shape::Scalar => words::check_scalar(node, scalar, site, out),
        Shape::Text
        | Shape::Name(_)
        | Shape::ResourceName
        | Shape::Connector
        | Shape::Member
        | Shape::Principal
        | Shape::Receiver
        | Shape::Word(_)
        | Shape::Reference
        | Shape::Regex
        | Shape::Choice(_) => check_text(node, scalar, shape, site, out),
        Shape::Settings | Shape::Compound(_) | Shape::List(..) | Shape::Map(..) | Shape::Record(_) => {
            site.wrong_kind(out, node, Due::Words(due(shape)))
        }
    }
}

/// What should stand there, for a person.
pub(crate) fn due(shape: &Shape) -> &'static str {
    match shape {
        Shape::Boolean => "true or false",
        Shape::Integer(..) => "a whole number",
        Shape::Duration => "a duration such as 2h",
        Shape::Member => "an e-mail address or group:NAME",
        Shape::Principal => "an e-mail address, group:NAME or oncall:NAME",
        Shape::Receiver => "`pipeline`, `actor`, an e-mail address or group:NAME",
        Shape::Scalar => "a text, a number or a boolean",
        Shape::Word(Word::Email) => "an e-mail address",
        Shape::Word(Word::Clock(_)) => "an hour such as \"09:00\"",
        Shape::Word(Word::Time) => "a time such as 2026-03-02T10:00:00+01:00",
        Shape::Word(
            Word::AccountNumber
            | Word::Expression
            | Word::Zone
            | Word::Cidr
            | Word::Address
            | Word::Destination
            | Word::PathGlob,
        ) => "a text",
        Shape::Text
        | Shape::Name(_)
        | Shape::ResourceName
        | Shape::Connector
        | Shape::Reference
        | Shape::Regex
        | Shape::Choice(_) => "a text",
        Shape::Compound(Compound::ResourcePattern) => "the name of a resource, or a mapping with `labels`",
        Shape::Compound(Compound::Requesters) => "`anyone`, or a list of persons, groups and workloads",
        Shape::Compound(Compound::Claim) => "a text or a list of texts",
        Shape::Compound(Compound::Days) => "days such as mon-fri, or a list of such",
        Shape::Compound(Compound::MfaFact) => "true, false or {age: 20m}",
        Shape::Compound(Compound::Expect) => "an outcome or a mapping",
        Shape::Compound(Compound::Approval) => "`automatic`, the name of a chain, or a mapping with `stages`",
        Shape::List(..) => "a list",
        Shape::Compound(Compound::DurationRule) => "a duration such as 2h, or a mapping with min, default and max",
        Shape::Settings | Shape::Compound(Compound::Trigger | Compound::Claims) | Shape::Map(..) | Shape::Record(_) => {
            "a mapping"
        }
    }
}

fn check_text(node: &Node, scalar: &Scalar, shape: &Shape, site: Site<'_>, out: &mut Problems) {
    if !is_text(node, scalar, site, out) {
        return;
    }
    let text = scalar.text.as_str();
    match shape {
        Shape::Name(kind) => check_name(node, text, kind, site, out),
        Shape::ResourceName => {
            let hint = "write segments such as `services/db`";
            if let Err(e) = ResourceName::new(text) {
                site.refuse(out, node.at(), "name", format!("`{}` is not a {}: {}", shown(text), e.kind, e.rule), hint);
            } else if text.split('/').any(|segment| segment.len() > limits::NAME_BYTES) {
                // A ledger may know longer ones, and has to end what they gave.
                let message = format!("a segment of `{}` is longer than {} bytes", shown(text), limits::NAME_BYTES);
                site.refuse(out, node.at(), "name", message, hint);
            }
        }
        Shape::Member => check_principal(node, text, Whom::Member, site, out),
        Shape::Principal => check_principal(node, text, Whom::Anybody, site, out),
        Shape::Receiver if matches!(text, "pipeline" | "actor") => {}
        Shape::Receiver => match nearest(text, ["pipeline", "actor"]).filter(|_| !text.contains([':', '@'])) {
            Some(near) => {
                let message = format!("`{}` is nobody whom a trigger gives to", shown(text));
                site.refuse(out, node.at(), "principal", message, format!("did you mean `{near}`?"));
            }
            None => check_principal(node, text, Whom::Member, site, out),
        },
        Shape::Reference => check_reference(node, text, site, out),
        Shape::Choice(words) => check_choice(node, text, words, site, out),
        Shape::Word(word) => words::check(node, text, *word, site, out),
        // A pattern is compiled where it is kept, once however many roles share it: see `draft`.
        Shape::Regex
        | Shape::Text
        | Shape::Connector
        | Shape::Boolean
        | Shape::Integer(..)
        | Shape::Duration
        | Shape::Scalar
        | Shape::Compound(_)
        | Shape::Settings
        | Shape::List(..)
        | Shape::Map(..)
        | Shape::Record(_) => {}
    }
}

/// Who can stand in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// Persons and groups.
    Member,
    /// Whoever is on call, too.
    Anybody,
}

/// Refuses what some reader would take for something other than text.
pub(crate) fn is_text(node: &Node, scalar: &Scalar, site: Site<'_>, out: &mut Problems) -> bool {
    let looks = match scalar.looks() {
        Looks::Text => return true,
        Looks::Number => "a number",
        Looks::Boolean => "a boolean",
        Looks::Null => "null",
    };
    let text = shown(&scalar.text);
    let message = format!("`{text}` is {looks} to some readers, and `{}` needs a text", site.what);
    // Hours have two digits, quoted or not.
    let hour = matches!(site.what, "from" | "to") && text.find(':') == Some(1);
    let zero = if hour { "0" } else { "" };
    site.refuse(out, node.at(), "quote-it", message, format!("quote it: \"{zero}{text}\""));
    false
}

fn check_name(node: &Node, text: &str, kind: &str, site: Site<'_>, out: &mut Problems) {
    // All names of one segment share the grammar of role names.
    if let Err(e) = RoleName::new(text) {
        site.refuse(
            out,
            node.at(),
            "name",
            format!("`{}` is not {} {kind}: {}", shown(text), article(kind), e.rule),
            name_to_write(text),
        );
    }
}

/// A name like the one that was written, in the letters that a name has.
fn name_to_write(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = text.trim().chars().map(|c| if plain(c) { c } else { '-' }).take(64).collect();
    if let Some((prefix @ ("group" | "user" | "oncall"), name)) = text.split_once(':')
        && RoleName::new(name).is_ok()
    {
        return format!("write `{name}`, without `{prefix}:`");
    }
    if text.contains('*') {
        return "name each of them: only the resource of a condition can be a glob".to_owned();
    }
    match name.chars().any(|c| c.is_ascii_alphanumeric()) {
        true => format!("write `{name}`, for example"),
        false => "write letters, digits, `.`, `_` or `-`".to_owned(),
    }
}

pub(crate) fn check_pattern(node: &Node, scalar: &Scalar, site: Site<'_>, out: &mut Problems) {
    if !is_text(node, scalar, site, out) {
        return;
    }
    let text = scalar.text.as_str();
    if text.is_empty() {
        return site.refuse(
            out,
            node.at(),
            "empty-text",
            "`resource` is empty",
            "name a resource, or write a glob such as services/*",
        );
    }
    if let Err(e) = glob::parse(text) {
        site.refuse(
            out,
            node.at(),
            "name",
            format!("`{}` names no resource: {e}", shown(text)),
            "write `services/db` or a glob such as services/*",
        );
    }
}

fn check_principal(node: &Node, text: &str, whom: Whom, site: Site<'_>, out: &mut Problems) {
    if text.contains('*') {
        let message = format!("`{}` has a `*`, but persons and groups are named one by one", shown(text));
        return site.refuse(
            out,
            node.at(),
            "principal",
            message,
            "declare a group of the identity provider's in `idp_groups`, and name it: group:NAME",
        );
    }
    let why = match (parse_principal(text), whom) {
        (Ok(Principal::OnCall(_)), Whom::Member) => NotAPrincipal::NoOnCallHere,
        (Ok(_), _) => return,
        (Err(why), _) => why,
    };
    let text = shown(text);
    let hint = match whom {
        Whom::Member => "write a person as ann@example.com, a group as group:NAME",
        Whom::Anybody => "write a person as ann@example.com, a group as group:NAME, whoever is on call as oncall:NAME",
    };
    match why {
        NotAPrincipal::NoOnCallHere => {
            let message = format!("`{text}` cannot stand in `{}`: who is on call changes by the hour", site.what);
            site.refuse(out, node.at(), "principal", message, hint);
        }
        NotAPrincipal::OnCall => {
            let message = format!("`{text}` names nobody on call: 1 to 64 of a-z A-Z 0-9 . _ -");
            site.refuse(out, node.at(), "principal", message, hint);
        }
        NotAPrincipal::Anyone => {
            let message = format!("`anyone` cannot stand in `{}`", site.what);
            site.refuse(
                out,
                node.at(),
                "principal",
                message,
                "only `requesters: anyone` can be written, without a list",
            );
        }
        NotAPrincipal::Prefix => {
            let message = format!("`{text}` has an unknown prefix");
            let meant = text.split_once(':').and_then(|(_, rest)| GroupName::new(rest).ok());
            let hint = meant.map_or_else(|| hint.to_owned(), |name| format!("a group is written group:{name}"));
            site.refuse(out, node.at(), "principal", message, hint);
        }
        NotAPrincipal::Word => {
            let message = format!("`{text}` is neither a person nor a group");
            site.refuse(
                out,
                node.at(),
                "principal",
                message,
                format!("write group:{text} for a group, an e-mail address for a person"),
            );
        }
        NotAPrincipal::Email => {
            let message = format!(
                "`{text}` is not an e-mail address: one @, ASCII, no blanks, {} bytes at most",
                limits::EMAIL_BYTES
            );
            site.refuse(out, node.at(), "principal", message, hint);
        }
        NotAPrincipal::Group => {
            let message = format!("`{text}` names no group: 1 to 64 of a-z A-Z 0-9 . _ -");
            site.refuse(out, node.at(), "principal", message, hint);
        }
    }
}

fn check_reference(node: &Node, text: &str, site: Site<'_>, out: &mut Problems) {
    let environment = |name: &str| {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        !name.is_empty() && name.bytes().all(word) && !name.as_bytes()[0].is_ascii_digit()
    };
    let sound = !text.chars().any(char::is_whitespace)
        && match text.split_once(':') {
            Some(("env", name)) => environment(name),
            Some(("file", path)) => path.starts_with('/'),
            Some(("openbao", place)) => place.split_once('#').is_some_and(|(p, k)| !p.is_empty() && !k.is_empty()),
            Some(_) | None => false,
        };
    if !sound {
        // The text is not repeated: it may be a secret that somebody pasted.
        let message = "`admin` is not a reference";
        let hint =
            "write env:NAME, file:/PATH or openbao:PATH#KEY, and put the secret there; it never stands in a policy";
        site.refuse(out, node.at(), "reference", message, hint);
    }
}

pub(crate) fn check_choice(node: &Node, text: &str, words: &[&str], site: Site<'_>, out: &mut Problems) {
    if words.contains(&text) {
        return;
    }
    let list = words.join(", ");
    let hint = match nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? It is one of: {list}"),
        None if words.len() == 1 => format!("write {list}"),
        None => format!("write one of: {list}"),
    };
    site.refuse(out, node.at(), "unknown-value", format!("`{}` cannot be `{}`", site.what, shown(text)), hint);
}

fn check_boolean(node: &Node, scalar: &Scalar, site: Site<'_>, out: &mut Problems) {
    if boolean(node).is_none() {
        let (text, of) = (shown(&scalar.text), quoted_of(scalar));
        let message = format!("`{}` has to be true or false, not {of}`{text}`", site.what);
        let hint = match scalar.text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => "write true, without quotes",
            "false" | "no" | "off" => "write false, without quotes",
            _ => "write true or false, without quotes",
        };
        site.refuse(out, node.at(), "not-a-boolean", message, hint);
    }
}

fn check_integer(node: &Node, scalar: &Scalar, (low, high): (u32, u32), site: Site<'_>, out: &mut Problems) {
    let text = shown(&scalar.text);
    let digits = scalar.looks() == Looks::Number && scalar.text.bytes().all(|b| b.is_ascii_digit());
    let padded = scalar.text.len() > 1 && scalar.text.starts_with('0');
    if !digits || padded {
        let of = quoted_of(scalar);
        let message = format!("`{}` has to be a whole number, not {of}`{text}`", site.what);
        let hint = match scalar.text.parse::<u32>() {
            Ok(number) if (low..=high).contains(&number) => format!("write {number}, without quotes"),
            Ok(_) | Err(_) if low == high => format!("write {low}"),
            Ok(_) | Err(_) => format!("write a number from {low} to {high}, in decimal digits and without quotes"),
        };
        return site.refuse(out, node.at(), "not-a-number", message, hint);
    }
    let within = scalar.text.parse::<u32>().is_ok_and(|n| (low..=high).contains(&n));
    if !within {
        let message = format!("`{}` cannot be {text}", site.what);
        let hint = if low == high { format!("write {low}") } else { format!("write a number from {low} to {high}") };
        site.refuse(out, node.at(), "out-of-range", message, hint);
    }
}

/// So that nobody looks for the difference between 1 and "1".
fn quoted_of(scalar: &Scalar) -> &'static str {
    match scalar.style {
        Style::Plain => "",
        Style::Quoted | Style::Block => "the text ",
    }
}

fn check_duration(node: &Node, scalar: &Scalar, site: Site<'_>, out: &mut Problems) {
    let text = shown(&scalar.text);
    let longest = limits::LONGEST_GRANT;
    let endless = matches!(
        scalar.text.to_ascii_lowercase().as_str(),
        "forever" | "never" | "always" | "unlimited" | "infinite" | "permanent"
    );
    let (message, hint) = match scalar.text.parse::<Seconds>() {
        Ok(length) if length.as_secs() == 0 => {
            (format!("`{text}` is no time at all"), "write 90s, 5m, 2h or 1h30m".to_owned())
        }
        Ok(length) if length > longest => {
            (format!("`{text}` is longer than {longest}"), format!("write {longest} or less: access always ends"))
        }
        Ok(_) => return,
        Err(NotALength::NoUnit) => (format!("`{text}` has no unit"), format!("write {text}s, {text}m or {text}h")),
        Err(NotALength::TooLong) => {
            (format!("`{text}` is longer than {longest}"), format!("write {longest} or less: access always ends"))
        }
        Err(NotALength::Malformed) if endless => (
            format!("`{text}` is no duration: access always ends"),
            format!("write how long at most, {longest} or less"),
        ),
        Err(NotALength::Malformed) => (format!("`{text}` is not a duration"), length_to_write(&scalar.text)),
    };
    site.refuse(out, node.at(), "duration", message, hint);
}

/// `2h` for `2 hours`.
fn length_to_write(text: &str) -> String {
    let text = text.trim().to_ascii_lowercase();
    let (digits, word) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match word.trim() {
        "s" | "sec" | "secs" | "second" | "seconds" => Some((1, 's')),
        "m" | "min" | "mins" | "minute" | "minutes" => Some((1, 'm')),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some((1, 'h')),
        "d" | "day" | "days" => Some((1, 'd')),
        "w" | "week" | "weeks" => Some((7, 'd')),
        _ => None,
    };
    let length =
        unit.and_then(|(times, letter)| Some(format!("{}{letter}", digits.parse::<u32>().ok()?.checked_mul(times)?)));
    match length.filter(|length| length.parse::<Seconds>().is_ok_and(|s| s.as_secs() > 0 && s <= limits::LONGEST_GRANT))
    {
        Some(length) => format!("write {length}"),
        None => "write 90s, 5m, 2h, 1d or 1h30m".to_owned(),
    }
}

/// Why a text names neither a person nor a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAPrincipal {
    OnCall,
    NoOnCallHere,
    Anyone,
    Prefix,
    Word,
    Email,
    Group,
}

/// `user:EMAIL`, `group:NAME`, `oncall:NAME`, or a bare e-mail.
pub(crate) fn parse_principal(text: &str) -> Result<Principal, NotAPrincipal> {
    match text.split_once(':') {
        Some(("user", email)) => email.parse::<Email>().map(Principal::Person).map_err(|_| NotAPrincipal::Email),
        Some(("group", name)) => GroupName::new(name).map(Principal::Group).map_err(|_| NotAPrincipal::Group),
        Some(("oncall", name)) => GroupName::new(name).map(Principal::OnCall).map_err(|_| NotAPrincipal::OnCall),
        Some(_) => Err(NotAPrincipal::Prefix),
        None if text == "anyone" => Err(NotAPrincipal::Anyone),
        None if text.contains('@') => text.parse::<Email>().map(Principal::Person).map_err(|_| NotAPrincipal::Email),
        None => Err(NotAPrincipal::Word),
    }
}

/// A duration that was checked.
pub(crate) fn duration(node: &Node) -> Option<Seconds> {
    let length: Seconds = node.text()?.parse().ok()?;
    (length.as_secs() > 0 && length <= limits::LONGEST_GRANT).then_some(length)
}

/// `true` or `false`, unquoted.
pub(crate) fn boolean(node: &Node) -> Option<bool> {
    let Value::Scalar(scalar) = &node.value else { return None };
    match (scalar.looks(), scalar.text.as_str()) {
        (Looks::Boolean, "true") => Some(true),
        (Looks::Boolean, "false") => Some(false),
        _ => None,
    }
}

/// A whole number that was checked.
pub(crate) fn integer(node: &Node) -> Option<u32> {
    node.text()?.parse().ok()
}

/// A person or a group that was checked.
pub(crate) fn principal(node: &Node) -> Option<Principal> {
    parse_principal(node.text()?).ok()
}

/// Somebody who may ask: a person, a group, whoever is on call, or a workload.
pub(crate) fn requester(node: &Node) -> Option<Principal> {
    match &node.value {
        Value::Map(..) => workload::read(node).map(Principal::Workload),
        Value::Scalar(_) | Value::List(..) | Value::Broken => principal(node),
    }
}
