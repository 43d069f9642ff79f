//! A commit made ready on its caller's thread, so that the one writer has little left to do.

use curfew_domain::audit::{Draft, SealedEvent, TreeHash};
use curfew_engine::seams::store::{Change, Committed};
use serde::Serialize;

/// One change with its texts.
pub(super) struct Write {
    pub(super) change: Change,
    /// The noun, session, key or notice as the table keeps it; empty where there is none.
    pub(super) body: String,
    /// Its evidence, if it has any.
    pub(super) draft: Option<Draft>,
}

/// Where an event came to stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) seq: u64,
    pub(super) leaf: TreeHash,
}

pub(super) fn prepare(changes: Vec<Change>) -> Vec<Write> {
    changes.into_iter().map(Write::of).collect()
}

/// The events at the places that the writer gave them.
pub(super) fn committed(writes: Vec<Write>, places: Vec<Placed>) -> Committed {
    let drafts = writes.into_iter().filter_map(|write| write.draft);
    Committed { events: drafts.zip(places).map(seal).collect() }
}

fn seal((draft, at): (Draft, Placed)) -> SealedEvent {
    draft.sealed(at.seq, at.leaf)
}

impl Write {
    fn of(change: Change) -> Self {
        let (body, draft) = match &change {
            Change::Request(step) => (text(&step.next), Some(step.event.clone().draft())),
            Change::Grant(step) => (text(&step.next), Some(step.event.clone().draft())),
            Change::Lease(step) => (text(&step.next), Some(step.event.clone().draft())),
            Change::Run(step) => (text(&step.next), Some(step.event.clone().draft())),
            Change::Event(event) => (String::new(), Some(event.as_ref().clone().draft())),
            Change::Notice(notice) => (text(notice), None),
            Change::Session(session) => (text(session.as_ref()), None),
            Change::Key(key) => (text(key), None),
            Change::Beat(beat) => (text(&beat.token), None),
            Change::BeatHeard { .. }
            | Change::BeatOver { .. }
            | Change::RunEndedByProvider { .. }
            | Change::NoticeSent(_)
            | Change::NoticeLater { .. }
            | Change::RequestKey { .. }
            | Change::TokenUsed(_)
            | Change::SessionEnded { .. }
            | Change::Prune { .. }
            | Change::Fact { .. } => (String::new(), None),
        };
        Self { change, body, draft }
    }
}

fn text(noun: &impl Serialize) -> String {
    serde_json::to_string(noun).expect("INVARIANT: what a ledger keeps serializes to JSON")
}
