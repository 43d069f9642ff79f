//! Files to a checked set: all problems at once, and a set only if none of them is an error.

use crate::directory::Directory;
use crate::draft::Drafter;
use crate::inventory::Inventory;
use crate::language::{DOCUMENT, Shape};
use crate::link::link;
use crate::lint::lint;
use crate::parse::parse;
use crate::problem::{At, Problem, Problems};
use crate::select::not_in_this_version;
use crate::set::PolicySet;
use crate::shape::{self, Site};
use crate::source::SourceFile;
use curfew_domain::connector::ConnectorKind;
use sha2::{Digest, Sha256};

/// What a set is checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Somebody wants to know what is wrong: a resource that nothing defines is a warning.
    Check,
    /// A server wants to put it in force: such a resource is an error.
    Load,
}

/// The outcome of [`check`].
#[derive(Debug)]
pub struct Checked {
    /// In the order of the text.
    pub problems: Vec<Problem>,
    /// Present if and only if no problem is an error.
    pub set: Option<PolicySet>,
}

/// Checks a whole set against the connectors there are. Never stops at the first problem.
pub fn check(files: &[SourceFile], kinds: &[&'static ConnectorKind], purpose: Purpose) -> Checked {
    let mut out = Problems::default();
    let mut files: Vec<&SourceFile> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    if files.is_empty() {
        out.error("", At::FILE, "no-files", "there is no policy file", "write one, such as jit-access-policy.yaml");
    }
    let mut drafter = Drafter::new(kinds);
    for file in &files {
        if let Some(problem) = not_in_this_version(&file.path) {
            out.push(problem);
            continue;
        }
        let Some(document) = parse(file, &mut out) else { continue };
        let site = Site { file: &file.path, what: "the file" };
        shape::check(&document.root, &Shape::Record(&DOCUMENT), site, &mut out);
        drafter.read(&file.path, &document.root, &mut out);
    }
    let draft = &drafter.draft;
    let inventory = Inventory::new(draft.resources.iter().map(|d| d.resource.clone()), &draft.roles);
    let directory = Directory::new(&draft.groups, draft.idp_groups.iter().map(|(name, _)| name.clone()));
    link(draft, &inventory, purpose, &mut out);
    lint(draft, &directory, &mut out);
    let set = (!out.has_errors()).then(|| PolicySet::new(version(&files), drafter.draft, inventory, directory));
    Checked { problems: out.sorted(), set }
}

/// The hash over every path and every byte. Lengths stand before both, so that nothing can move from one to another.
fn version(files: &[&SourceFile]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        for part in [file.path.as_bytes(), &file.bytes] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hex::encode(hash.finalize())
}
