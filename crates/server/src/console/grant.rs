//! `/grants/{id}`: what access there is, how it ends, and whether its end was seen.

use super::error::PageError;
use super::form::{Form, bounded};
use super::more_time::{self, MoreTime};
use super::page::{Page, Place, hidden_key, page};
use super::parts::{badge, command, exact, exposure, left, marked, ordered_by, scope, status, time, who};
use super::request::Done;
use super::review;
use super::visitor::Visitor;
use crate::app::App;
use crate::edge::{ApiError, Body, Params};
use crate::endpoints;
use crate::endpoints::grant_path::{self, GrantPath};
use crate::words;
use axum::extract::State;
use axum::response::Redirect;
use curfew_api::{GrantView, HeldUpView, LeaseView, RevokeBody};
use curfew_domain::lease::LeftoverDone;
use curfew_domain::text::visible;
use curfew_domain::{Grant, Timestamp, limits};
use curfew_engine::GrantRef;
use maud::{Markup, html};

/// What the visitor may do with a grant.
struct May {
    give_back: bool,
    revoke: bool,
    review: bool,
    more_time: Option<MoreTime>,
}

/// One grant.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    GrantPath(which): GrantPath,
    Params(done): Params<Done>,
) -> Result<Page, PageError> {
    let found = app.engine.find_grant(&visitor.caller.who, which).await?;
    let grant = found.ok_or_else(|| ApiError::not_found("grant"))?;
    let may = may(&app, &visitor, &grant).await?;
    let view = grant_path::view(&app, &grant).await?;
    let title = format!("{} of {}", view.role, view.subject.label());
    let body = html! {
        @if let Some(text) = message(&done.done) { (status(text)) }
        h1 { (visible(&title)) " " (badge(&view.state)) }
        (standing(&view, &may, app.engine.now()))
        (review::standing(&view))
        div.columns {
            div { (facts(&view)) (leases(&view.leases)) }
            aside aria-label="What you can do" { (actions(&view, &may, &visitor)) }
        }
    };
    Ok(page(&app, &visitor, (Place::Inside, &title), &body))
}

/// `POST /grants/{id}/return`
pub(super) async fn give_back(
    State(app): State<App>,
    visitor: Visitor,
    GrantPath(which): GrantPath,
    _: Form,
) -> Result<Redirect, PageError> {
    let said = endpoints::give_back::give_back(State(app), visitor.caller, GrantPath(which)).await.map(drop);
    after(said, which, "returned")
}

/// `POST /grants/{id}/revoke`
pub(super) async fn revoke(
    State(app): State<App>,
    visitor: Visitor,
    GrantPath(which): GrantPath,
    form: Form,
) -> Result<Redirect, PageError> {
    let body = bounded(RevokeBody { reason: form.typed("reason") });
    let body = body.map_err(|error| error.back_to(address(which), "Back to the grant"))?;
    let said = endpoints::revoke::revoke(State(app), visitor.caller, GrantPath(which), Body(body)).await.map(drop);
    after(said, which, "revoked")
}

pub(super) fn after(said: Result<(), ApiError>, which: GrantRef, done: &str) -> Result<Redirect, PageError> {
    match said.map_err(PageError::from) {
        Ok(()) => Ok(Redirect::to(&format!("{}?done={done}", address(which)))),
        Err(error) if error.is_already_final() => Ok(Redirect::to(&format!("{}?done=stood", address(which)))),
        Err(error) => Err(error.back_to(address(which), "Back to the grant")),
    }
}

pub(super) fn address(which: GrantRef) -> String {
    match which {
        GrantRef::Grant(id) => format!("/grants/{id}"),
        GrantRef::Request(id) => format!("/grants/{id}"),
    }
}

/// What is worth a form. The engine decides again when it is sent.
async fn may(app: &App, visitor: &Visitor, grant: &Grant) -> Result<May, PageError> {
    let who = &visitor.caller.who;
    let open = matches!(grant.state_word(), "approved" | "activating" | "active");
    let request = app.engine.find_request(who, grant.request_id).await?;
    let decides = request.is_some_and(|request| app.engine.may_decide(who, &request));
    Ok(May {
        give_back: open && grant.subject.is_same_as(&who.subject),
        revoke: open && (decides || app.engine.may_administer(who)),
        review: app.engine.may_review(who, grant).await,
        more_time: more_time::offered(app, visitor, grant),
    })
}

fn message(done: &str) -> Option<&'static str> {
    match done {
        "returned" => Some("It is being taken away now. Load the page again to see that it is gone."),
        "revoked" => Some("Its end is ordered. Load the page again to see that it is gone."),
        "extended" => Some("It has more time."),
        "reviewed" => Some("Your review stands."),
        "stood" => Some("Its end was ordered before; this is how it stands."),
        _ => None,
    }
}

fn standing(view: &GrantView, may: &May, now: Timestamp) -> Markup {
    html! {
        @match view.state.as_str() {
            "approved" => {
                p.lead { "Approved, and not activated. The clock has not started." @if let Some(until) = view.claim_until { " It can be activated: " (left(now, until)) } }
                @if may.give_back {
                    p { "Activate it on the machine where you use it. The secret is made there and never leaves it:" }
                    (command(&format!("curfew activate {}", view.id)))
                }
            }
            "activating" => { p.lead { "It is being made in the targets." } }
            "active" => {
                p.lead { "Live: " @if let Some(until) = view.expires_at { (left(now, until)) } }
                @if let Some(to) = view.extends_to { p { "It is being given more time, until " (time(to)) "; that counts when every target was read with it." } }
                @if may.give_back { p { "Connect from the machine that activated it:" } (command(&format!("curfew connect {}", view.id))) }
            }
            "ending" => { p.lead { "It is being taken away" (because(view)) ". Curfew tries until it has seen that nothing is left."
                @if let Some(at) = view.expires_at { " Whatever happens, the target itself lets nobody in after " (time(at)) "." }
            } }
            _ if view.verified => { p.lead { "It has ended" (because(view)) ". The targets were read and show no access." } }
            _ => {
                p.lead { "It has ended" (because(view)) ", but its end could not be seen everywhere." }
                @if let Some(why) = &view.unverified_because { p.alert { (marked(why)) } }
            }
        }
    }
}

fn because(view: &GrantView) -> Markup {
    html! {
        @if let Some(cause) = view.end_cause { " because " (words::cause(cause)) }
        (ordered_by(view.end_ordered.as_ref()))
    }
}

fn facts(view: &GrantView) -> Markup {
    html! {
        section.card aria-labelledby="facts" {
            h2 #facts { "The grant" }
            dl.facts {
                dt { "Who" } dd { (who(&view.subject)) }
                dt { "Role" } dd { (view.role) }
                dt { "What" } dd { (scope(&view.scope)) }
                dt { "For" } dd { (view.duration_seconds) ", from activation" }
                @if let Some(at) = view.activated_at { dt { "Activated" } dd { (time(at)) } }
                @if let Some(at) = view.expires_at { dt { "Ends by itself" } dd { (time(at)) } }
                @if let Some(at) = view.ended_at { dt { "Ended" } dd { (time(at)) } dt { "Seen to be gone" } dd { @if view.verified { "yes" } @else { "no" } } }
                dt { "Request" } dd { a href={ "/requests/" (view.request_id) } { code { (view.request_id) } } }
                dt { "Grant" } dd { code { (view.id) } }
            }
        }
    }
}

fn leases(leases: &[LeaseView]) -> Markup {
    html! {
        section.card aria-labelledby="leases" {
            h2 #leases { "What was made in the targets" }
            @if leases.is_empty() { p.empty { "Nothing yet: it is made when the grant is activated." } }
            @for lease in leases {
                h3 { code { (lease.resource) } " " (badge(&lease.state)) }
                dl.facts.small {
                    dt { "Gives" } dd { @for action in &lease.actions { span.tag { (action) } " " } }
                    dt { "Name there" } dd { code { (lease.handle) } }
                    dt { "Kind" } dd { (lease.connector) }
                    dt { "Ends" } dd { (time(lease.expires_at)) }
                    dt { "It can leave behind" } dd { (exposure(&lease.residual_exposure)) }
                    @if let Some(held_up) = &lease.held_up {
                        dt { "Not done yet" } dd { (marked(&held_up.because)) " " span.dim { (tried_again(held_up)) } }
                    }
                    @if !lease.leftovers.is_empty() { dt { "It left behind" } dd { (leftovers(lease)) } }
                }
            }
        }
    }
}

/// When the end of a lease is tried again.
fn tried_again(held_up: &HeldUpView) -> Markup {
    html! {
        @match held_up.next_at {
            Some(at) => { "Tried again at " (exact(at)) "." }
            None => { "Done as soon as the target answers; it is asked every second." }
        }
    }
}

fn leftovers(lease: &LeaseView) -> Markup {
    let done = |done: LeftoverDone| match done {
        LeftoverDone::Dropped => "removed",
        LeftoverDone::Quarantined => "now belongs to a powerless owner",
        LeftoverDone::Reported => "still there: somebody should look",
    };
    html! {
        ul { @for left in &lease.leftovers {
            li {
                (visible(&left.kind)) " " code { (visible(&left.name)) }
                @if !left.database.is_empty() { " in " (visible(&left.database)) }
                ": " (done(left.done))
            }
        } }
    }
}

fn actions(view: &GrantView, may: &May, visitor: &Visitor) -> Markup {
    html! {
        @if may.give_back {
            form.card method="post" action={ "/grants/" (view.id) "/return" } {
                (hidden_key(&visitor.key))
                h2 { "Done with it?" }
                p { "Giving it back ends it at once and closes its sessions." }
                button.primary type="submit" { "Return it" }
            }
        }
        @if let Some(more) = &may.more_time { (more_time::form(view, more, visitor)) }
        @if may.review { (review::form(view, visitor)) }
        @if may.revoke {
            form.card method="post" action={ "/grants/" (view.id) "/revoke" } {
                (hidden_key(&visitor.key))
                h2 { "Revoke" }
                div.field {
                    label for="revoke-reason" { "Reason" }
                    textarea #revoke-reason name="reason" rows="2" required maxlength=(limits::REASON_CHARS) {}
                }
                button.danger type="submit" { "Revoke it" }
            }
        }
        @if !may.give_back && !may.revoke && !may.review { p.dim { "There is nothing to do here." } }
    }
}
