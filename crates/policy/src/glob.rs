//! Globs over resource names: `*` within one segment, `**` for one or more whole segments.

use crate::model::Pattern;
use curfew_domain::{ResourceName, limits};

/// Why a text is neither a resource name nor a glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAPattern {
    #[error(
        "segments of a-z A-Z 0-9 . _ - and * are joined by single /, {} bytes at most",
        limits::RESOURCE_NAME_BYTES
    )]
    Grammar,
    #[error("`**` stands alone in its segment")]
    DoubleStar,
}

/// A name, or a glob when there is a `*` in it.
pub(crate) fn parse(text: &str) -> Result<Pattern, NotAPattern> {
    if !text.contains('*') {
        return ResourceName::new(text).map(Pattern::Exact).map_err(|_| NotAPattern::Grammar);
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'*');
    let segment = |s: &str| !s.is_empty() && s.bytes().all(allowed);
    if text.len() > limits::RESOURCE_NAME_BYTES || !text.split('/').all(segment) {
        return Err(NotAPattern::Grammar);
    }
    if text.split('/').any(|s| s.contains("**") && s != "**") {
        return Err(NotAPattern::DoubleStar);
    }
    Ok(Pattern::Glob(text.to_owned()))
}

/// Whether a glob covers a name. Time grows with the product of both lengths, whatever the glob.
pub(crate) fn matches(glob: &str, name: &str) -> bool {
    // What follows the last star ends the name: that is seen soonest.
    if !name.ends_with(glob.rsplit('*').next().unwrap_or_default()) {
        return false;
    }
    let joints = |text: &str| text.bytes().filter(|b| *b == b'/').count();
    let (wanted, had) = (joints(glob), joints(name));
    // Each segment of a glob covers one of the name at least, and only `**` covers more.
    if wanted > had {
        return false;
    }
    if !glob.contains("**") {
        return wanted == had && glob.split('/').zip(name.split('/')).all(|(part, name)| segment(part, name));
    }
    with_double_stars(glob, name)
}

fn with_double_stars(glob: &str, name: &str) -> bool {
    let names: Vec<&str> = name.split('/').collect();
    // `reached[n]`: the segments of the glob so far cover exactly the first n segments of the name.
    let mut reached = vec![false; names.len() + 1];
    reached[0] = true;
    for part in glob.split('/') {
        let mut next = vec![false; names.len() + 1];
        for n in 0..names.len() {
            let covers = if part == "**" { reached[n] || next[n] } else { reached[n] && segment(part, names[n]) };
            next[n + 1] = covers;
        }
        reached = next;
    }
    reached[names.len()]
}

/// A glob over the paths of policy files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathGlob(String);

impl PathGlob {
    /// Segments joined by single `/`, `**` alone in its segment.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let sound = |segment: &str| {
            let odd = |c: char| c.is_control() || matches!(c, '\\' | '?' | '[' | ']' | '{' | '}');
            let stars = !segment.contains("**") || segment == "**";
            !segment.is_empty() && !matches!(segment, "." | "..") && !segment.contains(odd) && stars
        };
        (text.len() <= limits::RESOURCE_NAME_BYTES && text.split('/').all(sound)).then(|| Self(text.to_owned()))
    }

    /// Whether it covers a path relative to the policy folder.
    pub fn matches(&self, path: &str) -> bool {
        matches(&self.0, path)
    }
}

impl std::fmt::Display for PathGlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a glob without `/` covers a segment; `*` covers nothing too.
fn segment(glob: &str, name: &str) -> bool {
    let Some((first, behind)) = glob.split_once('*') else { return glob == name };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let (between, last) = behind.rsplit_once('*').map_or((None, behind), |(between, last)| (Some(between), last));
    for part in between.into_iter().flat_map(|parts| parts.split('*')) {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_globs_cover() {
        let yes = [
            ("services/*", "services/db"),
            ("services/**", "services/db"),
            ("services/**", "services/a/b/c"),
            ("**", "a"),
            ("**", "a/b"),
            ("**/db", "x/y/db"),
            ("a/**/z", "a/b/c/z"),
            ("db-*", "db-"),
            ("db-*", "db-1"),
            ("*-db-*", "eu-db-1"),
            ("*a*a", "aba"),
            ("*", "a"),
        ];
        for (glob, name) in yes {
            assert!(matches(glob, name), "{glob} should cover {name}");
            assert!(with_double_stars(glob, name), "the long way says otherwise of {glob} and {name}");
        }
        let no = [
            ("services/*", "services"),
            ("services/*", "services/a/b"),
            ("services/**", "services"),
            ("**/db", "db"),
            ("a/**/z", "a/z"),
            ("db-*", "db"),
            ("*a*a", "a"),
            ("*", "a/b"),
            ("Services/*", "services/db"),
        ];
        for (glob, name) in no {
            assert!(!matches(glob, name), "{glob} should not cover {name}");
            assert!(!with_double_stars(glob, name), "the long way says otherwise of {glob} and {name}");
        }
    }

    #[test]
    fn what_is_no_glob() {
        assert_eq!(parse("a**/b"), Err(NotAPattern::DoubleStar));
        assert_eq!(parse("***"), Err(NotAPattern::DoubleStar));
        for text in ["", "/", "a//b", "a/", "a b*", "ä*", "[a]*", "a?", &"*".repeat(257)] {
            assert_eq!(parse(text), Err(NotAPattern::Grammar), "{text}");
        }
        assert!(matches!(parse("a/b"), Ok(Pattern::Exact(_))));
    }
}
