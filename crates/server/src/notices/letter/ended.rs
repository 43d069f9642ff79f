//! Letters about access that is gone, or should be.

use super::super::told::Told;
use super::granted::{YOURS, page};
use super::{Envelope, Letter, exposure, fact, facts_of_grant, line};
use crate::words;
use curfew_domain::lease::{Evidence, Leftover, LeftoverDone};
use curfew_domain::text::visible;
use curfew_domain::{Grant, GrantState, Lease};

/// Access has ended.
pub(super) fn ended(told: &Told, grant: &Grant, envelope: &Envelope<'_>) -> Letter {
    let mut facts = facts_of_grant(grant);
    let lead = match &grant.state {
        GrantState::Ended { cause, evidence: Evidence::Read { at }, .. } => {
            format!(
                "It ended at {} because {}. The targets were read and show no access.",
                words::moment(*at),
                words::cause(*cause)
            )
        }
        GrantState::Ended { cause, evidence: Evidence::Unread { at, because }, .. } => {
            facts.push(line("Not verified", visible(because)));
            format!(
                "It ended at {} because {}, but not every target could be read: somebody should look whether anything is still open.",
                words::moment(*at),
                words::cause(*cause)
            )
        }
        GrantState::Ending { cause, .. } => format!("It is ending because {}.", words::cause(*cause)),
        GrantState::Approved { .. } | GrantState::Activating { .. } | GrantState::Active { .. } => {
            "It has ended.".to_owned()
        }
    };
    let left: Vec<String> = told.leases.iter().flat_map(Lease::leftovers).map(leftover).collect();
    if !left.is_empty() {
        facts.push(fact("It left behind", left));
    }
    Letter {
        subject: format!("{} has ended", grant.role),
        lead,
        facts,
        said: Vec::new(),
        commands: vec![("See it in full", format!("curfew show {}", grant.id))],
        page: page(grant, envelope),
        because: envelope.because(&grant.subject, YOURS),
    }
}

/// An end takes too long.
pub(super) fn overdue(told: &Told, lease: &Lease, envelope: &Envelope<'_>) -> Letter {
    let minutes = told.minutes.unwrap_or_default();
    let mut facts = vec![
        line("Who", words::who(&lease.subject)),
        line("Resource", lease.resource.to_string()),
        line("Name in the target", lease.handle()),
        line("Should have ended", words::moment(lease.expires_at)),
    ];
    facts.extend(exposure(&lease.residual_exposure));
    Letter {
        subject: format!("Access to {} is not gone after {minutes} minutes", lease.resource),
        lead: format!(
            "For {minutes} minutes Curfew has not been able to take it away, or to see that it is gone. It keeps trying. \
             Whoever runs {} should see whether it can be reached.",
            lease.resource
        ),
        facts,
        said: Vec::new(),
        commands: vec![
            ("See what is wrong with the target", "curfew doctor".to_owned()),
            ("See it in full", format!("curfew show {}", lease.grant_id)),
        ],
        page: envelope.page(&format!("grants/{}", lease.grant_id)),
        because: envelope.because(&lease.subject, YOURS),
    }
}

/// Something in a target that the ledger cannot explain.
pub(super) fn alarm(told: &Told, envelope: &Envelope<'_>) -> Letter {
    let resource = told.resource.as_ref().map_or_else(|| "a target".to_owned(), ToString::to_string);
    let message = told.message.as_deref().unwrap_or("Something there cannot be explained.");
    Letter {
        subject: format!("Something in {resource} cannot be explained"),
        lead: visible(message).into_owned(),
        facts: vec![line("Resource", resource)],
        said: Vec::new(),
        commands: vec![("See what is wrong with the target", "curfew doctor".to_owned())],
        page: envelope.page("audit"),
        because: "You get this because you are told of alarms.",
    }
}

fn leftover(left: &Leftover) -> String {
    let done = match left.done {
        LeftoverDone::Dropped => "removed",
        LeftoverDone::Quarantined => "now belongs to a powerless owner",
        LeftoverDone::Reported => "still there: somebody should look",
    };
    let place = if left.database.is_empty() { String::new() } else { format!(" in {}", left.database) };
    visible(&format!("{} {}{place}: {done}", left.kind, left.name)).into_owned()
}
