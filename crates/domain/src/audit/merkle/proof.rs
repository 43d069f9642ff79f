//! Making proofs from complete nodes, wherever they are kept.
//!
//! A reader is a function from a [`NodeId`] to its hash. One that cannot be asked in the middle, because
//! it is asynchronous, asks [`inclusion_nodes`] or [`consistency_nodes`] first what will be needed.

use super::{Growth, NodeId, Place, TreeHash};

/// Why there is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E> {
    /// The leaf is not in the tree, or the older tree is larger than the newer one.
    #[error("there is no such place in a tree of {size} events")]
    OutOfRange {
        /// The size of the tree that was asked about.
        size: u64,
    },
    /// A node could not be read.
    #[error("a node of the Merkle tree could not be read: {0}")]
    Node(E),
}

/// A node that the leaves at hand do not cover.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("node {index} of level {level} is not complete", index = .0.index, level = .0.level)]
pub struct MissingNode(pub NodeId);

/// The hashes beside the way from a leaf to the root, the lowest first (RFC 9162, section 2.1.3.1).
///
/// # Errors
/// When the leaf is not in the tree, or a node cannot be read.
pub fn inclusion_proof<E>(
    place: Place,
    mut node: impl FnMut(NodeId) -> Result<TreeHash, E>,
) -> Result<Vec<TreeHash>, ProofError<E>> {
    if place.seq >= place.size {
        return Err(ProofError::OutOfRange { size: place.size });
    }
    let mut tree = Span { start: 0, end: place.size };
    let mut path = Vec::new();
    while tree.len() > 1 {
        let (left, right) = tree.split();
        let (within, beside) = if place.seq < left.end { (left, right) } else { (right, left) };
        path.push(beside.root(&mut node).map_err(ProofError::Node)?);
        tree = within;
    }
    path.reverse();
    Ok(path)
}

/// The hashes that show that the older tree is how the newer one began (RFC 9162, section 2.1.4.1). Empty
/// when the sizes are equal or the older tree has no leaves.
///
/// # Errors
/// When the older tree is larger than the newer one, or a node cannot be read.
pub fn consistency_proof<E>(
    growth: Growth,
    mut node: impl FnMut(NodeId) -> Result<TreeHash, E>,
) -> Result<Vec<TreeHash>, ProofError<E>> {
    if growth.from > growth.to {
        return Err(ProofError::OutOfRange { size: growth.to });
    }
    let mut proof = Vec::new();
    if growth.from == 0 {
        return Ok(proof);
    }
    let mut tree = Span { start: 0, end: growth.to };
    while tree.end != growth.from {
        let (left, right) = tree.split();
        let (within, beside) = if growth.from <= left.end { (left, right) } else { (right, left) };
        proof.push(beside.root(&mut node).map_err(ProofError::Node)?);
        tree = within;
    }
    // The verifier has the older root already when it is a node of the newer tree.
    if tree.start > 0 {
        proof.push(tree.root(&mut node).map_err(ProofError::Node)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The root of the first `size` leaves.
///
/// # Errors
/// Those of the reader.
pub fn root_at<E>(size: u64, mut node: impl FnMut(NodeId) -> Result<TreeHash, E>) -> Result<TreeHash, E> {
    match size {
        0 => Ok(TreeHash::of_nothing()),
        end => Span { start: 0, end }.root(&mut node),
    }
}

/// The nodes that [`inclusion_proof`] will ask for; none when the leaf is not in the tree.
pub fn inclusion_nodes(place: Place) -> Vec<NodeId> {
    recorded(|record| inclusion_proof(place, record).map(drop))
}

/// The nodes that [`consistency_proof`] will ask for; none when the sizes are the wrong way round.
pub fn consistency_nodes(growth: Growth) -> Vec<NodeId> {
    recorded(|record| consistency_proof(growth, record).map(drop))
}

/// A reader that computes each node from the leaves. For small logs and tests: it takes time linear in
/// the leaves below the node.
pub fn from_leaves(leaves: &[TreeHash]) -> impl FnMut(NodeId) -> Result<TreeHash, MissingNode> {
    move |id| {
        let bounds = || {
            let first = usize::try_from(id.index.checked_shl(id.level.into())?).ok()?;
            let width = 1usize.checked_shl(id.level.into())?;
            leaves.get(first..first.checked_add(width)?)
        };
        let mut tree = super::Frontier::new();
        for leaf in bounds().ok_or(MissingNode(id))? {
            tree.append(*leaf);
        }
        Ok(tree.root())
    }
}

type Recorder<'a> = &'a mut dyn FnMut(NodeId) -> Result<TreeHash, MissingNode>;

/// Which nodes a proof takes does not depend on their hashes, so a dry run with any hash tells them.
fn recorded(prove: impl FnOnce(Recorder<'_>) -> Result<(), ProofError<MissingNode>>) -> Vec<NodeId> {
    let mut asked = Vec::new();
    let proved = prove(&mut |id| {
        asked.push(id);
        Ok(TreeHash::of_nothing())
    });
    match proved {
        Ok(()) => asked,
        Err(ProofError::OutOfRange { .. } | ProofError::Node(_)) => Vec::new(),
    }
}

/// Leaves from `start` up to and without `end`, never empty, as the splitting of RFC 6962 makes them.
#[derive(Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
}

impl Span {
    fn len(self) -> u64 {
        self.end - self.start
    }

    /// At the largest power of two below the length, which must be 2 at least.
    fn split(self) -> (Self, Self) {
        let middle = self.start + (1 << (self.len() - 1).ilog2());
        (Self { start: self.start, end: middle }, Self { start: middle, end: self.end })
    }

    fn root<E>(self, node: &mut impl FnMut(NodeId) -> Result<TreeHash, E>) -> Result<TreeHash, E> {
        if self.len().is_power_of_two() {
            let level = self.len().ilog2();
            return node(NodeId { level: level as u8, index: self.start >> level });
        }
        let (left, right) = self.split();
        Ok(TreeHash::of_nodes(left.root(node)?, right.root(node)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Frontier, naive};
    use super::*;
    use std::collections::BTreeMap;

    const SIZES: usize = 67;

    #[test]
    fn proofs_are_those_of_the_definition() {
        let leaves = naive::leaves(SIZES);
        for to in 1..=SIZES {
            let tree = &leaves[..to];
            assert_eq!(root_at(to as u64, from_leaves(tree)), Ok(naive::root(tree)));
            for at in 0..to {
                let place = Place { seq: at as u64, size: to as u64 };
                assert_eq!(inclusion_proof(place, from_leaves(tree)), Ok(naive::path(at, tree)));
                let growth = Growth { from: at as u64 + 1, to: to as u64 };
                assert_eq!(consistency_proof(growth, from_leaves(tree)), Ok(naive::subproof(at + 1, tree, true)));
            }
        }
    }

    #[test]
    fn stored_nodes_are_enough_and_announced() {
        let leaves = naive::leaves(100);
        let mut stored = BTreeMap::new();
        let mut tree = Frontier::new();
        for leaf in &leaves {
            tree.append_with(*leaf, |node| {
                stored.insert(node.id, node.hash);
            });
        }
        for seq in 0..100 {
            let place = Place { seq, size: 100 };
            let fetched: BTreeMap<_, _> = inclusion_nodes(place).into_iter().map(|id| (id, stored[&id])).collect();
            let proof = inclusion_proof(place, |id| fetched.get(&id).copied().ok_or(MissingNode(id)));
            assert_eq!(proof, Ok(naive::path(seq as usize, &leaves)));
            let growth = Growth { from: seq, to: 100 };
            let fetched: BTreeMap<_, _> = consistency_nodes(growth).into_iter().map(|id| (id, stored[&id])).collect();
            assert!(consistency_proof(growth, |id| fetched.get(&id).copied().ok_or(MissingNode(id))).is_ok());
        }
    }

    #[test]
    fn there_is_no_proof_of_what_is_not_there() {
        let leaves = naive::leaves(4);
        let beyond = inclusion_proof(Place { seq: 4, size: 4 }, from_leaves(&leaves));
        assert_eq!(beyond, Err(ProofError::OutOfRange { size: 4 }));
        let shrunk = consistency_proof(Growth { from: 5, to: 4 }, from_leaves(&leaves));
        assert_eq!(shrunk, Err(ProofError::OutOfRange { size: 4 }));
        let missing = inclusion_proof(Place { seq: 0, size: 8 }, from_leaves(&leaves));
        assert_eq!(missing, Err(ProofError::Node(MissingNode(NodeId { level: 2, index: 1 }))));
        assert!(inclusion_nodes(Place { seq: 4, size: 4 }).is_empty());
        assert!(inclusion_nodes(Place { seq: u64::MAX - 1, size: u64::MAX }).len() < 200);
    }
}
