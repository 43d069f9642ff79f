//! The right edge of a growing tree: all that is needed to append to it and to know its root.

use super::{NodeId, TreeHash};

/// A complete node and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Which node.
    pub id: NodeId,
    /// Its hash, final.
    pub hash: TreeHash,
}

/// The roots of the complete subtrees of a tree, largest first: one for each bit of its size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<TreeHash>,
}

/// The bytes are not those of a frontier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the frontier of a Merkle tree: 8 bytes of size and 32 for each of its bits are expected")]
pub struct BadFrontier;

impl Frontier {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves there are, which is also the `seq` of the next event.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: TreeHash) {
        self.append_with(leaf, |_| ());
    }

    /// Appends a leaf and tells each node that it completes, the leaf first, for a ledger that keeps them.
    pub fn append_with(&mut self, leaf: TreeHash, mut complete: impl FnMut(Node)) {
        let mut id = NodeId { level: 0, index: self.size };
        let mut hash = leaf;
        complete(Node { id, hash });
        // As in binary addition: each set low bit of the size is a full subtree waiting for its sibling.
        while id.index & 1 == 1 {
            let left = self.peaks.pop().expect("INVARIANT: there is a peak for each bit of the size");
            hash = TreeHash::of_nodes(left, hash);
            id = NodeId { level: id.level + 1, index: id.index >> 1 };
            complete(Node { id, hash });
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root over all leaves so far.
    pub fn root(&self) -> TreeHash {
        let mut peaks = self.peaks.iter().rev().copied();
        match peaks.next() {
            None => TreeHash::of_nothing(),
            Some(smallest) => peaks.fold(smallest, |right, left| TreeHash::of_nodes(left, right)),
        }
    }

    /// For storage: the size in 8 bytes, big-endian, then each peak.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 32 * self.peaks.len());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        for peak in &self.peaks {
            bytes.extend_from_slice(peak.as_bytes());
        }
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the length does not fit the size that stands in it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadFrontier> {
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(BadFrontier)?;
        let size = u64::from_be_bytes(*size);
        let (peaks, odd) = rest.as_chunks::<32>();
        if !odd.is_empty() || peaks.len() != size.count_ones() as usize {
            return Err(BadFrontier);
        }
        Ok(Self { size, peaks: peaks.iter().copied().map(TreeHash::from_bytes).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::naive;
    use super::*;

    #[test]
    fn roots_are_those_of_the_definition() {
        let leaves = naive::leaves(300);
        let mut tree = Frontier::new();
        for (n, leaf) in leaves.iter().enumerate() {
            assert_eq!((tree.size(), tree.root()), (n as u64, naive::root(&leaves[..n])));
            tree.append(*leaf);
        }
    }

    #[test]
    fn tells_every_complete_node_once_and_rightly() {
        let leaves = naive::leaves(77);
        let mut nodes = Vec::new();
        let mut tree = Frontier::new();
        for leaf in &leaves {
            tree.append_with(*leaf, |node| nodes.push(node));
        }
        let complete = |level: usize| leaves.len() >> level;
        assert_eq!(nodes.len(), (0..7).map(complete).sum::<usize>());
        for node in nodes {
            let (first, width) = ((node.id.index << node.id.level) as usize, 1 << node.id.level);
            assert_eq!(node.hash, naive::root(&leaves[first..first + width]));
        }
    }

    #[test]
    fn survives_storage() {
        let mut tree = Frontier::new();
        for leaf in naive::leaves(100) {
            assert_eq!(Frontier::from_bytes(&tree.to_bytes()), Ok(tree.clone()));
            tree.append(leaf);
        }
        let bytes = tree.to_bytes();
        for bad in
            [&bytes[..7], &bytes[..bytes.len() - 1], &bytes[..bytes.len() - 32], &[bytes.as_slice(), &[0; 32]].concat()]
        {
            assert_eq!(Frontier::from_bytes(bad), Err(BadFrontier));
        }
    }
}
