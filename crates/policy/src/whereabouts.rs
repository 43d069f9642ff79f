//! Where in a longer text stands what a complaint is about, so that a line can be named in a guardrail of many.
//!
//! **Invariant:** it only points. What stands there more than once is not guessed: the beginning is named then.

use crate::parse::end_of;
use crate::problem::At;
use crate::source::{Pos, Span};

/// The place of the first word in backticks that stands in the text exactly once; otherwise where the text begins.
pub(crate) fn within(begins: At, text: &str, complaint: &str) -> At {
    let mut named = complaint.split('`').skip(1).step_by(2);
    let Some((offset, len)) = named.find_map(|word| Some((only(text, word)?, word.len()))) else { return begins };
    let further = end_of(&text[..offset]);
    let column = if further.line > 1 { further.column } else { begins.pos.column + further.column - 1 };
    let pos = Pos { line: begins.pos.line + further.line - 1, column };
    At { pos, span: begins.span.map(|span| Span { offset: span.offset + offset, len }) }
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
            let at = within(begins, text, complaint);
            (at.pos.line, at.pos.column, at.span.expect("a span").offset)
        };
        assert_eq!(place("attribute `onCall` in context"), (4, 25, 40 + 62));
        assert_eq!(place("unexpected `forbid`"), (3, 5, 40));
        assert_eq!(place("unexpected `principal`"), (3, 13, 48));
        for other in ["`mfa` twice", "`Call` is a part", "`nothing`", "no word", "``"] {
            assert_eq!(place(other), (3, 5, 40), "{other}");
        }
    }
}
