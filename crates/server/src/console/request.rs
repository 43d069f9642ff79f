//! `/requests/{id}`: everything an approver must see, and the forms that decide it.

use super::error::PageError;
use super::page::{Page, Place, hidden_key, page};
use super::parts::{badge, command, exposure, left, ordered_by, outcome, reasons, scope, status, time, typed, who};
use super::visitor::Visitor;
use crate::app::App;
use crate::edge::{ApiError, Params, PathId};
use crate::endpoints::grant_path;
use crate::words;
use axum::extract::State;
use curfew_api::{ApprovalView, RequestView};
use curfew_domain::approval::Verdict;
use curfew_domain::request::Origin;
use curfew_domain::text::visible;
use curfew_domain::{ActionName, Grant, Request, Timestamp, limits};
use curfew_engine::GrantRef;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeSet;

/// What was just done, for the message on the page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    pub(super) done: String,
}

/// What the visitor may do with a request.
struct May {
    decide: bool,
    is_own: bool,
    /// Where the grant stands that it became.
    grant: Option<&'static str>,
}

/// One request.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    PathId(id): PathId<Request>,
    Params(done): Params<Done>,
) -> Result<Page, PageError> {
    let who = &visitor.caller.who;
    let request = app.engine.find_request(who, id).await?.ok_or_else(|| ApiError::not_found("request"))?;
    let grant = match request.grant_id() {
        Some(id) => app.engine.find_grant(who, GrantRef::Grant(id)).await?,
        None => None,
    };
    let may = May {
        grant: grant.as_ref().map(Grant::state_word),
        is_own: request.subject.is_same_as(&who.subject),
        decide: app.engine.may_decide(who, &request) && !request.subject.is_same_as(&who.subject),
    };
    let view = grant_path::request_view(&app, &request).await?;
    let title = format!("{} asks for {}", view.subject.label(), view.role);
    let body = html! {
        @if let Some(text) = message(&done.done) { (status(text)) }
        h1 { (visible(&title)) " " (badge(&view.state)) }
        (next_step(&view, &may, app.engine.now()))
        div.columns {
            div { (facts(&view)) (decision(&view)) (verdicts(&view.approvals)) }
            aside aria-label="What you can do" { (actions(&view, &may, &visitor)) }
        }
    };
    Ok(page(&app, &visitor, (Place::Inside, &title), &body))
}

fn message(done: &str) -> Option<&'static str> {
    match done {
        "asked" => Some("It is asked. Those who may decide it are told."),
        "approved" => Some("Your approval counts."),
        "denied" => Some("It is denied. The one who asked is told why."),
        "revoked" => Some("It was approved already: what came of it is revoked."),
        "withdrawn" => Some("It is withdrawn."),
        "taken" => Some("It is yours. Those who may approve the role are told."),
        "stood" => Some("It was decided before; this is how it stands."),
        _ => None,
    }
}

fn next_step(view: &RequestView, may: &May, now: Timestamp) -> Markup {
    html! {
        @match view.state.as_str() {
            "pending" => { p.lead { "Undecided. It lapses: " (left(now, view.lapses_at)) } }
            "approved" => {
                @if let Some(grant) = view.grant_id {
                    p.lead {
                        @if view.extends.is_some() { "Approved: more time for " } @else { "Approved: it became " } a href={ "/grants/" (grant) } { "this grant" }
                        @if let Some(state) = may.grant { ", which is " (state) " now" (end_ordered(view)) } "."
                    }
                }
                @if may.is_own && may.grant == Some("approved") {
                    p { "Activate it on the machine where you use it. The secret is made there and never leaves it:" }
                    (command(&format!("curfew activate {}", view.id)))
                }
            }
            _ => {
                @if let Some(because) = &view.lapsed_because { p { "It lapsed before its time: " (because) "." } }
                p.lead { "It is over. To try again, " a href={ "/roles/" (view.role) } { "ask anew" } "." }
            }
        }
    }
}

/// Why the grant of a request ends or ended, and by whose order.
fn end_ordered(view: &RequestView) -> Markup {
    let Some(grant) = &view.grant else { return html! {} };
    html! {
        @if let Some(cause) = grant.end_cause { " because " (words::cause(cause)) }
        (ordered_by(grant.end_ordered.as_ref()))
    }
}

fn facts(view: &RequestView) -> Markup {
    html! {
        section.card aria-labelledby="facts" {
            h2 #facts { "What is asked" }
            dl.facts {
                dt { "Who" } dd { (who(&view.subject)) }
                dt { "Role" } dd { (view.role) }
                dt { "What" } dd { (scope(&view.scope)) }
                @match &view.extends {
                    Some(extends) => {
                        dt { "More time of" } dd { a href={ "/grants/" (extends.grant_id) } { (extends.grant_id) } ", which ends " (time(extends.expires_at)) }
                        dt { "In all" } dd { (view.duration_seconds) ", from its activation" }
                    }
                    None => { dt { "For" } dd { (view.duration_seconds) ", from activation" } }
                }
                @if view.origin != Origin::Asked { dt { "Came by" } dd { (words::origin(view.origin)) } }
                dt { "Why" } dd { @if view.reason.trim().is_empty() { span.dim { "no reason given" } } @else { (typed(&view.reason)) } }
                @if !view.ticket.is_empty() { dt { "Ticket" } dd { (visible(&view.ticket)) } }
                @for (name, value) in &view.inputs { dt { (visible(name)) } dd { (visible(&value.to_string())) } }
                dt { "Asked" } dd { (time(view.created_at)) }
                dt { "It can leave behind" } dd { (exposure(&view.decision.residual_exposure)) }
            }
        }
    }
}

fn decision(view: &RequestView) -> Markup {
    html! {
        section.card aria-labelledby="decision" {
            h2 #decision { "What the policy says" }
            p { (outcome(&view.decision)) }
            (reasons(&view.decision))
            @for stage in &view.decision.stages {
                p { "Stage " strong { (visible(&stage.name)) } ": " (stage.require) " of " (visible(&stage.approvers.join(", "))) }
            }
            dl.facts.small {
                dt { "Request" } dd { code { (view.id) } }
                dt { "Digest" } dd { code.hash { (view.digest) } }
                dt { "Policy version" } dd { code.hash { (visible(&view.policy_version)) } }
            }
        }
    }
}

fn verdicts(approvals: &[ApprovalView]) -> Markup {
    html! {
        @if !approvals.is_empty() {
            section.card aria-labelledby="verdicts" {
                h2 #verdicts { "Verdicts" }
                ul.plain { @for one in approvals { li { (verdict(one)) } } }
            }
        }
    }
}

fn verdict(one: &ApprovalView) -> Markup {
    let (state, word) = match one.verdict {
        Verdict::Approve => ("approved", "approves"),
        Verdict::Deny => ("denied", "denies"),
    };
    html! {
        p { (badge(state)) " " (who(&one.approver)) " " (word) " · " (time(one.at)) }
        @if let Some(narrowed) = &one.narrowed {
            p { "Narrowed to"
                @if let Some(length) = narrowed.duration_seconds { " " (length) }
                @if let Some(actions) = &narrowed.actions { @for action in actions { " " span.tag { (action) } } }
            }
        }
        @if !one.reason.trim().is_empty() { (typed(&one.reason)) }
    }
}

fn actions(view: &RequestView, may: &May, visitor: &Visitor) -> Markup {
    let pending = view.state == "pending";
    let has_access = matches!(may.grant, Some("approved" | "activating" | "active"));
    html! {
        @if pending && may.decide { (approve_form(view, visitor)) }
        @if (pending || has_access) && may.decide { (deny_form(view, visitor)) }
        @if pending && may.is_own {
            form.card method="post" action={ "/requests/" (view.id) "/withdraw" } {
                (hidden_key(&visitor.key))
                h2 { "Take it back" }
                p { "Nobody decides it then." }
                button type="submit" { "Withdraw" }
            }
        }
        @if !may.decide && !may.is_own { p.dim { "You may look at this request, not decide it." } }
    }
}

fn approve_form(view: &RequestView, visitor: &Visitor) -> Markup {
    let actions: BTreeSet<&ActionName> = view.scope.iter().flat_map(|line| &line.actions).collect();
    html! {
        form.card method="post" action={ "/requests/" (view.id) "/approve" } {
            (hidden_key(&visitor.key))
            input type="hidden" name="digest" value=(view.digest);
            h2 { "Approve" }
            div.field {
                label for="approve-for" { "For at most" }
                input #approve-for name="for" value=(view.duration_seconds) size="10" autocomplete="off" aria-describedby="approve-hint";
                p.hint #approve-hint { "You may give less than was asked, never more." }
            }
            fieldset {
                legend { "Actions" }
                div.boxes {
                    @for (n, action) in actions.iter().enumerate() {
                        div.box {
                            input type="checkbox" id={ "approve-action-" (n) } name="action" value=(action) checked;
                            label for={ "approve-action-" (n) } { (action) }
                        }
                    }
                }
            }
            div.field {
                label for="approve-reason" { "Reason (may be left out)" }
                textarea #approve-reason name="reason" rows="2" maxlength=(limits::REASON_CHARS) {}
            }
            button.primary type="submit" { "Approve" }
        }
    }
}

fn deny_form(view: &RequestView, visitor: &Visitor) -> Markup {
    html! {
        form.card method="post" action={ "/requests/" (view.id) "/deny" } {
            (hidden_key(&visitor.key))
            input type="hidden" name="digest" value=(view.digest);
            h2 { "Deny" }
            @if view.state == "approved" { p { "It is approved. A denial now revokes what came of it." } }
            div.field {
                label for="deny-reason" { "Reason" }
                textarea #deny-reason name="reason" rows="2" required maxlength=(limits::REASON_CHARS) {}
            }
            button.danger type="submit" { "Deny" }
        }
    }
}
