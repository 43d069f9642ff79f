//! What a ledger has to know about a change or a noun: what ends access and goes first, what is due, what
//! is open. Both backends ask here, so that they cannot differ.

use curfew_domain::audit::AuditAction;
use curfew_domain::{
    Grant, GrantState, Lease, LeaseState, LivesWith, Request, RequestState, RunState, Timestamp, Transition, Version,
};
use curfew_engine::seams::Change;

/// Which commits of a batch are applied first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// It denies a request or orders an end: it wins against what arrives at the same moment.
    First,
    /// Anything else.
    Usual,
}

impl Urgency {
    /// Of a whole commit.
    pub(crate) fn of(changes: &[Change]) -> Self {
        let goes_first = changes.iter().any(|change| match change {
            Change::Request(step) => matches!(step.next.state, RequestState::Denied { .. }),
            Change::Grant(step) => matches!(step.next.state, GrantState::Ending { .. }),
            Change::Lease(step) => matches!(step.next.state, LeaseState::Revoking { .. }),
            Change::Run(step) => matches!(step.next.state, RunState::Over { .. }),
            Change::BeatOver { .. } | Change::RunEndedByProvider { .. } => true,
            Change::Event(_)
            | Change::Beat(_)
            | Change::BeatHeard { .. }
            | Change::Notice(_)
            | Change::NoticeSent(_)
            | Change::NoticeLater { .. }
            | Change::RequestKey { .. }
            | Change::Session(_)
            | Change::TokenUsed(_)
            | Change::SessionEnded { .. }
            | Change::Prune { .. }
            | Change::Key(_)
            | Change::Fact { .. } => false,
        });
        if goes_first { Self::First } else { Self::Usual }
    }
}

/// Rows of a kind that one prune removes, so that no commit is long.
pub(crate) const PRUNED_AT_ONCE: usize = 1_000;

/// What a change does to the access there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bearing {
    /// There is, or may come to be, more of it.
    Gives,
    /// There is less of it, or evidence that it is gone, or a server that can end it.
    Ends,
    /// A record beside another change. Alone it is no reason to use the reserve: refusals would fill it.
    Accompanies,
    /// Replaces or removes a row, and so needs no room of its own for long.
    Tidies,
}

fn bearing(change: &Change) -> Bearing {
    match change {
        Change::Request(step) => match step.next.state {
            RequestState::Pending | RequestState::Approved { .. } => Bearing::Gives,
            RequestState::Denied { .. } | RequestState::Withdrawn { .. } | RequestState::Lapsed { .. } => Bearing::Ends,
        },
        Change::Grant(step) => match step.next.state {
            // Back to `Approved` after a failed activation goes together with the end of its leases.
            GrantState::Approved { .. } if step.from != Version::NONE => Bearing::Accompanies,
            GrantState::Approved { .. } | GrantState::Activating { .. } | GrantState::Active { .. } => Bearing::Gives,
            GrantState::Ending { .. } | GrantState::Ended { .. } => Bearing::Ends,
        },
        Change::Lease(step) => match step.next.state {
            LeaseState::Wanted | LeaseState::Issuing { .. } | LeaseState::Live { .. } => Bearing::Gives,
            LeaseState::Revoking { .. } | LeaseState::LockedOut { .. } | LeaseState::Revoked { .. } => Bearing::Ends,
        },
        Change::Run(step) => match step.next.state {
            RunState::Live => Bearing::Gives,
            RunState::Over { .. } => Bearing::Ends,
        },
        Change::SessionEnded { .. } | Change::BeatOver { .. } | Change::RunEndedByProvider { .. } => Bearing::Ends,
        // Its own start is the first thing a server writes, and one that cannot start ends nothing.
        Change::Event(event) if event.action == AuditAction::ServerStarted => Bearing::Ends,
        Change::Event(_) | Change::Notice(_) | Change::Fact { value: Some(_), .. } => Bearing::Accompanies,
        // What is given runs to its end on a full disk, and so does what has to be heard of.
        Change::BeatHeard { .. }
        | Change::NoticeSent(_)
        | Change::NoticeLater { .. }
        | Change::Fact { value: None, .. }
        | Change::Prune { .. } => Bearing::Tidies,
        Change::RequestKey { .. } | Change::Session(_) | Change::TokenUsed(_) | Change::Key(_) | Change::Beat(_) => {
            Bearing::Gives
        }
    }
}

/// What a commit takes to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The space that is kept for ending access will do: nothing in it gives any, and something in it ends
    /// some, or all of it only tidies up.
    ReserveWillDo,
    /// Room beyond that.
    Room,
}

impl Need {
    /// Of a whole commit.
    pub(crate) fn of(changes: &[Change]) -> Self {
        let bearings = || changes.iter().map(bearing);
        let ends = bearings().any(|b| b == Bearing::Ends);
        let only_tidies = bearings().all(|b| b == Bearing::Tidies);
        let gives = bearings().any(|b| b == Bearing::Gives);
        if (ends || only_tidies) && !gives { Self::ReserveWillDo } else { Self::Room }
    }
}

/// What has to be alive for a step of a request to be written: it asks for access, or becomes some.
pub(crate) fn request_needs(step: &Transition<Request>) -> Option<&LivesWith> {
    let gives = match step.next.state {
        RequestState::Pending => step.from == Version::NONE,
        RequestState::Approved { .. } => true,
        RequestState::Denied { .. } | RequestState::Withdrawn { .. } | RequestState::Lapsed { .. } => false,
    };
    step.next.lives_with.as_ref().filter(|_| gives)
}

/// What has to be alive for a step of a grant to be written: it is made, claimed, or given more time.
pub(crate) fn grant_needs(step: &Transition<Grant>) -> Option<&LivesWith> {
    let gives = match step.next.state {
        GrantState::Approved { .. } => step.from == Version::NONE,
        GrantState::Activating { .. } => true,
        GrantState::Active { extends_to, .. } => extends_to.is_some(),
        GrantState::Ending { .. } | GrantState::Ended { .. } => false,
    };
    step.next.lives_with.as_ref().filter(|_| gives)
}

/// When a grant's time to be claimed, or its access, is over; none once its end was ordered.
pub(crate) fn grant_due_at(grant: &Grant) -> Option<Timestamp> {
    match grant.state {
        GrantState::Approved { claim_until } => Some(claim_until),
        GrantState::Activating { until, .. } | GrantState::Active { until, .. } => Some(until),
        GrantState::Ending { .. } | GrantState::Ended { .. } => None,
    }
}

/// Whether a grant may still give access, or could.
pub(crate) fn grant_is_open(grant: &Grant) -> bool {
    !matches!(grant.state, GrantState::Ended { .. })
}

/// Whether something of a lease may be left in its target.
pub(crate) fn lease_is_open(lease: &Lease) -> bool {
    !matches!(lease.state, LeaseState::Revoked { .. })
}
