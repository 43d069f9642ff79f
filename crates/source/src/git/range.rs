//! `BASE..HEAD`, as people type it.

/// Two revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// What was.
    pub base: String,
    /// What is to be.
    pub head: String,
    /// `BASE...HEAD`: what HEAD brings since it parted from BASE, as code hosts show a pull request.
    pub since_they_parted: bool,
}

impl Range {
    /// A range, if the text is one. An absent end is `HEAD`.
    pub fn parse(text: &str) -> Option<Self> {
        let (base, head, since_they_parted) = match text.split_once("...") {
            Some((base, head)) => (base, head, true),
            None => text.split_once("..").map(|(base, head)| (base, head, false))?,
        };
        // Git knows no such names either, and a path like `../old` is none.
        let sound = |end: &str| !end.contains("..") && !end.starts_with(['/', '.']) && !end.ends_with(['/', '.']);
        if text.len() > 1_000 || !sound(base) || !sound(head) || (base.is_empty() && head.is_empty()) {
            return None;
        }
        let end = |end: &str| if end.is_empty() { "HEAD".to_owned() } else { end.to_owned() };
        Some(Self { base: end(base), head: end(head), since_they_parted })
    }
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn what_is_a_range() {
        let range = |base: &str, head: &str, since_they_parted| {
            Some(Range { base: base.into(), head: head.into(), since_they_parted })
        };
        assert_eq!(Range::parse("main..HEAD"), range("main", "HEAD", false));
        assert_eq!(Range::parse("origin/main...feature/x"), range("origin/main", "feature/x", true));
        assert_eq!(Range::parse("v1.."), range("v1", "HEAD", false));
        assert_eq!(Range::parse("..v1"), range("HEAD", "v1", false));
        for no in ["", "..", "main", "../old", "..../x", "old/..", "a..b..c", "../.."] {
            assert_eq!(Range::parse(no), None, "{no}");
        }
    }
}
