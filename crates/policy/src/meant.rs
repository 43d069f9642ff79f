//! What a misspelt key was meant to be: said once where it stands, and everything else is read as if it were right, so
//! that no complaint follows which only the slip explains.
//!
//! **Invariant:** this makes nothing pass. A key that the language has not is an error wherever it stands, and a set with
//! an error is never used.

use crate::language::{Compound, Record, Shape, TRIGGER, WORKLOADS};
use crate::nearest::nearest;
use crate::node::{Entry, Node, Value};
use curfew_domain::limits;

/// Notes in the tree which keys misspelt ones stand for.
pub(crate) fn settle(root: &mut Node, shape: &Shape) {
    Settler { left: limits::POLICY_PROBLEMS }.visit(root, shape);
}

/// The key of these that an unknown one stands for: the nearest, unless it is there as well.
pub(crate) fn stands_for<'k>(entry: &Entry, entries: &[Entry], keys: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let near = nearest(entry.key.text()?, keys)?;
    entries.iter().all(|other| other.name() != Some(near)).then_some(near)
}

struct Settler {
    /// How many slips are looked at still; no more of them are ever shown.
    left: usize,
}

/// The words of providers, any of which a workload's mapping may have as a key.
type Providers = &'static [(&'static str, &'static Record)];

impl Settler {
    /// The reader bounds how deep this goes.
    fn visit(&mut self, node: &mut Node, shape: &Shape) {
        match (&mut node.value, shape) {
            (Value::List(_, items), Shape::List(_, item)) => items.iter_mut().for_each(|node| self.visit(node, item)),
            (Value::List(_, items), Shape::Compound(Compound::Requesters)) => {
                for node in items {
                    if let Value::Map(_, entries) = &mut node.value {
                        self.entries(entries, None, &WORKLOADS);
                    }
                }
            }
            (Value::Map(_, entries), Shape::Map(_, value)) => {
                entries.iter_mut().for_each(|entry| self.visit(&mut entry.value, value));
            }
            (Value::Map(_, entries), Shape::Compound(Compound::Trigger)) => {
                self.entries(entries, Some(&TRIGGER), &WORKLOADS);
            }
            (Value::Map(_, entries), _) => {
                if let [record] = shape.records().as_slice() {
                    self.entries(entries, Some(record), &[]);
                }
            }
            (Value::Scalar(_) | Value::List(..) | Value::Broken, _) => {}
        }
    }

    fn entries(&mut self, entries: &mut [Entry], own: Option<&'static Record>, providers: Providers) {
        let own_keys = || own.into_iter().flat_map(|record| record.keys).map(|key| key.name);
        let keys = || own_keys().chain(providers.iter().map(|(word, _)| *word));
        for at in 0..entries.len() {
            let is_known = entries[at].key.text().is_none_or(|name| keys().any(|key| key == name));
            if !is_known && self.left > 0 {
                self.left -= 1;
                entries[at].meant = stands_for(&entries[at], entries, keys());
            }
            let entry = &mut entries[at];
            let Some(name) = entry.name() else { continue };
            if let Some(key) = own.and_then(|record| record.key(name)) {
                self.visit(&mut entry.value, &key.shape);
            } else if let Some((_, record)) = providers.iter().find(|(word, _)| *word == name) {
                self.visit(&mut entry.value, &Shape::Record(record));
            }
        }
    }
}
