//! The append-only Merkle tree of RFC 6962 (and, unchanged, RFC 9162): SHA-256, 0x00 before a leaf,
//! 0x01 before two nodes.
//!
//! A ledger that keeps the [`Frontier`] appends in logarithmic time; one that keeps the complete nodes
//! too can answer any proof by reading a few dozen of them.

mod frontier;
mod proof;
mod verify;

pub use frontier::{BadFrontier, Frontier, Node};
pub use proof::{
    MissingNode, ProofError, consistency_nodes, consistency_proof, from_leaves, inclusion_nodes, inclusion_proof,
    root_at,
};
pub use verify::{NotConsistent, NotIncluded, verify_growth, verify_inclusion};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// A hash in the tree: of a leaf, of a node, or the root. Printed as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// From its bytes, as a ledger keeps them.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of one leaf's bytes (RFC 6962, section 2.1).
    pub fn of_leaf(bytes: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(bytes).finalize().into())
    }

    /// The hash of two nodes that stand side by side (RFC 6962, section 2.1).
    pub fn of_nodes(left: Self, right: Self) -> Self {
        Self(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
    }

    /// The root of the tree without leaves: the hash of no bytes (RFC 6962, section 2.1).
    pub fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a hash of the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: it should be 64 lower-case hex digits")]
pub struct NotAHash;

impl FromStr for TreeHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(NotAHash);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAHash)?;
        Ok(Self(bytes))
    }
}

impl Serialize for TreeHash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TreeHash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// Names a complete node: the hash over the leaves from `index << level`, `1 << level` of them. It is
/// final once all of these leaves are there, so a ledger may keep it for ever. Level 0 is the leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// How many levels above the leaves.
    pub level: u8,
    /// Its place on its level, from 0.
    pub index: u64,
}

/// One leaf in a tree of a certain size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The leaf, from 0.
    pub seq: u64,
    /// Leaves in the tree.
    pub size: u64,
}

/// A tree at two sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Leaves in the older tree.
    pub from: u64,
    /// Leaves in the newer tree.
    pub to: u64,
}

#[cfg(test)]
pub(super) mod naive {
    //! The definitions of RFC 6962, section 2.1, word by word: slow, and the measure of everything else.

    use super::TreeHash;

    fn split(n: usize) -> usize {
        let mut k = 1;
        while k * 2 < n {
            k *= 2;
        }
        k
    }

    pub(crate) fn root(d: &[TreeHash]) -> TreeHash {
        match d {
            [] => TreeHash::of_nothing(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = d.split_at(split(d.len()));
                TreeHash::of_nodes(root(left), root(right))
            }
        }
    }

    pub(crate) fn path(m: usize, d: &[TreeHash]) -> Vec<TreeHash> {
        if d.len() == 1 {
            return vec![];
        }
        let k = split(d.len());
        let (left, right) = d.split_at(k);
        let (mut path, sibling) = if m < k { (path(m, left), root(right)) } else { (path(m - k, right), root(left)) };
        path.push(sibling);
        path
    }

    pub(crate) fn subproof(m: usize, d: &[TreeHash], b: bool) -> Vec<TreeHash> {
        if m == d.len() {
            return if b { vec![] } else { vec![root(d)] };
        }
        let k = split(d.len());
        let (left, right) = d.split_at(k);
        let (mut proof, sibling) =
            if m <= k { (subproof(m, left, b), root(right)) } else { (subproof(m - k, right, false), root(left)) };
        proof.push(sibling);
        proof
    }

    pub(crate) fn leaves(n: usize) -> Vec<TreeHash> {
        (0..n).map(|i| TreeHash::of_leaf(&i.to_be_bytes())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs and roots that Certificate Transparency's own tests use.
    #[test]
    fn known_roots() {
        let inputs =
            ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Frontier::new();
        assert_eq!(tree.root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (input, root) in inputs.iter().zip(roots) {
            tree.append(TreeHash::of_leaf(&hex::decode(input).expect("hex")));
            assert_eq!(tree.root().to_string(), root);
        }
    }

    #[test]
    fn hashes_print_and_read_back() {
        let hash = TreeHash::of_leaf(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in
            [hash.to_string().to_uppercase(), hash.to_string()[1..].to_owned(), format!("{hash}0"), String::new()]
        {
            assert_eq!(bad.parse::<TreeHash>(), Err(NotAHash), "{bad}");
        }
    }
}
