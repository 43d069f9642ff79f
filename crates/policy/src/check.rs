//! Files to a checked set: all problems at once, and a set only if none of them is an error.

use crate::allowance::Allowance;
use crate::cedar;
use crate::directory::Directory;
use crate::draft::{Drafter, Tree};
use crate::expression::{self, Guardrail};
use crate::guardrail_file;
use crate::inventory::Inventory;
use crate::language::{DOCUMENT, OVERLAY_DOCUMENT, Shape, TEST_DOCUMENT};
use crate::link::link;
use crate::lint::lint;
use crate::meant;
use crate::overlay;
use crate::parse::parse;
use crate::problem::{At, Problem, Problems};
use crate::select::{self, Kind};
use crate::set::PolicySet;
use crate::shape::{self, Site};
use crate::source::SourceFile;
use curfew_domain::connector::ConnectorKind;
use curfew_domain::limits;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

/// Checks a whole set against the connectors there are, as it is without an environment, and as each of its
/// environments makes it. Never stops at the first problem.
pub fn check(files: &[SourceFile], kinds: &[&'static ConnectorKind], purpose: Purpose) -> Checked {
    check_in(files, kinds, purpose, None).expect("INVARIANT: without a name none is missing")
}

/// The same, with the set as one environment makes it. None when there is no environment of that name.
pub fn check_in(
    files: &[SourceFile],
    kinds: &[&'static ConnectorKind],
    purpose: Purpose,
    environment: Option<&str>,
) -> Option<Checked> {
    let mut out = Problems::default();
    let mut files: Vec<&SourceFile> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    if files.is_empty() {
        out.error("", At::FILE, "no-files", "there is no policy file", "write one, such as jit-access-policy.yaml");
    }
    let read = Read::new(&files, &mut out);
    let wanted = environment.map(|name| read.overlays.get(name)).map_or(Some(None), |found| found.map(Some))?;
    let version = version(&files, environment);
    // What only a server that loads it would mind is said of what it loads.
    let base_purpose = if wanted.is_none() { purpose } else { Purpose::Check };
    let base = read.set(None, kinds, base_purpose, version.clone(), &mut out);
    let mut chosen = None;
    for overlay in read.overlays.values() {
        let is_wanted = wanted.is_some_and(|wanted| std::ptr::eq(wanted, overlay));
        let purpose = if is_wanted { purpose } else { Purpose::Check };
        let set = read.set(Some(overlay), kinds, purpose, version.clone(), &mut out);
        if let (Some(base), Some(set)) = (&base, &set) {
            overlay::hold(base, set, overlay, &mut out);
        }
        chosen = if is_wanted { set } else { chosen };
    }
    let chosen = if wanted.is_none() { base } else { chosen };
    let set = chosen.filter(|_| !out.has_errors());
    Some(Checked { problems: out.sorted(), set })
}

/// The names of the environments among these files, sorted.
pub fn environments(files: &[SourceFile]) -> Vec<String> {
    let names = files.iter().filter_map(|file| match select::kind(&file.path) {
        Kind::Overlay(name) => Some(name.to_owned()),
        Kind::Policy | Kind::Tests | Kind::Guardrails | Kind::Misplaced => None,
    });
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The files as trees, by what they may hold.
#[derive(Default)]
struct Read {
    trees: Vec<Tree>,
    overlays: BTreeMap<String, Tree>,
    guardrails: Vec<Guardrail>,
    /// Of all files together.
    bytes: usize,
}

impl Read {
    fn new(files: &[&SourceFile], out: &mut Problems) -> Self {
        let mut read = Self { bytes: files.iter().map(|file| file.bytes.len()).sum(), ..Self::default() };
        let cedar = expression::allowance(read.bytes);
        for file in files {
            let kind = select::kind(&file.path);
            let record = match kind {
                Kind::Policy => &DOCUMENT,
                Kind::Tests => &TEST_DOCUMENT,
                Kind::Overlay(_) => &OVERLAY_DOCUMENT,
                Kind::Guardrails => {
                    guardrail_file::read(file, &mut read.guardrails, &cedar, out);
                    continue;
                }
                Kind::Misplaced => {
                    let message = "this file is no environment: they are `environments/NAME.yaml`";
                    out.error(&file.path, At::FILE, "misplaced-file", message, "move it, or list it in .curfewignore");
                    continue;
                }
            };
            let Some(document) = parse(file, out) else { continue };
            let (mut root, shape) = (document.root, Shape::Record(record));
            meant::settle(&mut root, &shape);
            shape::check(&root, &shape, Site::of(&file.path, "the file"), out);
            let tree = Tree { path: Arc::from(file.path.as_str()), root };
            match kind {
                Kind::Overlay(name) => read.overlay(name, tree, out),
                Kind::Policy | Kind::Tests | Kind::Guardrails | Kind::Misplaced => read.trees.push(tree),
            }
        }
        read
    }

    fn overlay(&mut self, name: &str, tree: Tree, out: &mut Problems) {
        if let Some(first) = self.overlays.get(name) {
            let message = format!("there is an environment `{name}` already, in {}", first.path);
            out.error(&tree.path, At::FILE, "duplicate-name", message, "keep one of the two files");
            return;
        }
        self.overlays.insert(name.to_owned(), tree);
    }

    /// The set as an environment makes it. Nothing when something is wrong with it.
    fn set(
        &self,
        overlay: Option<&Tree>,
        kinds: &[&'static ConnectorKind],
        purpose: Purpose,
        version: String,
        out: &mut Problems,
    ) -> Option<PolicySet> {
        let mut drafter = Drafter::new(kinds, self.bytes);
        drafter.draft.guardrails = self.guardrails.clone();
        drafter.read(&self.trees, overlay, out);
        let draft = drafter.draft;
        let coverage = Allowance::of(limits::POLICY_COVERAGE + self.bytes);
        let inventory = Inventory::new(draft.resources.iter().map(|d| d.resource.clone()), &draft.roles, &coverage);
        let directory = Directory::new(&draft.groups, draft.idp_groups.iter().map(|(name, _)| name.clone()));
        link(&draft, &inventory, purpose, out);
        cedar::check(&draft, &expression::allowance(self.bytes), out);
        let steps = Allowance::of(limits::POLICY_LINT_STEPS + self.bytes);
        lint(&draft, &inventory, &directory, &steps, out);
        (!out.has_errors()).then(|| PolicySet::new(version, draft, inventory, directory))
    }
}

/// The hash over every path and every byte. Lengths stand before both, so that nothing can move from one to another.
fn version(files: &[&SourceFile], environment: Option<&str>) -> String {
    let mut hash = Sha256::new();
    // The same files mean something else in another environment.
    if let Some(name) = environment {
        hash.update(b"environment\n");
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
    }
    for file in files {
        for part in [file.path.as_bytes(), &file.bytes] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hex::encode(hash.finalize())
}
