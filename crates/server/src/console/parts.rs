//! Pieces that several pages show.

use crate::words;
use curfew_api::{DecisionView, EndOrderedView, ReasonView, ResourceActionsView, SubjectView};
use curfew_domain::text::visible;
use curfew_domain::{Outcome, SubjectKind, Timestamp};
use maud::{Markup, html};

/// Where a request, grant or lease stands.
pub(super) fn badge(state: &str) -> Markup {
    let tone = match state {
        "active" | "live" | "approved" => "good",
        "pending" | "activating" | "issuing" | "wanted" => "wait",
        "ending" | "revoking" | "locked_out" => "warn",
        "denied" => "bad",
        _ => "over",
    };
    html! { span class={ "badge " (tone) } { (state.replace('_', " ")) } }
}

/// A point in time, for people and for programs.
pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (words::moment(at)) } }
}

/// The same to the second, where the order of things matters.
pub(super) fn exact(at: Timestamp) -> Markup {
    let text = at.to_string();
    html! { time datetime=(at) { (text.get(..19).unwrap_or(&text).replace('T', " ")) } }
}

/// A message of ours or of the policy, with the names that stand in backticks set apart.
pub(super) fn marked(text: &str) -> Markup {
    let text = visible(text);
    html! {
        @for (n, piece) in text.split('`').enumerate() {
            @if n % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}

/// What is left until a point in time.
pub(super) fn left(now: Timestamp, until: Timestamp) -> Markup {
    html! {
        @if until > now { (words::span(now, until)) " left" } @else { "due now" }
        " " span.dim { "(" (time(until)) ")" }
    }
}

/// Whose order an end was, and their words; nothing when Curfew ended it by itself.
pub(super) fn ordered_by(order: Option<&EndOrderedView>) -> Markup {
    html! {
        @if let Some(order) = order.filter(|order| order.by.kind != SubjectKind::System) {
            ", by " (who(&order.by)) ": “" (visible(&order.because)) "”"
        }
    }
}

/// Who.
pub(super) fn who(subject: &SubjectView) -> Markup {
    let label = match subject.kind {
        SubjectKind::System => "Curfew".to_owned(),
        SubjectKind::Person | SubjectKind::Workload => subject.label(),
    };
    let name = subject.name.as_deref().filter(|name| *name != label);
    html! {
        span title=(visible(&subject.id.to_string())) { (visible(&label)) }
        @if let Some(name) = name { " " span.dim { "(" (visible(name)) ")" } }
    }
}

/// Resources with their actions.
pub(super) fn scope(scope: &[ResourceActionsView]) -> Markup {
    html! {
        ul.scope {
            @for line in scope {
                li { code { (line.resource) } " " @for action in &line.actions { span.tag { (action) } " " } }
            }
        }
    }
}

/// What somebody typed, behind a bar so that it cannot pass for something of ours.
pub(super) fn typed(text: &str) -> Markup {
    html! { blockquote { @for line in words::typed(text) { div { (line) } } } }
}

/// The same on one line of a list, cut short.
pub(super) fn excerpt(text: &str) -> String {
    let line = words::typed(text).join(" ");
    let mut cut: String = line.chars().take(140).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    cut
}

/// What may outlive the end.
pub(super) fn exposure(sentences: &[String]) -> Markup {
    html! {
        @if sentences.is_empty() { "Nothing is known to outlive the end." }
        @else { ul { @for sentence in sentences { li { (marked(sentence)) } } } }
    }
}

/// What a decision came to, in a sentence.
pub(super) fn outcome(decision: &DecisionView) -> &'static str {
    match decision.outcome {
        Outcome::Denied => "The policy denies it.",
        Outcome::NeedsApproval => "The policy allows it once it is approved.",
        Outcome::Automatic => "The policy gives it without asking anybody.",
    }
}

/// Every rule that was looked at, with the place where it is written.
pub(super) fn reasons(decision: &DecisionView) -> Markup {
    let lists = [
        ("no", "does not hold", &decision.unsatisfied),
        ("no", "could not be judged", &decision.failed),
        ("yes", "holds", &decision.satisfied),
    ];
    html! {
        ul.reasons {
            @for (mark, word, list) in lists { @for reason in list { (one_reason(mark, word, reason)) } }
        }
    }
}

fn one_reason(mark: &str, word: &str, reason: &ReasonView) -> Markup {
    html! {
        li class=(mark) {
            span.mark { (word) }
            span {
                (marked(&reason.message))
                @if !reason.file.is_empty() { " " code.dim { (visible(&reason.file)) ":" (reason.line) } }
            }
        }
    }
}

/// A message about what was just done.
pub(super) fn status(text: &str) -> Markup {
    html! { div.status role="status" { (text) } }
}

/// A command to run, because the secret is made where it is used.
pub(super) fn command(text: &str) -> Markup {
    html! { pre.command tabindex="0" aria-label="Command" { code { (text) } } }
}
