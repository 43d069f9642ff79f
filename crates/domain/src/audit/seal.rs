//! From an event to a line of the log, and back.
//!
//! What is hashed is the canonical JSON of the event's fields and `seq`; the line of an export is the same
//! with `leaf_hash` among them. Fields that an event lacks are left out of both.

use super::bound::keep_within_limits;
use super::canonical::{self, LARGEST_INTEGER, NESTING, NotCanonicalBytes};
use super::event::{AuditEvent, Detail, SealedEvent};
use super::merkle::{NotAHash, TreeHash};
use serde_json::{Map, Value};

const SEQ: &str = "seq";
const LEAF_HASH: &str = "leaf_hash";
pub(super) const SAYABLE: &str = "INVARIANT: sealing leaves nothing that canonical JSON cannot say";
/// The event is the first level and its `details` the second.
const DETAIL_NESTING: usize = NESTING - 2;

impl AuditEvent {
    /// Gives the event its place, and with that its hash. Evidence is never refused, so what canonical
    /// JSON cannot say is kept as text: an integer beyond ±(2^53 - 1), and what nests deeper than
    /// [`NESTING`].
    #[must_use]
    pub fn seal(self, seq: u64) -> SealedEvent {
        let (mut sealed, fields) = self.place(seq);
        sealed.leaf_hash = leaf_of(&fields).to_string();
        sealed
    }

    /// [`AuditEvent::seal`] with what a ledger keeps beside the event: its leaf, and its line without the
    /// newline. Cheaper than asking for each.
    #[must_use]
    pub fn seal_for_ledger(self, seq: u64) -> (SealedEvent, TreeHash, Vec<u8>) {
        let (mut sealed, mut fields) = self.place(seq);
        let leaf = leaf_of(&fields);
        sealed.leaf_hash = leaf.to_string();
        fields.insert(LEAF_HASH.to_owned(), sealed.leaf_hash.clone().into());
        (sealed, leaf, canonical::canonical(&Value::Object(fields)).expect(SAYABLE))
    }

    fn place(mut self, seq: u64) -> (SealedEvent, Map<String, Value>) {
        make_details_sayable(&mut self);
        keep_within_limits(&mut self);
        let sealed = SealedEvent { seq, event: self, leaf_hash: String::new() };
        let fields = sealed.fields();
        (sealed, fields)
    }
}

impl SealedEvent {
    /// The line of an export: canonical JSON (RFC 8785), without the newline that ends it there.
    pub fn to_line(&self) -> Vec<u8> {
        canonical::canonical(&Value::Object(self.fields())).expect(SAYABLE)
    }

    /// The bytes that are hashed: the line without its `leaf_hash`.
    pub fn hashed_bytes(&self) -> Vec<u8> {
        canonical::canonical_without(&self.fields(), LEAF_HASH).expect(SAYABLE)
    }

    /// Reads a line, without its newline, and checks it: its spelling, and that it hashes to what it says.
    /// Fields this version does not know are checked and left out.
    ///
    /// # Errors
    /// When it is not the canonical line of an event, or its hash is another.
    pub fn from_line(line: &[u8]) -> Result<Self, BadEventLine> {
        let fields = canonical::read_canonical(line)?;
        check_event(&fields)?;
        serde_json::from_value(Value::Object(fields)).map_err(|why| BadEventLine::Fields(why.to_string()))
    }

    /// The leaf that is appended to the tree.
    ///
    /// # Errors
    /// When `leaf_hash` was not written by [`AuditEvent::seal`].
    pub fn leaf(&self) -> Result<TreeHash, NotAHash> {
        self.leaf_hash.parse()
    }

    fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) | Err(_) => unreachable!("INVARIANT: an event serializes to a map with texts for keys"),
        }
    }
}

/// Why a line is no sealed event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEventLine {
    /// Not canonical JSON.
    #[error(transparent)]
    Bytes(#[from] NotCanonicalBytes),
    /// `seq` is missing or no whole number from 0.
    #[error("`seq` is missing or not a whole number from 0")]
    Seq,
    /// `leaf_hash` is missing or no hash.
    #[error("`leaf_hash` is missing or not 64 lower-case hex digits")]
    LeafHash,
    /// The line was changed after it was sealed, or its hash was.
    #[error("the event does not hash to its `leaf_hash`")]
    Changed,
    /// The fields are not those of an event this version knows.
    #[error("not an event this version can read: {0}")]
    Fields(String),
}

/// Checks a line's fields against its own hash; its place in the log, and its leaf.
pub(super) fn check_event(fields: &Map<String, Value>) -> Result<(u64, TreeHash), BadEventLine> {
    let seq = fields.get(SEQ).and_then(Value::as_u64).ok_or(BadEventLine::Seq)?;
    let claimed = fields.get(LEAF_HASH).and_then(Value::as_str).and_then(|text| text.parse::<TreeHash>().ok());
    let claimed = claimed.ok_or(BadEventLine::LeafHash)?;
    let hashed = canonical::canonical_without(fields, LEAF_HASH).map_err(NotCanonicalBytes::from)?;
    if TreeHash::of_leaf(&hashed) != claimed {
        return Err(BadEventLine::Changed);
    }
    Ok((seq, claimed))
}

fn leaf_of(fields: &Map<String, Value>) -> TreeHash {
    TreeHash::of_leaf(&canonical::canonical_without(fields, LEAF_HASH).expect(SAYABLE))
}

/// Leaves nothing in the event that canonical JSON cannot say.
pub(super) fn make_details_sayable(event: &mut AuditEvent) {
    for detail in event.details.values_mut() {
        make_sayable(detail, DETAIL_NESTING);
    }
}

fn make_sayable(detail: &mut Detail, levels: usize) {
    match detail {
        Detail::Integer(i) if (-LARGEST_INTEGER..=LARGEST_INTEGER).contains(i) => {}
        Detail::Integer(i) => *detail = Detail::Text(i.to_string()),
        Detail::Text(_) => {}
        Detail::List(_) | Detail::Map(_) if levels == 0 => {
            *detail = Detail::Text(Value::from(detail.clone()).to_string());
        }
        Detail::List(items) => items.iter_mut().for_each(|item| make_sayable(item, levels - 1)),
        Detail::Map(map) => map.values_mut().for_each(|item| make_sayable(item, levels - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditAction;
    use crate::subject::Subject;
    use crate::time::Timestamp;
    use std::collections::BTreeMap;

    fn event() -> AuditEvent {
        let at = Timestamp::from_millis(1_772_445_600_000);
        AuditEvent::new(at, Subject::system(), AuditAction::PolicyApplied).because("tab\there").with("n", 3)
    }

    #[test]
    fn what_is_hashed_and_what_is_written() {
        let sealed = event().seal(7);
        let hashed = concat!(
            r#"{"action":"policy.applied","actor":{"id":"curfew|system","kind":"system","name":"Curfew"},"#,
            r#""at":"2026-03-02T10:00:00.000Z","because":"tab\there","details":{"n":3},"seq":7}"#
        );
        assert_eq!(String::from_utf8(sealed.hashed_bytes()).expect("UTF-8"), hashed);
        assert_eq!(sealed.leaf_hash, TreeHash::of_leaf(hashed.as_bytes()).to_string());
        assert_eq!(
            event().seal_for_ledger(7),
            (sealed.clone(), TreeHash::of_leaf(hashed.as_bytes()), sealed.to_line())
        );
        let line = hashed.replace(r#","seq""#, &format!(r#","leaf_hash":"{}","seq""#, sealed.leaf_hash));
        assert_eq!(String::from_utf8(sealed.to_line()).expect("UTF-8"), line);
        assert_eq!(SealedEvent::from_line(line.as_bytes()), Ok(sealed));
    }

    #[test]
    fn a_changed_line_is_refused() {
        let line = String::from_utf8(event().seal(0).to_line()).expect("UTF-8");
        let changed = |from: &str, to: &str| SealedEvent::from_line(line.replace(from, to).as_bytes());
        assert_eq!(changed("\"n\":3", "\"n\":4"), Err(BadEventLine::Changed));
        assert_eq!(changed("\"seq\":0", "\"seq\":1"), Err(BadEventLine::Changed));
        assert_eq!(changed("\"seq\":0", "\"seq\":-1"), Err(BadEventLine::Seq));
        assert_eq!(changed("\"leaf_hash\":\"", "\"leaf_hash\":\"0"), Err(BadEventLine::LeafHash));
        assert_eq!(changed("\"seq\":0", "\"seq\":0 "), Err(BadEventLine::Bytes(NotCanonicalBytes::Spelling)));
    }

    #[test]
    fn fields_of_a_later_version_are_hashed_and_left_out() {
        let mut fields = event().seal(0).fields();
        fields.insert("zone".to_owned(), "eu".into());
        let hash = TreeHash::of_leaf(&canonical::canonical_without(&fields, LEAF_HASH).expect("canonical"));
        fields.insert(LEAF_HASH.to_owned(), hash.to_string().into());
        let line = canonical::canonical(&Value::Object(fields)).expect("canonical");
        assert_eq!(SealedEvent::from_line(&line).map(|read| read.event), Ok(event()));
    }

    #[test]
    fn nothing_keeps_an_event_from_being_sealed() {
        let deep = (0..200).fold(Detail::Integer(i64::MIN), |inner, level| match level % 2 {
            0 => Detail::List(vec![inner]),
            _ => Detail::Map(BTreeMap::from([("\u{0}\u{1f600}".to_owned(), inner)])),
        });
        let sealed = event().with("deep", deep).with("big", i64::MAX).seal((1 << 53) - 1);
        assert_eq!(sealed.event.details["big"], Detail::Text(i64::MAX.to_string()));
        assert_eq!(SealedEvent::from_line(&sealed.to_line()), Ok(sealed));
    }
}
