//! The most that one event may take. Evidence is never refused and is kept for ever, so what is too long is left
//! out, and its hash says what it was.

use super::event::{AuditEvent, Detail};
use crate::limits;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Leaves out what goes beyond the limits: the end of a reason, and the longest facts first.
pub(super) fn keep_within_limits(event: &mut AuditEvent) {
    if event.because.len() > limits::AUDIT_REASON_BYTES {
        let all = event.because.len();
        event.because.truncate(event.because.floor_char_boundary(limits::AUDIT_REASON_BYTES));
        event.because.push_str(&format!("… ({all} bytes)"));
    }
    let mut lengths: BTreeMap<String, usize> =
        event.details.iter().map(|(key, detail)| (key.clone(), text_length(key) + detail_length(detail))).collect();
    while lengths.values().sum::<usize>() > limits::AUDIT_DETAILS_BYTES {
        let longest = lengths.iter().max_by_key(|(_, length)| **length).map(|(key, _)| key.clone());
        let Some((key, length)) = longest.and_then(|key| lengths.remove_entry(&key)) else { return };
        // A key is named in code, but what is bounded must not lean on that.
        if key.len() > limits::NAME_BYTES {
            event.details.remove(&key);
        } else if let Some(detail) = event.details.get_mut(&key) {
            *detail = left_out(detail, length);
        }
    }
}

fn left_out(detail: &Detail, length: usize) -> Detail {
    let json = serde_json::to_vec(detail).expect("INVARIANT: details serialize to JSON");
    let bytes = i64::try_from(length).unwrap_or(i64::MAX);
    let said = [("left_out_bytes", Detail::Integer(bytes)), ("sha256", hex::encode(Sha256::digest(&json)).into())];
    Detail::Map(said.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Bytes of its JSON; of its numbers, the most they can be.
fn detail_length(detail: &Detail) -> usize {
    match detail {
        Detail::Integer(_) => 20,
        Detail::Text(text) => text_length(text),
        Detail::List(items) => 2 + items.iter().map(|item| 1 + detail_length(item)).sum::<usize>(),
        Detail::Map(map) => 2 + map.iter().map(|(key, item)| 2 + text_length(key) + detail_length(item)).sum::<usize>(),
    }
}

/// Bytes of a text as JSON has it: a quote or a backslash is two, a control character at most six.
fn text_length(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditAction;
    use crate::subject::Subject;
    use crate::time::Timestamp;

    fn event() -> AuditEvent {
        AuditEvent::new(Timestamp::from_millis(0), Subject::system(), AuditAction::LeaseRevoked)
    }

    /// What the rest of an event takes: names, ids and a time.
    const AROUND: usize = 4_096;

    #[test]
    fn what_is_within_the_limits_is_untouched() {
        let long = event().because("x".repeat(limits::AUDIT_REASON_BYTES)).with("after", "y".repeat(1 << 20));
        assert_eq!(long.clone().seal(1).event, long);
    }

    #[test]
    fn no_event_is_larger_than_the_limits() {
        let hostile = "\u{1}\"ü".repeat(1 << 20);
        let list = Detail::List((0..200_000).map(|n| Detail::Text(format!("leftover {n}"))).collect());
        let large = event().because(hostile.clone()).with("after", list).with("note", hostile).with("small", 7);
        let sealed = large.clone().seal(1);
        // A reason of control characters is six times as long when it is escaped.
        let most = limits::AUDIT_DETAILS_BYTES + 6 * limits::AUDIT_REASON_BYTES + AROUND;
        assert!(sealed.to_line().len() <= most, "{} bytes", sealed.to_line().len());
        assert_eq!(sealed.event.details["small"], Detail::Integer(7), "the longest go first");
        let Detail::Map(said) = &sealed.event.details["note"] else { panic!("left out") };
        assert!(matches!(said["left_out_bytes"], Detail::Integer(bytes) if bytes > 8 << 20));
        assert_eq!(crate::audit::SealedEvent::from_line(&sealed.to_line()), Ok(sealed.clone()));
        let (leaf, line) = large.draft().place(1);
        assert_eq!(
            (leaf.to_string(), line),
            (sealed.leaf_hash.clone(), sealed.to_line()),
            "both ways of sealing agree"
        );
    }
}
