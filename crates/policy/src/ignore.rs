//! `.curfewignore`: gitignore's syntax, over relative paths.

/// The rules of an ignore file, in order.
#[derive(Debug, Default)]
pub(crate) struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// From 1.
    line: u32,
    segments: Vec<String>,
    effect: Effect,
    /// Whether it began with, or has inside it, a `/`: then it is about the whole path.
    reach: Reach,
    covers: Covers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Ignore,
    Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    FromTop,
    AnyLevel,
}

/// A pattern that ends in `/` is about folders only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covers {
    Folders,
    Everything,
}

impl Ignore {
    /// The rules, and the lines that are none.
    pub(crate) fn parse(text: &str) -> (Self, Vec<u32>) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut ignore = Self::default();
        let mut bad = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let line = trimmed(line);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match Rule::parse(line, number) {
                Some(rule) => ignore.rules.push(rule),
                None => bad.push(number),
            }
        }
        (ignore, bad)
    }

    /// The line that leaves this file out. As in git, what is below an ignored folder cannot be taken back.
    pub(crate) fn rule_for(&self, path: &str) -> Option<u32> {
        let parts: Vec<&str> = path.split('/').collect();
        for length in 1..parts.len() {
            if let Some(line) = self.verdict(&parts[..length], Covers::Folders) {
                return Some(line);
            }
        }
        self.verdict(&parts, Covers::Everything)
    }

    /// The last rule that matches decides.
    fn verdict(&self, parts: &[&str], is: Covers) -> Option<u32> {
        let last = self.rules.iter().rev().find(|rule| rule.matches(parts, is))?;
        match last.effect {
            Effect::Ignore => Some(last.line),
            Effect::Keep => None,
        }
    }
}

/// Without trailing blanks, save one that is escaped.
fn trimmed(line: &str) -> &str {
    let cut = line.trim_end_matches([' ', '\t', '\r']);
    if cut.ends_with('\\') && cut.len() < line.len() { &line[..=cut.len()] } else { cut }
}

impl Rule {
    fn parse(line: &str, number: u32) -> Option<Self> {
        let (effect, pattern) = match line.strip_prefix('!') {
            Some(rest) => (Effect::Keep, rest),
            None => (Effect::Ignore, line),
        };
        let (covers, pattern) = match pattern.strip_suffix('/') {
            Some(rest) => (Covers::Folders, rest),
            None => (Covers::Everything, pattern),
        };
        let reach = if pattern.contains('/') { Reach::FromTop } else { Reach::AnyLevel };
        let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
        let segments: Vec<String> = pattern.split('/').map(str::to_owned).collect();
        let sound = segments.iter().all(|s| !s.is_empty() && brackets_close(s));
        sound.then_some(Self { line: number, segments, effect, reach, covers })
    }

    fn matches(&self, parts: &[&str], is: Covers) -> bool {
        if self.covers == Covers::Folders && is == Covers::Everything {
            return false;
        }
        match self.reach {
            Reach::FromTop => path_matches(&self.segments, parts),
            Reach::AnyLevel => parts.last().is_some_and(|name| path_matches(&self.segments, &[name])),
        }
    }
}

/// Whether a `[` has its `]`.
fn brackets_close(segment: &str) -> bool {
    let mut chars = segment.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => return false,
            '[' if class(&mut chars, '\0').is_none() => return false,
            _ => {}
        }
    }
    true
}

/// `**` at the start or in the middle is any number of folders, none too; at the end it is everything inside.
fn path_matches(segments: &[String], parts: &[&str]) -> bool {
    let mut reached = vec![false; parts.len() + 1];
    reached[0] = true;
    for (i, segment) in segments.iter().enumerate() {
        let mut next = vec![false; parts.len() + 1];
        let any_folders = segment == "**";
        let is_last = i + 1 == segments.len();
        for n in 0..=parts.len() {
            let before = n > 0
                && if any_folders {
                    reached[n - 1] || next[n - 1]
                } else {
                    reached[n - 1] && name_matches(segment, parts[n - 1])
                };
            next[n] = before || (any_folders && !is_last && reached[n]);
        }
        reached = next;
    }
    reached[parts.len()]
}

/// `*`, `?`, `[...]` and `\` within one name. Backtracks to the last star only, so that time stays bounded.
fn name_matches(pattern: &str, name: &str) -> bool {
    let names: Vec<char> = name.chars().collect();
    let (mut rest, mut at) = (pattern.chars(), 0);
    let mut star: Option<(std::str::Chars<'_>, usize)> = None;
    loop {
        let mut ahead = rest.clone();
        let here = names.get(at).copied();
        let step = match (ahead.next(), here) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((ahead.clone(), at));
                rest = ahead;
                continue;
            }
            (Some('?'), Some(_)) => true,
            (Some('['), Some(c)) => class(&mut ahead, c) == Some(Member::Yes),
            (Some('\\'), Some(c)) => ahead.next() == Some(c),
            (Some(p), Some(c)) => p == c,
            (None, Some(_)) | (Some(_), None) => false,
        };
        if step {
            (rest, at) = (ahead, at + 1);
            continue;
        }
        match &mut star {
            Some((after, from)) if *from < names.len() => {
                *from += 1;
                (rest, at) = (after.clone(), *from);
            }
            Some(_) | None => return false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Yes,
    No,
}

/// Reads a class up to its `]`, and says whether the character is in it; none when the class does not end.
fn class(chars: &mut std::str::Chars<'_>, c: char) -> Option<Member> {
    let mut ahead = chars.clone();
    let inverted = matches!(ahead.next(), Some('!' | '^'));
    if inverted {
        chars.next();
    }
    let (mut found, mut first) = (false, true);
    loop {
        let low = match chars.next()? {
            ']' if !first => break,
            '\\' => chars.next()?,
            other => other,
        };
        first = false;
        let mut ahead = chars.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) if high != ']' => {
                *chars = ahead;
                high
            }
            _ => low,
        };
        found |= (low..=high).contains(&c);
    }
    Some(if found == inverted { Member::No } else { Member::Yes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(text: &str, path: &str) -> bool {
        let (ignore, bad) = Ignore::parse(text);
        assert_eq!(bad, Vec::<u32>::new(), "{text}");
        ignore.rule_for(path).is_some()
    }

    #[test]
    fn as_git_does() {
        let yes = [
            ("a.yaml", "a.yaml"),
            ("a.yaml", "x/y/a.yaml"),
            ("/a.yaml", "a.yaml"),
            ("old", "old/x/a.yaml"),
            ("old/", "x/old/a.yaml"),
            ("x/old", "x/old/a.yaml"),
            ("*.json", "x/a.json"),
            ("a?.yaml", "ab.yaml"),
            ("[a-c].yaml", "b.yaml"),
            ("[!a-c].yaml", "d.yaml"),
            ("[]a].yaml", "].yaml"),
            ("\\#a", "#a"),
            ("\\!a", "!a"),
            ("x/**/a.yaml", "x/a.yaml"),
            ("x/**/a.yaml", "x/y/z/a.yaml"),
            ("**/a.yaml", "a.yaml"),
            ("x/**", "x/y/a.yaml"),
            ("a*c*e", "abcde"),
            ("a.yaml  \r", "a.yaml"),
            ("!a.yaml\na.yaml", "a.yaml"),
            ("old/\n!old/a.yaml", "old/a.yaml"),
        ];
        for (text, path) in yes {
            assert!(ignored(text, path), "{text:?} should ignore {path}");
        }
        let no = [
            ("/a.yaml", "x/a.yaml"),
            ("a.yaml/", "a.yaml"),
            ("x/a.yaml", "y/x/a.yaml"),
            ("# a.yaml", "a.yaml"),
            ("", "a.yaml"),
            ("a?.yaml", "a.yaml"),
            ("*.json", "a.yaml"),
            ("[a-c].yaml", "d.yaml"),
            ("x/**", "x"),
            ("*.yaml\n!a.yaml", "a.yaml"),
        ];
        for (text, path) in no {
            assert!(!ignored(text, path), "{text:?} should not ignore {path}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        assert_eq!(Ignore::parse("ok\n[a\n/\na\\\n").1, [2, 3, 4]);
    }
}
