//! Requests, grants and decisions as people read them.

use super::Context;
use crate::failure::Failure;
use crate::output::{Colour, Facts, Output, Table, Voice, ago_or_in, left};
use curfew_api::{
    DecisionView, EndOrderedView, GrantView, ReasonView, RequestGrantView, RequestView, ResourceActionsView, ReviewView,
};
use curfew_domain::request::Origin;
use curfew_domain::{EndCause, Outcome, SubjectKind, Timestamp};

/// `services/db: read, write`, one resource each.
pub(crate) fn scope_lines(scope: &[ResourceActionsView]) -> Vec<String> {
    let actions = |entry: &ResourceActionsView| entry.actions.iter().map(ToString::to_string).collect::<Vec<_>>();
    scope.iter().map(|entry| format!("{}: {}", entry.resource, actions(entry).join(", "))).collect()
}

/// The colour of a state's word.
pub(crate) fn state_colour(state: &str) -> Colour {
    match state {
        "approved" | "active" | "live" | "ok" | "automatic" => Colour::Green,
        "pending" | "activating" | "ending" | "revoking" | "warning" | "needs_approval" => Colour::Yellow,
        "denied" | "failed" => Colour::Red,
        _ => Colour::Dim,
    }
}

/// A state's word, padded after painting so that columns hold.
fn painted(output: &Output, state: &str) -> String {
    let plain: String = state.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').collect();
    output.paint(state_colour(&plain), &plain)
}

/// What was done to what, in a sentence; under `--quiet` the id alone.
pub(crate) fn say_done(output: &mut Output, id: &str, done: &str) -> Result<(), Failure> {
    match output.voice() {
        Voice::Quiet => output.line(id),
        Voice::Human | Voice::Json => output.line(&format!("{id} {done}")),
    }
}

/// One request in full; under `--quiet` its id and state.
pub(crate) fn print_request(context: &mut Context, request: &RequestView) -> Result<(), Failure> {
    let now = context.machine.now();
    let state = painted(&context.output, &request.state);
    context.output.raw(format!("{}  {state}\n", request.id).as_bytes())?;
    if context.output.voice() == Voice::Quiet {
        return Ok(());
    }
    request_facts(request, now).print(&mut context.output)
}

/// What a request asks for and where it stands.
pub(crate) fn request_facts(request: &RequestView, now: Timestamp) -> Facts {
    let mut facts = Facts::new();
    facts
        .add("role", request.role.to_string())
        .add("subject", request.subject.label())
        .list("scope", scope_lines(&request.scope))
        .add("duration", duration_line(request, now))
        .add("origin", origin_words(request.origin).to_owned())
        .add("reason", request.reason.clone())
        .add("ticket", request.ticket.clone())
        .list("inputs", request.inputs.iter().map(|(name, value)| format!("{name}: {value}")))
        .add("asked", when(request.created_at, now));
    if request.state == "pending" {
        facts.add("lapses", when(request.lapses_at, now)).list("needs", stage_lines(&request.decision));
    }
    if let Some(because) = &request.lapsed_because {
        facts.add("lapsed", format!("before its time: {because}"));
    }
    facts.list("verdicts", request.approvals.iter().map(|approval| verdict_line(approval, now)));
    facts.list("may outlive", request.decision.residual_exposure.clone());
    if let Some(grant) = request.grant_id {
        facts.add("grant", grant_line(&grant.to_string(), request.grant.as_ref(), now));
    }
    facts.add("policy", short(&request.policy_version));
    facts
}

/// How long, and of a request for more time, of what.
fn duration_line(request: &RequestView, now: Timestamp) -> String {
    let Some(extends) = &request.extends else { return request.duration_seconds.to_string() };
    let (id, ends) = (extends.grant_id, when(extends.expires_at, now));
    format!("{} in all, as more time for {id}, which ends {ends}", request.duration_seconds)
}

/// What stands behind it when nobody just asked.
fn origin_words(origin: Origin) -> &'static str {
    match origin {
        Origin::Asked => "",
        Origin::Trigger => "a pipeline's run",
        Origin::BreakGlass => "emergency access",
        Origin::Bundle => "a bundle",
    }
}

/// The grant a request became, and where that stands.
fn grant_line(id: &str, grant: Option<&RequestGrantView>, now: Timestamp) -> String {
    let Some(grant) = grant else { return id.to_owned() };
    let at = match (grant.ended_at, grant.expires_at) {
        (Some(ended), _) => format!(" {}", ago_or_in(ended, now)),
        (None, Some(expires)) if grant.end_cause.is_none() => format!(", ends {}", ago_or_in(expires, now)),
        (None, _) => String::new(),
    };
    match end_words(grant.end_cause, grant.end_ordered.as_ref()) {
        Some(why) => format!("{id} {}{at}: {why}", grant.state),
        None => format!("{id} {}{at}", grant.state),
    }
}

/// `revoked by root@example.com: lost laptop`; none while no end was ordered.
pub(crate) fn end_words(cause: Option<EndCause>, order: Option<&EndOrderedView>) -> Option<String> {
    let cause = cause?.word().replace('_', " ");
    let Some(order) = order.filter(|order| order.by.kind != SubjectKind::System) else { return Some(cause) };
    Some(format!("{cause} by {}: {}", order.by.label(), order.because))
}

fn verdict_line(approval: &curfew_api::ApprovalView, now: Timestamp) -> String {
    use curfew_domain::approval::Verdict;
    let word = match approval.verdict {
        Verdict::Approve => "approved",
        Verdict::Deny => "denied",
    };
    let mut line = format!("{word} by {}, {}", approval.approver.label(), ago_or_in(approval.at, now));
    if let Some(narrowed) = &approval.narrowed {
        if let Some(cap) = narrowed.duration_seconds {
            line.push_str(&format!(", at most {cap}"));
        }
        if let Some(actions) = &narrowed.actions {
            let actions: Vec<_> = actions.iter().map(ToString::to_string).collect();
            line.push_str(&format!(", only {}", actions.join(", ")));
        }
    }
    if !approval.reason.is_empty() {
        line.push_str(&format!(": {}", approval.reason));
    }
    line
}

fn stage_lines(decision: &DecisionView) -> Vec<String> {
    let line =
        |stage: &curfew_api::StageView| format!("{} of {} ({})", stage.require, stage.approvers.join(", "), stage.name);
    decision.stages.iter().map(line).collect()
}

/// One grant in full; under `--quiet` its id and state.
pub(crate) fn print_grant(context: &mut Context, grant: &GrantView) -> Result<(), Failure> {
    let now = context.machine.now();
    let state = painted(&context.output, &grant.state);
    context.output.raw(format!("{}  {state}\n", grant.id).as_bytes())?;
    if context.output.voice() == Voice::Quiet {
        return Ok(());
    }
    let mut facts = Facts::new();
    facts
        .add("role", grant.role.to_string())
        .add("subject", grant.subject.label())
        .list("scope", scope_lines(&grant.scope))
        .add("duration", grant.duration_seconds.to_string())
        .add("origin", origin_words(grant.origin).to_owned())
        .add("review", grant.review.as_ref().map_or_else(String::new, |review| review_line(review, now)))
        .add("request", grant.request_id.to_string())
        .add("claim until", grant.claim_until.map_or_else(String::new, |at| when(at, now)))
        .add("activated", grant.activated_at.map_or_else(String::new, |at| when(at, now)))
        .add("expires", expires_line(grant, now))
        .add("being given", grant.extends_to.map_or_else(String::new, |at| when(at, now)))
        .add("cause", end_words(grant.end_cause, grant.end_ordered.as_ref()).unwrap_or_default())
        .add("ended", grant.ended_at.map_or_else(String::new, |at| when(at, now)));
    if grant.state == "ended" {
        facts.add("verified", if grant.verified { "yes: every target was read and shows no access" } else { "no" });
        facts.add("because", grant.unverified_because.clone().unwrap_or_default());
    }
    facts.list("leases", grant.leases.iter().map(lease_line));
    facts.list("not done", grant.leases.iter().filter_map(|lease| held_up_line(lease, now)));
    facts.print(&mut context.output)
}

/// Where emergency access stands with those who look at it afterwards.
fn review_line(review: &ReviewView, now: Timestamp) -> String {
    match (review.verdict, &review.by, review.due_at) {
        (Some(verdict), Some(by), _) => {
            format!("{} by {}: {}", verdict.word(), by.label(), review.note.clone().unwrap_or_default())
        }
        (_, _, Some(due)) => format!("nobody has reviewed it; due {}", when(due, now)),
        (_, _, None) => String::new(),
    }
}

/// While a target does not answer, its own expiry is what one wants to read.
fn expires_line(grant: &GrantView, now: Timestamp) -> String {
    let Some(at) = grant.expires_at else { return String::new() };
    match grant.state.as_str() {
        "ended" => String::new(),
        "ending" => format!("{} at the latest: the target itself lets nobody in after that", when(at, now)),
        _ => when(at, now),
    }
}

/// Why a lease's end is not done, and when it is tried again.
fn held_up_line(lease: &curfew_api::LeaseView, now: Timestamp) -> Option<String> {
    let held_up = lease.held_up.as_ref()?;
    let next = match held_up.next_at {
        Some(at) => format!("tried again {}", ago_or_in(at, now)),
        None => "done as soon as the target answers; it is asked every second".to_owned(),
    };
    Some(format!("{}: {}; {next}", lease.resource, held_up.because))
}

fn lease_line(lease: &curfew_api::LeaseView) -> String {
    let left = match lease.leftovers.len() {
        0 => String::new(),
        1 => ", 1 leftover".to_owned(),
        n => format!(", {n} leftovers"),
    };
    format!("{} on {} ({}): {}{left}, {}", lease.state, lease.resource, lease.connector, lease.handle, lease.id)
}

/// Grants, one a line.
pub(crate) fn print_grants(context: &mut Context, grants: &[GrantView]) -> Result<(), Failure> {
    let now = context.machine.now();
    let mut table = Table::new(&["ID", "STATE", "ROLE", "SUBJECT", "SCOPE", "LEFT"], "no grants");
    for grant in grants {
        let left = match (grant.state.as_str(), grant.expires_at, grant.ended_at) {
            ("approved", ..) => "not claimed yet".to_owned(),
            (_, _, Some(ended)) => format!("ended {}", ago_or_in(ended, now)),
            ("ending", ..) => "being taken away".to_owned(),
            (_, Some(expires), None) => left(expires, now),
            (_, None, None) => String::new(),
        };
        table.row([
            grant.id.to_string(),
            grant.state.clone(),
            grant.role.to_string(),
            grant.subject.label(),
            scope_lines(&grant.scope).join("; "),
            left,
        ]);
    }
    table.print(&mut context.output)
}

/// What policy said, with its reasons.
pub(crate) fn print_decision(output: &mut Output, decision: &DecisionView) -> Result<(), Failure> {
    let word = match decision.outcome {
        Outcome::Denied => "denied",
        Outcome::NeedsApproval => "needs_approval",
        Outcome::Automatic => "automatic",
    };
    let said = match decision.outcome {
        Outcome::Denied => "denied",
        Outcome::NeedsApproval => "needs approval",
        Outcome::Automatic => "automatic: nobody has to approve",
    };
    let line = format!("{}: {}\n", decision.role, output.paint(state_colour(word), said));
    output.raw(line.as_bytes())?;
    reason_facts(decision).print(output)
}

/// The reasons of a decision and what follows from it.
pub(crate) fn reason_facts(decision: &DecisionView) -> Facts {
    let mut facts = Facts::new();
    facts
        .list("not satisfied", decision.unsatisfied.iter().map(reason_line))
        .list("not decidable", decision.failed.iter().map(reason_line))
        .list("satisfied", decision.satisfied.iter().map(reason_line))
        .list("needs", stage_lines(decision))
        .add("until", decision.max_until.map_or_else(String::new, |at| at.to_string()))
        .list("may outlive", decision.residual_exposure.clone());
    facts
}

/// A reason, and where it stands.
pub(crate) fn reason_line(reason: &ReasonView) -> String {
    match (reason.file.as_str(), reason.line) {
        ("", _) => reason.message.clone(),
        (file, 0) => format!("{} ({file})", reason.message),
        (file, line) => format!("{} ({file}:{line})", reason.message),
    }
}

/// The time, and how far it is.
pub(crate) fn when(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({at})", ago_or_in(at, now))
}

/// The beginning of a hash, enough to tell two apart.
fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}
