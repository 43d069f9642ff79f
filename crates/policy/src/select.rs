//! Which files of a folder belong to the policy set.

use crate::ignore::Ignore;
use crate::problem::{Problem, Severity};

/// The name of the file that lists what does not belong to the set.
pub const IGNORE_FILE: &str = ".curfewignore";

/// What is to be done with the files of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Those that belong to the set, sorted.
    pub files: Vec<String>,
    /// What is wrong with the ignore file.
    pub problems: Vec<Problem>,
}

/// Says which of these paths, relative to the policy folder and with `/`, belong to the set. `ignore` is the text of
/// `.curfewignore`, if there is one.
///
/// Everything that ends in `.yaml`, `.yml`, `.json` or `.cedar` belongs, save what has a part that begins with a dot and
/// what the ignore file lists. No ignore file can take a guardrail away.
pub fn select_files(paths: &[String], ignore: Option<&str>) -> Selection {
    let (ignore, bad_lines) = Ignore::parse(ignore.unwrap_or_default());
    let mut problems: Vec<Problem> = bad_lines.into_iter().map(bad_line).collect();
    let mut files = Vec::new();
    for path in paths.iter().filter(|p| has_policy_name(p)) {
        match ignore.rule_for(path) {
            None => files.push(path.clone()),
            Some(line) if path.ends_with(".cedar") => {
                problems.push(guardrail_ignored(path, line));
                files.push(path.clone());
            }
            Some(_) => {}
        }
    }
    files.sort();
    files.dedup();
    Selection { files, problems }
}

fn has_policy_name(path: &str) -> bool {
    let hidden = path.split('/').any(|part| part.starts_with('.'));
    let kind = [".yaml", ".yml", ".json", ".cedar"].iter().any(|ending| path.ends_with(ending));
    kind && !hidden
}

fn problem(code: &'static str, file: &str, line: u32, message: String, hint: &str) -> Problem {
    let hint = hint.to_owned();
    Problem { severity: Severity::Error, code, message, hint, file: file.to_owned(), line, column: 1, span: None }
}

fn bad_line(line: u32) -> Problem {
    let message = "this line is no pattern".to_owned();
    problem("ignore-pattern", IGNORE_FILE, line, message, "write a path or a glob, as in .gitignore")
}

fn guardrail_ignored(path: &str, line: u32) -> Problem {
    let message = format!("this line leaves out the guardrail `{path}`");
    problem(
        "ignored-guardrail",
        IGNORE_FILE,
        line,
        message,
        "guardrails cannot be ignored: move the file, or narrow the pattern",
    )
}

/// What a file of the set may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind<'p> {
    /// Anything of the language.
    Policy,
    /// Tests only.
    Tests,
    /// What the environment of this name changes.
    Overlay(&'p str),
    /// Cedar.
    Guardrails,
    /// Nothing: it stands among environments and is none.
    Misplaced,
}

/// By its name, what a file may hold.
pub(crate) fn kind(path: &str) -> Kind<'_> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.ends_with(".cedar") {
        return Kind::Guardrails;
    }
    let Some(stem) = [".yaml", ".yml", ".json"].iter().find_map(|ending| name.strip_suffix(ending)) else {
        return Kind::Policy;
    };
    if stem.ends_with(".test") {
        return Kind::Tests;
    }
    match path.strip_prefix("environments/") {
        None => Kind::Policy,
        Some(rest) if rest == name && curfew_domain::RoleName::new(stem).is_ok() => Kind::Overlay(stem),
        Some(_) => Kind::Misplaced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(paths: &[&str], ignore: &str) -> (Vec<String>, Vec<(&'static str, u32)>) {
        let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        let selection = select_files(&paths, Some(ignore));
        (selection.files, selection.problems.iter().map(|p| (p.code, p.line)).collect())
    }

    #[test]
    fn names_decide() {
        let paths = [
            "b.yml",
            "a.yaml",
            "x/c.json",
            "g.cedar",
            "README.md",
            ".hidden.yaml",
            ".git/x.yaml",
            "yaml",
            "a.yaml.bak",
        ];
        assert_eq!(selected(&paths, "").0, ["a.yaml", "b.yml", "g.cedar", "x/c.json"]);
    }

    #[test]
    fn the_ignore_file_takes_away_but_no_guardrail() {
        let (files, problems) = selected(&["a.yaml", "old/b.yaml", "old/g.cedar"], "# not these\nold/\n");
        assert_eq!(files, ["a.yaml", "old/g.cedar"]);
        assert_eq!(problems, [("ignored-guardrail", 2)]);
    }

    #[test]
    fn names_say_what_a_file_may_hold() {
        for (path, is) in [
            ("a.yaml", Kind::Policy),
            ("test.yaml", Kind::Policy),
            ("cedar.yaml", Kind::Policy),
            ("x/environments/prod.yaml", Kind::Policy),
            ("x.test.yaml", Kind::Tests),
            ("x/y.test.json", Kind::Tests),
            ("environments/x.test.yml", Kind::Tests),
            ("environments/prod.yaml", Kind::Overlay("prod")),
            ("environments/eu.prod.json", Kind::Overlay("eu.prod")),
            ("environments/prod/a.yaml", Kind::Misplaced),
            ("environments/a b.yaml", Kind::Misplaced),
            ("deep/er/g.cedar", Kind::Guardrails),
            ("environments/g.cedar", Kind::Guardrails),
        ] {
            assert_eq!(kind(path), is, "{path}");
        }
    }
}
