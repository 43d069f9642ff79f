//! Patterns over texts that people type: linear-time, and always over the whole text.

use crate::allowance::{Allowance, Paid};
use crate::model::TextPattern;
use regex::{Regex, RegexBuilder};

/// Bytes a compiled pattern may take, from small to large. One that needs more is refused when the policy is checked;
/// every other pays for the first that is enough.
const COMPILED_BYTES: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// Why a text is no pattern.
#[derive(Debug)]
pub(crate) enum NotAPattern {
    /// What is wrong, in one line.
    Wrong(String),
    /// The patterns of the set take too much together.
    TooMany,
}

impl TextPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When it is none, or the allowance is spent.
    pub(crate) fn new(text: &str, allowance: &Allowance) -> Result<Self, NotAPattern> {
        let mut too_large = None;
        for most in COMPILED_BYTES {
            if allowance.pay(most) == Paid::No {
                return Err(NotAPattern::TooMany);
            }
            match whole(text, most) {
                Ok(regex) => return Ok(Self { text: text.to_owned(), regex }),
                Err(regex::Error::CompiledTooBig(_)) => too_large = Some("it is too large when compiled".to_owned()),
                Err(other) => return Err(NotAPattern::Wrong(last_line(&other))),
            }
        }
        Err(NotAPattern::Wrong(too_large.unwrap_or_default()))
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

fn whole(text: &str, most: usize) -> Result<Regex, regex::Error> {
    // By itself first, so that `a)|(b` cannot escape from the group below.
    build(text, most)?;
    // A pattern in `(?x)` mode may end in a comment, which would swallow the closing bracket.
    build(&format!(r"\A(?:{text})\z"), most).or_else(|_| build(&format!("\\A(?:{text}\n)\\z"), most))
}

fn build(text: &str, most: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(most).build()
}

fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> TextPattern {
        TextPattern::new(text, &Allowance::endless()).expect("a pattern")
    }

    #[test]
    fn the_whole_text_has_to_match() {
        assert!(pattern("INC-[0-9]+").matches("INC-7"));
        assert!(!pattern("INC-[0-9]+").matches("INC-7 "));
        assert!(!pattern("a|b").matches("ab"));
        assert!(!pattern("a$").matches("a\n"));
        assert!(!pattern("(?m)^a$").matches("a\nb"));
        assert!(pattern("(?x) a b # a comment").matches("ab"));
    }

    #[test]
    fn large_patterns_pay_for_themselves() {
        let allowance = Allowance::of(3 << 20);
        let large = |n| TextPattern::new(&format!("(\\w{{9}}){{{n}}}"), &allowance);
        let refused = (1..200).find(|n| matches!(large(*n), Err(NotAPattern::TooMany)));
        assert!(refused.is_some_and(|n| n > 2), "{refused:?}");
    }

    #[test]
    fn what_is_no_pattern() {
        for text in ["a)|(b", "(?=a)", r"(a)\1", "[", "(a{1000}){1000}"] {
            let NotAPattern::Wrong(why) = TextPattern::new(text, &Allowance::endless()).expect_err(text) else {
                panic!("{text}")
            };
            assert!(!why.is_empty() && !why.contains('\n'), "{text}: {why}");
        }
    }
}
