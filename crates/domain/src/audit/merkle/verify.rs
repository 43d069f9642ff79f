//! Checking proofs: the algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use super::{Growth, Place, TreeHash};

/// The proof does not show that the leaf is in the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not show event {seq} in the tree of {size} events")]
pub struct NotIncluded {
    /// The leaf that was claimed.
    pub seq: u64,
    /// The tree it was claimed for.
    pub size: u64,
}

/// The proof does not show that the newer tree continues the older one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not show that the log of {to} events begins with the log of {from} events")]
pub struct NotConsistent {
    /// Leaves in the older tree.
    pub from: u64,
    /// Leaves in the newer tree.
    pub to: u64,
}

/// Whether the leaf stands at its place in the tree with this root.
///
/// # Errors
/// When the proof does not show it.
pub fn verify_inclusion(leaf: TreeHash, place: Place, proof: &[TreeHash], root: TreeHash) -> Result<(), NotIncluded> {
    let failed = NotIncluded { seq: place.seq, size: place.size };
    if place.seq >= place.size {
        return Err(failed);
    }
    let mut way = Way { node: place.seq, last: place.size - 1 };
    let mut hash = leaf;
    for sibling in proof {
        hash = match way.up().ok_or(failed.clone())? {
            Side::Left => TreeHash::of_nodes(*sibling, hash),
            Side::Right => TreeHash::of_nodes(hash, *sibling),
        };
    }
    if way.last == 0 && hash == root { Ok(()) } else { Err(failed) }
}

/// Whether the tree with the older root is how the tree with the newer root began; `roots` are the older
/// and the newer one. Every tree continues the empty one, with an empty proof.
///
/// # Errors
/// When the proof does not show it.
pub fn verify_growth(growth: Growth, roots: [TreeHash; 2], proof: &[TreeHash]) -> Result<(), NotConsistent> {
    let [older, newer] = roots;
    let Growth { from, to } = growth;
    let shown = match from {
        0 => proof.is_empty() && older == TreeHash::of_nothing() && (to > 0 || newer == older),
        _ if from > to => false,
        _ if from == to => proof.is_empty() && older == newer,
        _ => grows(growth, roots, proof),
    };
    if shown { Ok(()) } else { Err(NotConsistent { from, to }) }
}

fn grows(growth: Growth, [older, newer]: [TreeHash; 2], proof: &[TreeHash]) -> bool {
    let mut way = Way { node: growth.from - 1, last: growth.to - 1 };
    way.shift(way.node.trailing_ones());
    // When the older tree is a node of the newer one its root is the start, and is not sent.
    let (start, rest) = match proof.split_first() {
        None => return false,
        Some(_) if growth.from.is_power_of_two() => (older, proof),
        Some((first, rest)) => (*first, rest),
    };
    let (mut old, mut new) = (start, start);
    for sibling in rest {
        match way.up() {
            None => return false,
            Some(Side::Left) => {
                old = TreeHash::of_nodes(*sibling, old);
                new = TreeHash::of_nodes(*sibling, new);
            }
            Some(Side::Right) => new = TreeHash::of_nodes(new, *sibling),
        }
    }
    way.last == 0 && old == older && new == newer
}

/// On which side of our node its sibling stands.
enum Side {
    Left,
    Right,
}

/// The way from a node to the root: our place on the level, and the last place there is (`fn`, `sn`).
struct Way {
    node: u64,
    last: u64,
}

impl Way {
    fn shift(&mut self, levels: u32) {
        self.node = self.node.checked_shr(levels).unwrap_or(0);
        self.last = self.last.checked_shr(levels).unwrap_or(0);
    }

    /// One sibling further; none when the root has been reached already.
    fn up(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let is_right_child = self.node & 1 == 1;
        if !is_right_child && self.node != self.last {
            self.shift(1);
            return Some(Side::Right);
        }
        // The last node of a level that has no sibling goes up unchanged until it is a right child.
        if !is_right_child {
            self.shift(self.node.trailing_zeros());
        }
        self.shift(1);
        Some(Side::Left)
    }
}

#[cfg(test)]
mod tests {
    use super::super::naive;
    use super::*;

    const SIZES: usize = 70;

    /// Every way to spoil a proof a little.
    fn spoiled(proof: &[TreeHash]) -> Vec<Vec<TreeHash>> {
        let stranger = TreeHash::of_leaf(b"stranger");
        let mut all = vec![[proof, &[stranger]].concat(), [&[stranger], proof].concat()];
        for at in 0..proof.len() {
            let (mut without, mut changed, mut twice) = (proof.to_vec(), proof.to_vec(), proof.to_vec());
            without.remove(at);
            changed[at] = stranger;
            twice.insert(at, proof[at]);
            all.extend([without, changed, twice]);
        }
        all
    }

    #[test]
    fn inclusion_is_shown_and_nothing_else() {
        let leaves = naive::leaves(SIZES);
        for size in 1..=SIZES {
            let root = naive::root(&leaves[..size]);
            for seq in 0..size {
                let proof = naive::path(seq, &leaves[..size]);
                let place = Place { seq: seq as u64, size: size as u64 };
                assert_eq!(verify_inclusion(leaves[seq], place, &proof, root), Ok(()));
                for bad in spoiled(&proof) {
                    assert!(verify_inclusion(leaves[seq], place, &bad, root).is_err());
                }
                assert!(verify_inclusion(leaves[seq], Place { seq: place.size, ..place }, &proof, root).is_err());
                assert!(verify_inclusion(TreeHash::of_leaf(b"x"), place, &proof, root).is_err());
                let other = Place { seq: (place.seq + 1) % place.size, ..place };
                assert!(size == 1 || verify_inclusion(leaves[seq], other, &proof, root).is_err());
            }
        }
    }

    #[test]
    fn growth_is_shown_and_nothing_else() {
        let leaves = naive::leaves(SIZES);
        for to in 1..=SIZES {
            for from in 1..=to {
                let roots = [naive::root(&leaves[..from]), naive::root(&leaves[..to])];
                let proof = naive::subproof(from, &leaves[..to], true);
                let growth = Growth { from: from as u64, to: to as u64 };
                assert_eq!(verify_growth(growth, roots, &proof), Ok(()), "{growth:?}");
                for bad in spoiled(&proof) {
                    assert!(verify_growth(growth, roots, &bad).is_err(), "{growth:?}");
                }
                let stranger = TreeHash::of_leaf(b"x");
                assert!(verify_growth(growth, [stranger, roots[1]], &proof).is_err());
                assert!(verify_growth(growth, [roots[0], stranger], &proof).is_err());
                let backwards = Growth { from: growth.to, to: growth.from };
                assert!(from == to || verify_growth(backwards, [roots[1], roots[0]], &proof).is_err());
            }
        }
    }

    #[test]
    fn everything_continues_the_empty_log() {
        let [empty, some] = [TreeHash::of_nothing(), TreeHash::of_leaf(b"x")];
        assert!(verify_growth(Growth { from: 0, to: 1 }, [empty, some], &[]).is_ok());
        assert!(verify_growth(Growth { from: 0, to: 0 }, [empty, empty], &[]).is_ok());
        assert!(verify_growth(Growth { from: 0, to: 0 }, [empty, some], &[]).is_err());
        assert!(verify_growth(Growth { from: 0, to: 1 }, [some, some], &[]).is_err());
        assert!(verify_growth(Growth { from: 0, to: 1 }, [empty, some], &[some]).is_err());
        let huge = Growth { from: u64::MAX, to: u64::MAX - 1 };
        assert!(verify_growth(huge, [some, some], &[some; 64]).is_err());
        assert!(verify_inclusion(some, Place { seq: u64::MAX - 1, size: u64::MAX }, &[some; 65], some).is_err());
    }
}
