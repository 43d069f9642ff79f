//! What a role says, what its environment says of it, and what `defaults` says for it: the first that speaks wins.

use crate::node::Node;
use crate::problem::At;
use crate::source::Place;
use std::sync::Arc;

/// One mapping and the file it stands in.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'n> {
    pub(crate) file: &'n Arc<str>,
    pub(crate) node: &'n Node,
}

/// A key with its value, and the file they stand in.
#[derive(Clone, Copy)]
pub(crate) struct Field<'n> {
    pub(crate) file: &'n Arc<str>,
    pub(crate) key: &'n Node,
    pub(crate) value: &'n Node,
}

impl<'n> Layer<'n> {
    pub(crate) fn field(self, name: &str) -> Option<Field<'n>> {
        let entry = self.node.entries().iter().find(|e| e.name() == Some(name))?;
        Some(Field { file: self.file, key: &entry.key, value: &entry.value })
    }

    /// Entries of the lists in it, and keys in those.
    pub(crate) fn entries(self) -> usize {
        entries(self.node)
    }

    pub(crate) fn place(self, at: At) -> Place {
        Place::new(self.file.clone(), at)
    }
}

impl<'n> Field<'n> {
    /// Where the key stands.
    pub(crate) fn place(self) -> Place {
        Place::new(self.file.clone(), self.key.at())
    }

    /// Where something inside stands.
    pub(crate) fn place_of(self, node: &Node) -> Place {
        Place::new(self.file.clone(), node.at())
    }

    /// The value as a mapping of its own.
    pub(crate) fn layer(self) -> Layer<'n> {
        Layer { file: self.file, node: self.value }
    }

    pub(crate) fn text(self) -> Option<&'n str> {
        self.value.text()
    }

    pub(crate) fn items(self) -> impl Iterator<Item = Layer<'n>> {
        self.value.items().iter().map(move |node| Layer { file: self.file, node })
    }
}

/// The reader bounds how deep this goes.
fn entries(node: &Node) -> usize {
    let listed: usize = node.items().iter().map(|item| 1 + item.entries().len() + entries(item)).sum();
    listed + node.entries().iter().map(|entry| entries(&entry.value)).sum::<usize>()
}

/// Mappings of the same keys, the one that wins first.
pub(crate) struct Layers<'n> {
    /// What the environment says.
    pub(crate) overlay: Option<Layer<'n>>,
    /// What the role itself says.
    pub(crate) own: Layer<'n>,
    /// What is said for every role.
    pub(crate) defaults: Option<Layer<'n>>,
}

impl<'n> Layers<'n> {
    pub(crate) fn top_first(&self) -> impl Iterator<Item = Layer<'n>> {
        self.overlay.into_iter().chain([self.own]).chain(self.defaults)
    }

    /// The value that wins.
    pub(crate) fn field(&self, name: &str) -> Option<Field<'n>> {
        self.top_first().find_map(|layer| layer.field(name))
    }

    /// The value that wins under a key of a mapping, each key by itself.
    pub(crate) fn inner_field(&self, mapping: &str, name: &str) -> Option<Field<'n>> {
        self.top_first().filter_map(|layer| layer.field(mapping)).find_map(|field| field.layer().field(name))
    }
}
