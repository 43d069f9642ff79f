//! Changes of a policy that hide a widening, and honest ones beside them: what the access diff says of each.

#![allow(missing_docs, unreachable_pub)]

#[path = "../common/mod.rs"]
mod common;
mod honest;
mod more;
mod wider;

use curfew_policy::{AccessDiff, Change, Direction, Kind, PolicySet, SourceFile, diff};

const BASE: [(&str, &str); 3] = [
    ("p.yaml", include_str!("base/p.yaml")),
    ("hosts/h.yaml", include_str!("base/hosts/h.yaml")),
    ("g.cedar", include_str!("base/g.cedar")),
];

/// A change of the text, and what it is to be seen as.
pub struct Case {
    /// Each text that stands exactly once in one of the files, and what takes its place.
    pub edits: &'static [(&'static str, &'static str)],
    pub kind: Kind,
    pub direction: Direction,
}

pub const fn case(edits: &'static [(&'static str, &'static str)], kind: Kind, direction: Direction) -> Case {
    Case { edits, kind, direction }
}

fn set(files: &[SourceFile]) -> PolicySet {
    let checked = common::check_files(files);
    let why = || checked.problems.iter().filter(|p| p.severity == curfew_policy::Severity::Error).collect::<Vec<_>>();
    checked.set.clone().unwrap_or_else(|| panic!("{:#?}", why()))
}

pub fn base() -> Vec<SourceFile> {
    BASE.iter().map(|(path, text)| common::file(path, text)).collect()
}

pub fn edited(edits: &[(&str, &str)]) -> Vec<SourceFile> {
    let mut texts = BASE.map(|(path, text)| (path, text.to_owned()));
    for (from, to) in edits {
        let places: usize = texts.iter().map(|(_, text)| text.matches(from).count()).sum();
        assert_eq!(places, 1, "`{from}` stands {places} times in the base");
        for (_, text) in &mut texts {
            *text = text.replace(from, to);
        }
    }
    texts.iter().map(|(path, text)| common::file(path, text)).collect()
}

pub fn compared(base: &[SourceFile], head: &[SourceFile]) -> AccessDiff {
    diff(&set(base), &set(head))
}

fn found(diff: &AccessDiff, case: &Case) -> bool {
    diff.changes.iter().any(|change: &Change| change.kind == case.kind && change.direction == case.direction)
}

#[test]
fn what_hides_a_widening_is_found() {
    let mut missed = Vec::new();
    for (number, case) in wider::CASES.iter().enumerate() {
        let head = edited(case.edits);
        let problems = common::check_files(&head).problems;
        if problems.iter().any(|p| p.severity == curfew_policy::Severity::Error) {
            let errors = problems.iter().filter(|p| p.severity == curfew_policy::Severity::Error);
            missed.push(format!("{number} {:?} does not check: {:#?}", case.edits, errors.collect::<Vec<_>>()));
            continue;
        }
        let diff = compared(&base(), &head);
        if !diff.widened || !found(&diff, case) {
            missed.push(format!(
                "{number} {:?} wants {:?} {:?}: {:#?}",
                case.edits, case.kind, case.direction, diff.changes
            ));
        }
    }
    assert!(missed.is_empty(), "{} of {}:\n{}", missed.len(), wider::CASES.len(), missed.join("\n"));
    assert!(wider::CASES.len() >= 100, "{}", wider::CASES.len());
}

/// Whatever widens one way narrows the other way, unless it cannot be told or nothing of it is ever narrower.
#[test]
fn the_way_back_from_a_widening_is_seen_too() {
    for case in wider::CASES {
        let diff = compared(&edited(case.edits), &base());
        assert!(diff.changes.iter().any(|change| change.kind == case.kind), "{:?}: {:#?}", case.edits, diff.changes);
    }
}

#[test]
fn honest_changes_widen_nothing() {
    let mut wrong = Vec::new();
    for case in honest::NARROWER {
        let diff = compared(&base(), &edited(case.edits));
        if diff.widened || !found(&diff, case) {
            wrong.push(format!("{:?} wants {:?}: {:#?}", case.edits, case.kind, diff.changes));
        }
    }
    for edits in honest::SAME {
        let diff = compared(&base(), &edited(edits));
        if !diff.changes.is_empty() {
            wrong.push(format!("{edits:?} wants nothing: {:#?}", diff.changes));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
