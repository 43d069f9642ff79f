//! Letters about emergency access.

use super::super::told::Told;
use super::granted::{YOURS, page};
use super::{Envelope, Letter, NAMED, facts_of_grant, line};
use crate::words;
use curfew_domain::text::visible;
use curfew_domain::{Grant, Request};

/// Why an approver gets a letter.
const REVIEWER: &str = "You get this because you may approve the role, and so may review its emergency access.";

/// It was taken.
pub(super) fn used(told: &Told, request: &Request, grant: &Grant, envelope: &Envelope<'_>) -> Letter {
    let who = words::who(&grant.subject);
    to_look_at(
        (request, grant),
        (told, envelope),
        format!("Emergency access: {who} has {}", grant.role),
        "Nobody had to approve it. Somebody who may approve the role has to look at it afterwards; until then there is no other.",
    )
}

/// Nobody has looked at it in time.
pub(super) fn overdue(told: &Told, request: &Request, grant: &Grant, envelope: &Envelope<'_>) -> Letter {
    let who = words::who(&grant.subject);
    to_look_at(
        (request, grant),
        (told, envelope),
        format!("Not reviewed in time: emergency access of {who} to {}", grant.role),
        "Somebody who may approve the role should have looked at it by now. Until somebody does there is no other.",
    )
}

/// Somebody has looked at it.
pub(super) fn reviewed(grant: &Grant, envelope: &Envelope<'_>) -> Letter {
    Letter {
        subject: format!("Your emergency access to {} was reviewed", grant.role),
        lead: "Somebody has looked at it; the page shows what they found.".to_owned(),
        facts: facts_of_grant(grant),
        said: Vec::new(),
        commands: vec![("See what was found", format!("curfew show {}", grant.id))],
        page: page(grant, envelope),
        because: YOURS,
    }
}

fn to_look_at(
    (request, grant): (&Request, &Grant),
    (told, envelope): (&Told, &Envelope<'_>),
    subject: String,
    lead: &str,
) -> Letter {
    let own = envelope.is_for(&grant.subject);
    let mut facts = facts_of_grant(grant);
    facts.push(line("For", format!("{}, from activation", grant.duration)));
    let review = ("Review it afterwards", format!("curfew review {} --verdict ok --note \"...\"", grant.id));
    let revoke = ("End it now", format!("curfew revoke {} --reason \"...\"", grant.id));
    let give_back = ("Give it back", format!("curfew return {}", grant.id));
    let show = ("See how it stands", format!("curfew show {}", grant.id));
    let (commands, because) = match (own, told.only_named) {
        (true, _) => (vec![give_back], YOURS),
        (false, true) => (vec![show], NAMED),
        (false, false) => (vec![review, revoke], REVIEWER),
    };
    Letter {
        subject,
        lead: lead.to_owned(),
        facts,
        said: vec![("They say".to_owned(), visible(&request.reason).lines().map(str::to_owned).collect())],
        commands,
        page: page(grant, envelope),
        because,
    }
}
