//! The three lists of a decision.

use crate::authorize::Answer;
use crate::source::Place;
use curfew_domain::{Reason, ReasonCode, Scope};

/// What holds, what does not, and what could not be evaluated.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    pub(super) satisfied: Vec<Reason>,
    pub(super) unsatisfied: Vec<Reason>,
    pub(super) failed: Vec<Reason>,
}

impl Reasons {
    pub(super) fn holds(&mut self, code: ReasonCode, place: &Place, message: String) {
        self.satisfied.push(reason(code, place, message));
    }

    pub(super) fn fails(&mut self, code: ReasonCode, place: &Place, message: String) {
        self.unsatisfied.push(reason(code, place, message));
    }

    pub(super) fn unknown(&mut self, code: ReasonCode, place: &Place, message: String) {
        self.failed.push(reason(code, place, message));
    }

    pub(super) fn in_doubt(&mut self, code: ReasonCode, place: &Place, answer: &Answer) {
        for error in &answer.errors {
            self.unknown(code, place, format!("could not be evaluated: {error}"));
        }
    }

    pub(super) fn deny(&self) -> bool {
        !self.unsatisfied.is_empty() || !self.failed.is_empty()
    }
}

fn reason(code: ReasonCode, place: &Place, message: String) -> Reason {
    Reason { code, message, file: place.file.to_string(), line: place.line }
}

/// `read, write on services/db`.
pub(super) fn described(scope: &Scope) -> String {
    let parts: Vec<String> = scope
        .by_resource()
        .into_iter()
        .map(|(resource, actions)| {
            let actions: Vec<&str> = actions.iter().map(|a| a.as_str()).collect();
            format!("{} on {resource}", actions.join(", "))
        })
        .collect();
    abridged(&parts)
}

/// The first few, and how many more.
pub(crate) fn abridged(items: &[String]) -> String {
    const SHOWN: usize = 5;
    match items.len().checked_sub(SHOWN) {
        None | Some(0) => items.join(", "),
        Some(more) => format!("{} and {more} more", items[..SHOWN].join(", ")),
    }
}
