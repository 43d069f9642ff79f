//! Letters about a request: asked, and decided.

use super::super::told::Told;
use super::{Envelope, Letter, NAMED, exposure, fact, facts_of_request, line};
use crate::words;
use curfew_domain::approval::Verdict;
use curfew_domain::text::visible;
use curfew_domain::{Approval, Request, RequestState};

/// Why the one who asked gets a letter.
const YOURS: &str = "You get this because you asked.";
/// Why an approver gets a letter.
const MAY_DECIDE: &str = "You get this because the policy lets you decide this request.";

/// Somebody asks: to those who may decide, to those whom the role names, and to the one who asks.
pub(super) fn requested(told: &Told, request: &Request, envelope: &Envelope<'_>) -> Letter {
    if let Some(state) = told.since {
        return decided(told, request, (envelope, state));
    }
    if envelope.is_for(&request.subject) {
        return waiting(request, envelope);
    }
    let who = request.subject.label();
    let mut facts = facts_of_request(request);
    facts.push(fact("It takes", needs(request)));
    facts.push(line("Lapses", words::moment(request.lapses_at)));
    facts.extend(exposure(&request.decision.residual_exposure));
    let lapses = words::moment(request.lapses_at);
    let asks = Letter {
        subject: format!("{who} asks for {}", what(request)),
        facts,
        said: reason(request),
        page: page(request, envelope),
        ..Letter::default()
    };
    if told.only_named {
        let deciders = needs(request).join("; ");
        return Letter {
            lead: format!(
                "{who} asks for {}. Others have to decide: {deciders}. Nothing is given until they approve, and it lapses undecided at {lapses}.",
                what(request)
            ),
            commands: vec![("See how it stands", format!("curfew show {}", request.id))],
            because: NAMED,
            ..asks
        };
    }
    Letter {
        lead: format!(
            "{who} asks for {}. Nothing is given until it is approved, and it lapses undecided at {lapses}.",
            what(request)
        ),
        commands: vec![
            ("Approve", format!("curfew approve {}", request.id)),
            ("Approve for less time", format!("curfew approve {} --for 15m", request.id)),
            ("Deny", format!("curfew deny {} --reason \"...\"", request.id)),
        ],
        because: MAY_DECIDE,
        ..asks
    }
}

/// What is asked, in a few words.
fn what(request: &Request) -> String {
    match request.extends {
        Some(_) => format!("{} for longer ({} in all)", request.role, request.duration),
        None => format!("{} ({})", request.role, request.duration),
    }
}

/// The mail was late: there is nothing to decide any more.
fn decided(told: &Told, request: &Request, (envelope, state): (&Envelope<'_>, &str)) -> Letter {
    let who = request.subject.label();
    let because = match (envelope.is_for(&request.subject), told.only_named) {
        (true, _) => YOURS,
        (false, true) => NAMED,
        (false, false) => MAY_DECIDE,
    };
    let lead = format!("{who} asked for {}. It is {state} by now.", what(request));
    let subject = format!("{who} asked for {}: {state}", what(request));
    Letter { subject, because, ..over(request, envelope, state, lead) }
}

fn waiting(request: &Request, envelope: &Envelope<'_>) -> Letter {
    let mut facts = facts_of_request(request);
    facts.push(fact("It takes", needs(request)));
    Letter {
        subject: format!("You asked for {}", what(request)),
        lead: format!(
            "Your request waits for its approvers, who have been told. It lapses undecided at {}.",
            words::moment(request.lapses_at)
        ),
        facts,
        said: reason(request),
        commands: vec![
            ("See how it stands", format!("curfew show {}", request.id)),
            ("Take it back", format!("curfew withdraw {}", request.id)),
        ],
        page: page(request, envelope),
        because: YOURS,
    }
}

/// It may be activated now.
pub(super) fn approved(request: &Request, envelope: &Envelope<'_>) -> Letter {
    let claim = match request.state {
        RequestState::Approved { at, .. } => words::moment(at.plus(request.claim_within)),
        RequestState::Pending
        | RequestState::Denied { .. }
        | RequestState::Withdrawn { .. }
        | RequestState::Lapsed { .. } => words::moment(request.lapses_at),
    };
    let (scope, duration) = request.narrowed().unwrap_or_else(|_| (request.scope.clone(), request.duration));
    let mut facts = facts_of_request(request);
    if scope != request.scope || duration != request.duration {
        facts.push(fact("Narrowed to", words::scope_lines(&scope)));
        facts.push(line("Narrowed to", format!("{duration}, from activation")));
    }
    facts.extend(exposure(&request.decision.residual_exposure));
    if request.extends.is_some() {
        return Letter {
            subject: format!("{} is approved", what(request)),
            lead: "Its targets are being given the later end now; another mail says when they have it.".to_owned(),
            facts,
            said: verdicts(request),
            commands: vec![("See how it stands", format!("curfew show {}", request.id))],
            page: page(request, envelope),
            because: envelope.because(&request.subject, YOURS),
        };
    }
    let (lead, command) = match envelope.is_for(&request.subject) {
        true => (
            format!("You may activate it until {claim}. Its {duration} begin when you do, not now."),
            ("Activate it", format!("curfew activate {}", request.id)),
        ),
        false => (
            format!(
                "{} may activate it until {claim}. Its {duration} begin then, not now.",
                words::who(&request.subject)
            ),
            ("See how it stands", format!("curfew show {}", request.id)),
        ),
    };
    Letter {
        subject: format!("{} is approved ({duration})", request.role),
        lead,
        facts,
        said: verdicts(request),
        commands: vec![command],
        page: page(request, envelope),
        because: envelope.because(&request.subject, YOURS),
    }
}

/// Somebody said no.
pub(super) fn denied(request: &Request, envelope: &Envelope<'_>) -> Letter {
    let by = request.approvals.iter().rev().find(|a| a.verdict == Verdict::Deny);
    let by = by.map_or_else(|| "an approver".to_owned(), |a| words::who(&a.approver));
    over(request, envelope, "was denied", format!("{by} denied it. To try again, ask anew."))
}

/// It was taken back.
pub(super) fn withdrawn(request: &Request, envelope: &Envelope<'_>) -> Letter {
    over(request, envelope, "was withdrawn", "It was taken back. To try again, ask anew.".to_owned())
}

/// Nobody decided in time.
pub(super) fn lapsed(request: &Request, envelope: &Envelope<'_>) -> Letter {
    let lead = match request.lapsed_because() {
        Some(because) => format!("Nobody needs to decide it any more: {because}."),
        None => "Nobody decided it in time, so it is over. To try again, ask anew.".to_owned(),
    };
    over(request, envelope, "has lapsed", lead)
}

fn over(request: &Request, envelope: &Envelope<'_>, what: &str, lead: String) -> Letter {
    Letter {
        subject: format!("The request for {} {what}", request.role),
        lead,
        facts: facts_of_request(request),
        said: verdicts(request),
        commands: vec![("See why", format!("curfew show {}", request.id))],
        page: page(request, envelope),
        because: envelope.because(&request.subject, YOURS),
    }
}

fn page(request: &Request, envelope: &Envelope<'_>) -> Option<url::Url> {
    envelope.page(&format!("requests/{}", request.id))
}

fn needs(request: &Request) -> Vec<String> {
    let stages = request.decision.stages.iter();
    stages.map(|s| format!("{} of {} ({})", s.require, visible(&s.approvers.join(", ")), visible(&s.name))).collect()
}

fn reason(request: &Request) -> Vec<(String, Vec<String>)> {
    if request.reason.trim().is_empty() {
        return Vec::new();
    }
    vec![(format!("{} says why", request.subject.label()), words::typed(&request.reason))]
}

fn verdicts(request: &Request) -> Vec<(String, Vec<String>)> {
    let spoke = |a: &&Approval| !a.reason.trim().is_empty();
    request
        .approvals
        .iter()
        .filter(spoke)
        .map(|a| (format!("{} says", a.approver.label()), words::typed(&a.reason)))
        .collect()
}
