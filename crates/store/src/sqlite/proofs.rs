//! The audit tree as the tables hold it: leaves with their events, complete nodes above them, and nothing
//! that changes.

use curfew_domain::audit::merkle::{self, NodeId, Place, ProofError, TreeHash};
use curfew_domain::audit::{Frontier, Growth};
use rusqlite::{Connection, params};

/// How many events there are.
pub(super) fn size(conn: &Connection) -> rusqlite::Result<u64> {
    let mut last = conn.prepare_cached("SELECT coalesce(max(seq) + 1, 0) FROM events")?;
    last.query_row((), |row| row.get::<_, i64>(0)).map(|size| size as u64)
}

/// The tree's right edge, read back from its complete nodes.
pub(super) fn frontier(conn: &Connection) -> rusqlite::Result<Frontier> {
    let size = size(conn)?;
    let mut bytes = size.to_be_bytes().to_vec();
    for level in (0..u64::BITS as u8).rev().filter(|level| size >> level & 1 == 1) {
        // The subtree of this bit begins where those of the higher bits end.
        let index = (size >> level) - 1;
        bytes.extend_from_slice(node(conn, NodeId { level, index })?.as_bytes());
    }
    Ok(Frontier::from_bytes(&bytes).expect("INVARIANT: one peak was read for each bit of the size"))
}

/// The proof that an event stands in the tree of a size; none when there is no such.
pub(super) fn inclusion(conn: &Connection, place: Place) -> rusqlite::Result<Option<Vec<[u8; 32]>>> {
    if place.size > size(conn)? {
        return Ok(None);
    }
    shown(merkle::inclusion_proof(place, |id| node(conn, id)))
}

/// The proof that a tree grew from another; none when there are no such.
pub(super) fn consistency(conn: &Connection, growth: Growth) -> rusqlite::Result<Option<Vec<[u8; 32]>>> {
    if growth.to > size(conn)? {
        return Ok(None);
    }
    shown(merkle::consistency_proof(growth, |id| node(conn, id)))
}

fn shown(proof: Result<Vec<TreeHash>, ProofError<rusqlite::Error>>) -> rusqlite::Result<Option<Vec<[u8; 32]>>> {
    match proof {
        Ok(hashes) => Ok(Some(hashes.iter().map(|hash| *hash.as_bytes()).collect())),
        Err(ProofError::OutOfRange { .. }) => Ok(None),
        Err(ProofError::Node(why)) => Err(why),
    }
}

fn node(conn: &Connection, id: NodeId) -> rusqlite::Result<TreeHash> {
    let hash = if id.level == 0 {
        let mut leaf = conn.prepare_cached("SELECT leaf FROM events WHERE seq = ?1")?;
        leaf.query_row([id.index as i64], |row| row.get(0))?
    } else {
        let mut node = conn.prepare_cached("SELECT hash FROM tree_nodes WHERE level = ?1 AND place = ?2")?;
        node.query_row(params![id.level, id.index as i64], |row| row.get(0))?
    };
    Ok(TreeHash::from_bytes(hash))
}
