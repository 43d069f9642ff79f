//! An event made ready before its place in the log is known.
//!
//! Only one writer can give out places, and everybody waits for it. So whoever brings an event spells it
//! out, and the writer has only to put `seq` into the gap and to hash.

use super::bound::keep_within_limits;
use super::canonical;
use super::event::{AuditAction, AuditEvent, Detail, SealedEvent};
use super::merkle::TreeHash;
use super::seal::{SAYABLE, make_details_sayable};
use crate::grant::Grant;
use crate::id::Id;
use crate::lease::Lease;
use crate::request::Request;
use crate::subject::{Email, Subject, SubjectId, SubjectKind};
use crate::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An event and its canonical JSON with two gaps.
#[derive(Debug, Clone)]
pub struct Draft {
    event: AuditEvent,
    spelled: Spelled,
}

/// Members of the event, without braces: those before `leaf_hash`, those between it and `seq`, and those
/// after `seq`. Any may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spelled {
    before_leaf_hash: String,
    before_seq: String,
    after_seq: String,
}

impl AuditEvent {
    /// Spells the event out. What comes of it is what [`AuditEvent::seal_for_ledger`] gives at once.
    #[must_use]
    pub fn draft(mut self) -> Draft {
        make_details_sayable(&mut self);
        keep_within_limits(&mut self);
        // Texts sort by bytes in our maps, by UTF-16 units in RFC 8785; in ASCII that is the same.
        let spelled = if self.details.iter().all(|(key, detail)| key.is_ascii() && has_ascii_keys(detail)) {
            spell_in_order(&self)
        } else {
            spell_and_sort(&self)
        };
        Draft { event: self, spelled }
    }
}

impl Draft {
    /// The leaf of the event at a place, and its line without the newline.
    pub fn place(&self, seq: u64) -> (TreeHash, Vec<u8>) {
        let Spelled { before_leaf_hash, before_seq, after_seq } = &self.spelled;
        let seq = format!("\"seq\":{seq}");
        let leaf = TreeHash::of_leaf(&object(&[before_leaf_hash, before_seq, &seq, after_seq]));
        let leaf_hash = format!("\"leaf_hash\":\"{leaf}\"");
        (leaf, object(&[before_leaf_hash, &leaf_hash, before_seq, &seq, after_seq]))
    }

    /// The event at its place; `leaf` is what [`Draft::place`] gave for it.
    #[must_use]
    pub fn sealed(self, seq: u64, leaf: TreeHash) -> SealedEvent {
        SealedEvent { seq, event: self.event, leaf_hash: leaf.to_string() }
    }

    /// The event.
    pub fn event(&self) -> &AuditEvent {
        &self.event
    }
}

fn object(members: &[&str]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + members.iter().map(|m| m.len() + 1).sum::<usize>());
    out.push(b'{');
    for member in members.iter().filter(|member| !member.is_empty()) {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(member.as_bytes());
    }
    out.push(b'}');
    out
}

fn has_ascii_keys(detail: &Detail) -> bool {
    match detail {
        Detail::Integer(_) | Detail::Text(_) => true,
        Detail::List(items) => items.iter().all(has_ascii_keys),
        Detail::Map(map) => map.iter().all(|(key, item)| key.is_ascii() && has_ascii_keys(item)),
    }
}

/// For any event: by way of a tree of values.
fn spell_and_sort(event: &AuditEvent) -> Spelled {
    let value = serde_json::to_value(event).expect("INVARIANT: an event serializes to JSON");
    let (mut head, mut middle, mut tail) = (Map::new(), Map::new(), Map::new());
    for (key, value) in value.as_object().into_iter().flatten() {
        let part = match key.as_str() {
            key if key < "leaf_hash" => &mut head,
            key if key < "seq" => &mut middle,
            _ => &mut tail,
        };
        part.insert(key.clone(), value.clone());
    }
    let [before_leaf_hash, before_seq, after_seq] = [head, middle, tail].map(|part| {
        let bytes = canonical::canonical(&Value::Object(part)).expect(SAYABLE);
        without_braces(String::from_utf8(bytes).expect("INVARIANT: canonical JSON is UTF-8"))
    });
    Spelled { before_leaf_hash, before_seq, after_seq }
}

/// For events whose maps are in canonical order already. `serde_json` escapes as RFC 8785 says and writes no
/// blanks, so all that is left is the order of the members.
fn spell_in_order(event: &AuditEvent) -> Spelled {
    let actor = InOrder::of(&event.actor);
    let head = Head {
        action: event.action,
        actor,
        at: event.at,
        because: &event.because,
        details: &event.details,
        grant_id: event.grant_id,
    };
    let middle = Middle {
        lease_id: event.lease_id,
        policy_version: event.policy_version.as_deref(),
        request_id: event.request_id,
    };
    let tail = Tail { subject: event.subject.as_ref().map(InOrder::of) };
    Spelled { before_leaf_hash: members(&head), before_seq: members(&middle), after_seq: members(&tail) }
}

fn members(part: &impl Serialize) -> String {
    without_braces(serde_json::to_string(part).expect("INVARIANT: an event serializes to JSON"))
}

fn without_braces(mut object: String) -> String {
    object.pop();
    object.remove(0);
    object
}

#[derive(Serialize)]
struct Head<'a> {
    action: AuditAction,
    actor: InOrder<'a>,
    at: Timestamp,
    #[serde(skip_serializing_if = "str::is_empty")]
    because: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: &'a BTreeMap<String, Detail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<Id<Grant>>,
}

#[derive(Serialize)]
struct Middle<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_id: Option<Id<Lease>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Id<Request>>,
}

#[derive(Serialize)]
struct Tail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<InOrder<'a>>,
}

/// A subject with its members in canonical order.
#[derive(Serialize)]
struct InOrder<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a Email>,
    id: &'a SubjectId,
    kind: SubjectKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl<'a> InOrder<'a> {
    fn of(Subject { kind, id, email, name }: &'a Subject) -> Self {
        Self { email: email.as_ref(), id, kind: *kind, name: name.as_deref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn detail() -> impl Strategy<Value = Detail> {
        let leaf = prop_oneof![any::<i64>().prop_map(Detail::Integer), any::<String>().prop_map(Detail::Text)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key = prop_oneof![3 => "[ -~]{0,6}", 1 => any::<String>()];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Detail::List),
                prop::collection::btree_map(key, inner, 0..4).prop_map(Detail::Map),
            ]
        })
    }

    fn subject() -> impl Strategy<Value = Subject> {
        (any::<bool>(), any::<Option<String>>()).prop_map(|(mailed, name)| {
            let email = mailed.then(|| "ann@example.com".parse().expect("an address"));
            let id = SubjectId::new("https://idp.example", "a|\"b\u{7f}").unwrap_or_else(|_| Subject::system().id);
            Subject { kind: SubjectKind::Person, id, email, name }
        })
    }

    fn event() -> impl Strategy<Value = AuditEvent> {
        let details =
            prop::collection::btree_map(prop_oneof![3 => "[a-z_]{1,6}", 1 => any::<String>()], detail(), 0..4);
        let ids = (any::<Option<u128>>(), any::<Option<u128>>(), any::<Option<u128>>());
        (subject(), prop::option::of(subject()), any::<String>(), ids, any::<Option<String>>(), details).prop_map(
            |(actor, subject, because, (request, grant, lease), policy_version, details)| AuditEvent {
                subject,
                request_id: request.map(Id::from_u128),
                grant_id: grant.map(Id::from_u128),
                lease_id: lease.map(Id::from_u128),
                policy_version,
                details,
                ..AuditEvent::new(Timestamp::from_millis(1), actor, AuditAction::LeaseIssued).because(because)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_draft_at_its_place_is_the_sealed_event(event in event(), seq in 0u64..(1 << 53)) {
            let draft = event.clone().draft();
            prop_assert_eq!(&spell_and_sort(draft.event()), &draft.spelled);
            let (leaf, line) = draft.place(seq);
            let (sealed, sealed_leaf, sealed_line) = event.seal_for_ledger(seq);
            prop_assert_eq!((leaf, line), (sealed_leaf, sealed_line));
            prop_assert_eq!(draft.sealed(seq, leaf), sealed);
        }
    }
}
