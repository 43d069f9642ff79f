//! `/`: what waits for me, what is live, what I asked, what I may ask for.

use super::emergency;
use super::error::PageError;
use super::page::{Page, Place, page};
use super::parts::{badge, excerpt, left, scope, time, who};
use super::visitor::Visitor;
use crate::app::App;
use crate::auth::Caller;
use crate::endpoints::grant_path;
use crate::endpoints::roles::roles;
use axum::extract::State;
use curfew_api::{GrantView, RequestView, RoleView};
use curfew_domain::{RoleName, Timestamp};
use curfew_engine::seams::store::{Ended, Page as Cut};
use curfew_engine::{Sight, Which};
use curfew_policy::Bundle;
use maud::{Markup, html};

/// Lines of one list.
const LINES: usize = 50;
/// Of one's own requests.
const OWN: usize = 10;

/// The first page.
pub(super) async fn overview(State(app): State<App>, visitor: Visitor) -> Result<Page, PageError> {
    let now = app.engine.now();
    let waiting = requests(&app, &visitor.caller, Which::ToApprove, LINES).await?;
    let own = requests(&app, &visitor.caller, Which::Mine, OWN).await?;
    let live = live(&app, &visitor.caller).await?;
    let roles = roles(State(app.clone()), visitor.caller.clone()).await?.0.items;
    let body = html! {
        h1 { "Overview" }
        (to_decide(&waiting, now))
        (live_now(&live, now))
        (mine(&own))
        (may_ask(&roles))
        (bundles(&app.engine.bundles_for(&visitor.caller.who)))
        (emergencies(&emergency::roles(&app, &visitor)))
    };
    Ok(page(&app, &visitor, (Place::Overview, "Overview"), &body))
}

/// How often the ledger is looked into for one list: other people's requests may stand before one's own.
const LOOKS: usize = 10;

async fn requests(app: &App, caller: &Caller, which: Which, limit: usize) -> Result<Vec<RequestView>, PageError> {
    let mut listed = Vec::new();
    let mut before = None;
    for _ in 0..LOOKS {
        let cut = Cut { before, limit: limit - listed.len() };
        let found = app.engine.list_requests(&caller.who, which, cut).await?;
        listed.extend(found.requests.iter().map(RequestView::from));
        before = found.next;
        if before.is_none() || listed.len() >= limit {
            break;
        }
    }
    Ok(listed)
}

async fn live(app: &App, caller: &Caller) -> Result<Vec<GrantView>, PageError> {
    let cut = Cut { before: None, limit: LINES };
    let found = app.engine.list_grants(&caller.who, Sight::Everything, Ended::Left, cut).await?;
    Ok(grant_path::views(app, &found).await?)
}

fn to_decide(waiting: &[RequestView], now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="waiting" {
            h2 #waiting { "Waiting for your decision" }
            @if waiting.is_empty() { p.empty { "Nobody waits for you. When somebody asks for what you may approve, it stands here." } }
            ul.cards {
                @for request in waiting {
                    li.card {
                        h3 { a href={ "/requests/" (request.id) } { (request.subject.label()) " asks for " (request.role) } }
                        (scope(&request.scope))
                        p { (request.duration_seconds) @if !request.reason.is_empty() { " · “" (excerpt(&request.reason)) "”" } }
                        p.dim { "Lapses: " (left(now, request.lapses_at)) }
                    }
                }
            }
        }
    }
}

fn live_now(live: &[GrantView], now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="live" {
            h2 #live { "Live now" }
            @if live.is_empty() { p.empty { "No access is live. What you ask for and activate stands here until it ends." } }
            ul.cards {
                @for grant in live {
                    li.card {
                        h3 { a href={ "/grants/" (grant.id) } { (grant.role) } " " (badge(&grant.state)) }
                        (scope(&grant.scope))
                        p { (who(&grant.subject)) }
                        p.dim {
                            @match (grant.expires_at, grant.claim_until) {
                                _ if grant.state == "ending" => { "Being taken away" }
                                (Some(until), _) => { (left(now, until)) }
                                (None, Some(until)) => { "To be activated: " (left(now, until)) }
                                (None, None) => { "Never activated" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn mine(own: &[RequestView]) -> Markup {
    html! {
        section aria-labelledby="mine" {
            h2 #mine { "Your requests" }
            @if own.is_empty() { p.empty { "You have asked for nothing yet. Choose a role below." } }
            @else {
                ul.lines {
                    @for request in own {
                        li {
                            a href={ "/requests/" (request.id) } { (request.role) }
                            (badge(&request.state))
                            span.dim { (request.duration_seconds) " · " (time(request.created_at)) }
                        }
                    }
                }
            }
        }
    }
}

fn may_ask(roles: &[RoleView]) -> Markup {
    html! {
        section aria-labelledby="ask" {
            h2 #ask { "What you may ask for" }
            @if roles.is_empty() { p.empty { "The policy lets you ask for nothing. Whoever keeps it can add you to a role's requesters." } }
            ul.cards {
                @for role in roles {
                    li.card {
                        h3 { a href={ "/roles/" (role.name) } { (role.name) } }
                        @if !role.description.is_empty() { p { (curfew_domain::text::visible(&role.description)) } }
                        ul.scope { @for line in &role.scope {
                            li { code { (line.resource) } " " @for action in &line.actions { span.tag { (action) } " " } }
                        } }
                        p.dim { "Up to " (role.max_duration_seconds) " · " (approval(role)) }
                    }
                }
            }
        }
    }
}

fn bundles(bundles: &[Bundle]) -> Markup {
    html! {
        @if !bundles.is_empty() {
            section aria-labelledby="bundles" {
                h2 #bundles { "Several at once" }
                ul.lines {
                    @for bundle in bundles {
                        li {
                            a href={ "/bundles/" (bundle.name) } { (bundle.name) }
                            span.dim { (bundle.roles.iter().map(|(role, _)| role.to_string()).collect::<Vec<_>>().join(", ")) }
                        }
                    }
                }
            }
        }
    }
}

fn emergencies(roles: &[RoleName]) -> Markup {
    html! {
        @if !roles.is_empty() {
            section aria-labelledby="emergencies" {
                h2 #emergencies { "In an emergency" }
                p { "At once, without anybody's yes; somebody looks at it afterwards." }
                ul.lines {
                    @for role in roles.iter().take(LINES) { li { a href={ "/roles/" (role) "/break-glass" } { (role) } } }
                }
            }
        }
    }
}

/// What it takes to get a role.
pub(super) fn approval(role: &RoleView) -> String {
    if role.stages.is_empty() {
        return "given without asking anybody".to_owned();
    }
    let stage = |s: &curfew_api::StageView| {
        let who = curfew_domain::text::visible(&s.approvers.join(", ")).into_owned();
        if s.approvers.len() <= 1 {
            format!("approved by {who}")
        } else {
            format!("approved by {} of {who}", s.require)
        }
    };
    role.stages.iter().map(stage).collect::<Vec<_>>().join(", then ")
}
