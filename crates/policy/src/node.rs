//! A document as a tree that remembers where everything stood.

use crate::problem::At;
use crate::source::{Pos, Span};
use crate::whereabouts::Verbatim;

/// A value of the document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) pos: Pos,
    pub(crate) span: Span,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Layout, Vec<Node>),
    Map(Layout, Vec<Entry>),
    /// Something that was refused already; nothing more is said about it.
    Broken,
}

/// Text, and how it was written: a plain `no` is not the same as a quoted one.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) style: Style,
    pub(crate) verbatim: Verbatim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
    Block,
}

/// Whether a collection was written with brackets or by indentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Flow,
    Block,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Node,
    pub(crate) value: Node,
    /// The key that a misspelt one stands for: see `meant`.
    pub(crate) meant: Option<&'static str>,
}

impl Entry {
    /// The key as it is written, or as it was meant.
    pub(crate) fn name(&self) -> Option<&str> {
        self.meant.or_else(|| self.key.text())
    }
}

/// A comment, for the formatter.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    /// With the `#`.
    pub(crate) text: String,
    pub(crate) span: Span,
    pub(crate) pos: Pos,
}

/// A whole file.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Node,
    pub(crate) comments: Vec<Comment>,
}

impl Node {
    /// All of it.
    pub(crate) fn at(&self) -> At {
        At { pos: self.pos, span: Some(self.span) }
    }

    /// Where it begins, with just enough text to underline: a mapping's first key, an opening bracket.
    pub(crate) fn head(&self) -> At {
        let len = match &self.value {
            Value::Map(Layout::Block, entries) => entries.first().map_or(1, |e| e.key.span.len),
            Value::List(Layout::Block, _) | Value::Map(Layout::Flow, _) | Value::List(Layout::Flow, _) => 1,
            Value::Scalar(_) | Value::Broken => self.span.len,
        };
        At { pos: self.pos, span: Some(Span { offset: self.span.offset, len }) }
    }

    /// The text of a scalar, however it was written.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(s) => Some(&s.text),
            Value::List(..) | Value::Map(..) | Value::Broken => None,
        }
    }

    /// How its text stands in the file.
    pub(crate) fn verbatim(&self) -> Verbatim {
        match &self.value {
            Value::Scalar(s) => s.verbatim,
            Value::List(..) | Value::Map(..) | Value::Broken => Verbatim::No,
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(_, items) => items,
            Value::Scalar(_) | Value::Map(..) | Value::Broken => &[],
        }
    }

    /// The entries of a mapping.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(_, entries) => entries,
            Value::Scalar(_) | Value::List(..) | Value::Broken => &[],
        }
    }

    /// The value under a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|e| e.name() == Some(key)).map(|e| &e.value)
    }

    /// What a person would call it.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(s) => s.looks().word(),
            Value::List(..) => "a list",
            Value::Map(..) => "a mapping",
            Value::Broken => "something else",
        }
    }
}

impl PartialEq for Node {
    /// The same document, wherever its parts stand and however they are laid out.
    fn eq(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Scalar(a), Value::Scalar(b)) => a.text == b.text && a.looks() == b.looks(),
            (Value::List(_, a), Value::List(_, b)) => a == b,
            (Value::Map(_, a), Value::Map(_, b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && a.value == b.value)
            }
            (Value::Broken, Value::Broken) => true,
            (Value::Scalar(_) | Value::List(..) | Value::Map(..) | Value::Broken, _) => false,
        }
    }
}

/// What YAML readers, old and new, take a scalar for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    Text,
    Number,
    Boolean,
    Null,
}

impl Looks {
    fn word(self) -> &'static str {
        match self {
            Looks::Text => "a text",
            Looks::Number => "a number",
            Looks::Boolean => "a boolean",
            Looks::Null => "null",
        }
    }
}

impl Scalar {
    /// What some reader would take it for: YAML 1.1's `no`, `0o17` and `12:30` too, because people edit these
    /// files with tools that still do.
    pub(crate) fn looks(&self) -> Looks {
        match self.style {
            Style::Quoted | Style::Block => Looks::Text,
            Style::Plain if is_null(&self.text) => Looks::Null,
            Style::Plain if is_boolean(&self.text) => Looks::Boolean,
            Style::Plain if is_number(&self.text) => Looks::Number,
            Style::Plain => Looks::Text,
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// YAML 1.1 lists `y` and `n` too, but its readers take them for texts.
fn is_boolean(text: &str) -> bool {
    const WORDS: [&str; 6] = ["true", "false", "yes", "no", "on", "off"];
    let Some(behind) = text.get(1..) else { return false };
    // `true`, `True` and `TRUE`, but not `tRue`.
    let lower = behind.bytes().all(|b| b.is_ascii_lowercase());
    let upper = text.bytes().all(|b| b.is_ascii_uppercase());
    (lower || upper) && WORDS.iter().any(|w| text.eq_ignore_ascii_case(w))
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.' || first == '_') {
        return false;
    }
    let lower = unsigned.to_ascii_lowercase();
    if matches!(lower.as_str(), ".inf" | ".nan") {
        return true;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = lower.strip_prefix(prefix) {
            return !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix) || c == '_');
        }
    }
    is_decimal(&lower) || is_sexagesimal(&lower)
}

/// `12`, `1_000`, `1.5`, `.5`, `1e3`.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once('e').map_or((text, None), |(m, e)| (m, Some(e)));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let some_digit = mantissa.bytes().any(|b| b.is_ascii_digit());
    let starts_well = !mantissa.starts_with('_');
    let exponent_is_sound = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && e.bytes().all(|b| b.is_ascii_digit())
    });
    some_digit && starts_well && digits(whole) && digits(fraction) && exponent_is_sound
}

/// `12:30`, which YAML 1.1 reads as 750.
fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.split(':');
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let first = parts.next().is_some_and(digits);
    let rest: Vec<&str> = parts.collect();
    let sixty = |t: &str| {
        let whole = t.split_once('.').map_or(t, |(w, _)| w);
        digits(whole) && whole.len() <= 2 && whole.parse::<u8>().is_ok_and(|n| n < 60)
    };
    first && !rest.is_empty() && rest.into_iter().all(sixty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(text: &str) -> Looks {
        Scalar { text: text.to_owned(), style: Style::Plain, verbatim: Verbatim::No }.looks()
    }

    #[test]
    fn what_some_reader_takes_for_a_number() {
        for text in [
            "0", "12", "-3", "+3", "1_000", "1.5", ".5", "5.", "1e3", "0x1F", "0o17", "0b1", "017", ".inf", "12:30",
            "1:30:00",
        ] {
            assert_eq!(looks(text), Looks::Number, "{text}");
        }
        for text in [
            "1h",
            "10.0.0.0/8",
            "1.2.3",
            "e3",
            "_",
            ".",
            "-",
            "0xg",
            "12:99",
            "12:",
            "2h30m",
            "db:5432",
            "1_e",
            "2026-03-02",
        ] {
            assert_eq!(looks(text), Looks::Text, "{text}");
        }
    }

    #[test]
    fn what_some_reader_takes_for_a_boolean_or_nothing() {
        for text in ["true", "False", "YES", "no", "On", "off"] {
            assert_eq!(looks(text), Looks::Boolean, "{text}");
        }
        for text in ["", "~", "null", "NULL"] {
            assert_eq!(looks(text), Looks::Null, "{text}");
        }
        for text in ["nope", "tRUE", "none", "one", "y", "N"] {
            assert_eq!(looks(text), Looks::Text, "{text}");
        }
        assert_eq!(Scalar { text: "no".to_owned(), style: Style::Quoted, verbatim: Verbatim::No }.looks(), Looks::Text);
    }
}
