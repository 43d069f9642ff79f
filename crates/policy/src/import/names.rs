//! Names that others allow and this language does not.

use curfew_domain::limits;
use std::collections::{BTreeMap, BTreeSet};

/// Gives every foreign name one of ours, the same each time, and no two the same one.
#[derive(Debug, Default)]
pub(super) struct Names {
    ours: BTreeMap<String, String>,
    taken: BTreeSet<String>,
    /// The next number behind a name that is taken.
    next: BTreeMap<String, u32>,
}

impl Names {
    /// Our name for a foreign one; `wanted` is what it would best be called.
    pub(super) fn of(&mut self, foreign: &str, wanted: &str) -> String {
        if let Some(known) = self.ours.get(foreign) {
            return known.clone();
        }
        let base = segment(wanted);
        let mut name = base.clone();
        let number = self.next.entry(base.to_ascii_lowercase()).or_insert(2);
        while self.taken.contains(&name.to_ascii_lowercase()) {
            let ending = format!("-{number}");
            name = format!("{}{ending}", &base[..base.len().min(limits::NAME_BYTES - ending.len())]);
            *number += 1;
        }
        self.taken.insert(name.to_ascii_lowercase());
        self.ours.insert(foreign.to_owned(), name.clone());
        name
    }

    /// Every name that was given.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.ours.values().map(String::as_str)
    }
}

/// The text with everything else as `-`, 64 bytes at most, never empty.
pub(super) fn segment(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut name = String::new();
    for c in text.trim().chars() {
        match allowed(c) {
            true => name.push(c),
            false if name.ends_with('-') => {}
            false => name.push('-'),
        }
        if name.len() == limits::NAME_BYTES {
            break;
        }
    }
    let name = name.trim_matches('-');
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ours_and_stay_apart() {
        let mut names = Names::default();
        assert_eq!(names.of("ops@a.com", "ops"), "ops");
        assert_eq!(names.of("OPS@b.com", "Ops"), "Ops-2");
        assert_eq!(names.of("ops@a.com", "ops"), "ops");
        assert_eq!(segment("roles/compute.admin"), "roles-compute.admin");
        assert_eq!(segment("  Ünïcode  !! x"), "n-code-x");
        assert_eq!((segment("///"), segment(&"x".repeat(99)).len()), ("unnamed".to_owned(), 64));
        let long = "y".repeat(64);
        assert_eq!((names.of("1", &long).len(), names.of("2", &long).len()), (64, 64));
    }
}
