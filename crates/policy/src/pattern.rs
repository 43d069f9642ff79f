//! Patterns over texts that people type: linear-time, and always over the whole text.

use crate::model::TextPattern;
use regex::{Regex, RegexBuilder};

/// Bytes a compiled pattern may take. A pattern that needs more is refused when the policy is checked.
const COMPILED_BYTES: usize = 1 << 20;

impl TextPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Says in one line why it is none.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        // By itself first, so that `a)|(b` cannot escape from the group below.
        build(text)?;
        // A pattern in `(?x)` mode may end in a comment, which would swallow the closing bracket.
        let regex = build(&format!(r"\A(?:{text})\z")).or_else(|_| build(&format!("\\A(?:{text}\n)\\z")))?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

fn build(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).size_limit(COMPILED_BYTES).build().map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => "it is too large when compiled".to_owned(),
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> TextPattern {
        TextPattern::new(text).expect("a pattern")
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
    fn what_is_no_pattern() {
        for text in ["a)|(b", "(?=a)", r"(a)\1", "[", "(a{1000}){1000}"] {
            let why = TextPattern::new(text).expect_err(text);
            assert!(!why.is_empty() && !why.contains('\n'), "{text}: {why}");
        }
    }
}
