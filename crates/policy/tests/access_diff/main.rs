//! Changes of a policy that hide a widening, and honest ones beside them: what the access diff says of each.

#![allow(missing_docs, unreachable_pub)]

#[path = "../common/mod.rs"]
mod common;
mod honest;
mod more;
mod wider;

use curfew_policy::{AccessDiff, Change, Direction, Kind, PolicySet, Severity, SourceFile, diff};
use std::sync::OnceLock;

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

/// The set, or what is wrong with it.
fn set(files: &[SourceFile]) -> Result<PolicySet, String> {
    let checked = common::check_files(files);
    let errors = || checked.problems.iter().filter(|p| p.severity == Severity::Error).collect::<Vec<_>>();
    checked.set.clone().ok_or_else(|| format!("does not check: {:#?}", errors()))
}

/// The base, checked once.
fn base_set() -> &'static PolicySet {
    static BASE_SET: OnceLock<PolicySet> = OnceLock::new();
    BASE_SET.get_or_init(|| set(&base()).expect("the base checks"))
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
    diff(&set(base).expect("a set"), &set(head).expect("a set"))
}

fn finds(diff: &AccessDiff, case: &Case) -> bool {
    diff.changes.iter().any(|change: &Change| change.kind == case.kind && change.direction == case.direction)
}

/// And the way back is seen too: whatever widens one way is a change of the same kind the other way.
#[test]
fn what_hides_a_widening_is_found() {
    let mut missed = Vec::new();
    for case in wider::CASES {
        let head = match set(&edited(case.edits)) {
            Ok(head) => head,
            Err(why) => {
                missed.push(format!("{:?} {why}", case.edits));
                continue;
            }
        };
        let (there, back) = (diff(base_set(), &head), diff(&head, base_set()));
        let is_seen_back = back.changes.iter().any(|change| change.kind == case.kind);
        if !there.widened || !finds(&there, case) || !is_seen_back {
            let (kind, direction) = (case.kind, case.direction);
            missed.push(format!("{:?} wants {kind:?} {direction:?}: {there:#?}, back {back:#?}", case.edits));
        }
    }
    assert!(missed.is_empty(), "{} of {}:\n{}", missed.len(), wider::CASES.len(), missed.join("\n"));
    assert!(wider::CASES.len() >= 100, "{}", wider::CASES.len());
}

#[test]
fn honest_changes_widen_nothing() {
    let mut wrong = Vec::new();
    for case in honest::NARROWER {
        let diff = diff(base_set(), &set(&edited(case.edits)).expect("a set"));
        if diff.widened || !finds(&diff, case) {
            wrong.push(format!("{:?} wants {:?}: {:#?}", case.edits, case.kind, diff.changes));
        }
    }
    for edits in honest::SAME {
        let diff = diff(base_set(), &set(&edited(edits)).expect("a set"));
        if !diff.changes.is_empty() {
            wrong.push(format!("{edits:?} wants nothing: {:#?}", diff.changes));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
