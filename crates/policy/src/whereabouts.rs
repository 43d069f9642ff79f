//! Where in a longer text stands what a complaint is about, so that a line can be named in a guardrail of many.
//!
//! **Invariant:** it only points. What stands there more than once is not guessed: the beginning is named then.

use crate::parse::end_of;
use crate::problem::At;
use crate::source::{Pos, Span};

/// How a text that was read stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbatim {
    /// Otherwise than it was read: folded, or with escapes.
    No,
    /// Letter by letter on one line, behind so many bytes: a quote.
    Line(u8),
    /// Line by line; every one but the first, and but the empty ones, behind so many blanks.
    Lines(u16),
}

impl Verbatim {
    /// A text without quotes.
    pub(crate) fn plain(raw: &str, text: &str) -> Self {
        if raw.trim_end() == text && !text.contains('\n') { Self::Line(0) } else { Self::No }
    }

    /// A text between quotes.
    pub(crate) fn quoted(raw: &str, text: &str) -> Self {
        let inside = raw.get(1..raw.len().saturating_sub(1));
        if inside == Some(text) && !text.contains('\n') { Self::Line(1) } else { Self::No }
    }

    /// A text behind `|`, of which `raw` begins with the first letter, in this column.
    pub(crate) fn literal(raw: &str, text: &str, column: u32) -> Self {
        let Ok(indent) = u16::try_from(column.saturating_sub(1)) else { return Self::No };
        let blanks = " ".repeat(indent.into());
        let mut rows = raw.lines();
        let same = text.lines().enumerate().all(|(number, line)| match rows.next() {
            Some(row) if number == 0 => row == line,
            Some(row) => row.strip_prefix(&blanks) == Some(line) || (row.is_empty() && line.is_empty()),
            None => false,
        });
        if same { Self::Lines(indent) } else { Self::No }
    }

    /// How much further to the right, and how many bytes further, than in the text something in its line `line` stands.
    fn shift(self, before: &str, line: u32) -> Option<(u32, usize)> {
        match self {
            Self::No => None,
            Self::Line(skipped) => Some((skipped.into(), skipped.into())),
            Self::Lines(_) if line == 1 => Some((0, 0)),
            Self::Lines(indent) => {
                let last = before.split('\n').count() - 1;
                // The line it stands in is not empty, whatever is before it there.
                let indented =
                    before.split('\n').enumerate().skip(1).filter(|(at, row)| *at == last || !row.is_empty());
                Some((indent.into(), usize::from(indent) * indented.count()))
            }
        }
    }
}

/// The place of the first word in backticks that stands in the text exactly once; otherwise where the text begins.
pub(crate) fn within(begins: At, (text, verbatim): (&str, Verbatim), complaint: &str) -> At {
    let mut named = complaint.split('`').skip(1).step_by(2);
    let Some((offset, len)) = named.find_map(|word| Some((only(text, word)?, word.len()))) else { return begins };
    let before = &text[..offset];
    let further = end_of(before);
    let Some((columns, bytes)) = verbatim.shift(before, further.line) else { return begins };
    let first = if further.line > 1 { 1 } else { begins.pos.column };
    let pos = Pos { line: begins.pos.line + further.line - 1, column: first + columns + further.column - 1 };
    At { pos, span: begins.span.map(|span| Span { offset: span.offset + offset + bytes, len }) }
}

/// Where a whole word stands, if it stands there once.
fn only(text: &str, word: &str) -> Option<usize> {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_whole = |at: &usize| {
        let (before, after) = (text[..*at].chars().next_back(), text[*at + word.len()..].chars().next());
        let joins = |inner: Option<char>, outer: Option<char>| {
            inner.is_some_and(part_of_a_word) && outer.is_some_and(part_of_a_word)
        };
        !joins(word.chars().next(), before) && !joins(word.chars().next_back(), after)
    };
    let mut found = text.match_indices(word).map(|(at, _)| at).filter(is_whole);
    match (word.is_empty(), found.next(), found.next()) {
        (false, Some(at), None) => Some(at),
        (true, ..) | (false, None, _) | (false, Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_stands_there_once_is_pointed_at() {
        let begins = At { pos: Pos { line: 3, column: 5 }, span: Some(Span { offset: 40, len: 9 }) };
        let text = "forbid (principal, action, resource)\nwhen { context.mfa && ä.onCall && context.mfa };";
        let place = |complaint: &str| {
            let at = within(begins, (text, Verbatim::Lines(0)), complaint);
            (at.pos.line, at.pos.column, at.span.expect("a span").offset)
        };
        assert_eq!(place("attribute `onCall` in context"), (4, 25, 40 + 62));
        assert_eq!(place("unexpected `forbid`"), (3, 5, 40));
        assert_eq!(place("unexpected `principal`"), (3, 13, 48));
        for other in ["`mfa` twice", "`Call` is a part", "`nothing`", "no word", "``"] {
            assert_eq!(place(other), (3, 5, 40), "{other}");
        }
    }

    #[test]
    fn what_was_not_read_letter_by_letter_is_not_pointed_into() {
        assert_eq!(Verbatim::plain("a b", "a b"), Verbatim::Line(0));
        assert_eq!(Verbatim::plain("a\n  b", "a b"), Verbatim::No);
        assert_eq!(Verbatim::quoted("'a b'", "a b"), Verbatim::Line(1));
        for (raw, text) in [("'it''s'", "it's"), ("\"a\\\"b\"", "a\"b"), ("\"a\n b\"", "a b"), ("'", ""), ("", "")] {
            assert_eq!(Verbatim::quoted(raw, text), Verbatim::No, "{raw}");
        }
        assert_eq!(Verbatim::literal("a\n\n   b\n", "a\n\n b\n", 3), Verbatim::Lines(2));
        for (raw, text) in [("a\n b\n", "a\nb\n"), ("a\n", "a\nb\n"), (" a\n", "a\n")] {
            assert_eq!(Verbatim::literal(raw, text, 3), Verbatim::No, "{raw}");
        }
    }
}
