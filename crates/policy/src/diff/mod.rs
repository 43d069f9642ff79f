//! The access diff: what becomes of access when one policy set takes the place of another.
//!
//! Reviewers read text, and text hides things: a group three files away, a label that a guardrail names, an approver
//! who moved into an escalation. So both sets are brought into the form that decides ([`view`]), and that is compared.
//!
//! **Invariant:** what cannot be shown to be no wider counts as wider. Nothing here decides a request; it only
//! compares what would decide it.

mod allowed;
mod approval;
mod asking;
mod change;
mod constraint;
mod expression;
mod guardrail;
mod open;
mod order;
mod prover;
mod resource;
mod role;
mod shared;
mod surroundings;
mod terms;
mod view;
mod windows;
mod workload;

pub use change::{AccessDiff, Change, Direction, Kind};
pub use prover::{Answer, Prover, Question};

use crate::set::PolicySet;
use change::Changes;
use prover::{Inputs, Nobody};
use shared::Crowds;

/// Compares what two sets give. The first is in force, the second is to take its place.
pub fn diff(base: &PolicySet, head: &PolicySet) -> AccessDiff {
    diff_with(base, head, &Nobody)
}

/// The same, with somebody who is asked about expressions that cannot be compared by enumeration.
pub fn diff_with(base: &PolicySet, head: &PolicySet, prover: &dyn Prover) -> AccessDiff {
    let inputs = Inputs::of(base, head);
    let crowds = Crowds::default();
    let (base, head) = (view::of(base, &crowds), view::of(head, &crowds));
    let mut changes = Changes::default();
    surroundings::compare(&base, &head, &mut changes);
    resource::compare(&base, &head, &mut changes);
    guardrail::compare(&base.guardrails, &head.guardrails, &mut changes);
    let names = base.roles.keys().chain(head.roles.keys()).collect::<std::collections::BTreeSet<_>>();
    let mentions = base.mentions.with(&head.mentions);
    for name in names {
        role::compare(base.roles.get(name), head.roles.get(name), &mentions, &mut changes);
    }
    changes.finish(&inputs, prover)
}
