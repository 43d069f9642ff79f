//! `/audit`: the evidence, newest first, for auditors.

use super::error::PageError;
use super::page::{Page, Place, page};
use super::parts::{exact, excerpt, who};
use super::visitor::Visitor;
use crate::app::App;
use crate::edge::Params;
use crate::endpoints::audit_search::audit_search;
use axum::extract::State;
use curfew_api::{AuditEventView, AuditSearch};
use maud::{Markup, html};

/// Events on one page.
const EVENTS: u32 = 100;

/// Events in which all the words stand.
pub(super) async fn audit(
    State(app): State<App>,
    visitor: Visitor,
    Params(query): Params<AuditSearch>,
) -> Result<Page, PageError> {
    let words = query.q.clone();
    let query = AuditSearch { limit: Some(query.limit.unwrap_or(EVENTS).min(EVENTS)), ..query };
    let found = audit_search(State(app.clone()), visitor.caller.clone(), Params(query)).await;
    let found = found.map_err(|error| PageError::from(error).back_to("/".to_owned(), "Back to the overview"))?.0;
    let body = html! {
        h1 { "Audit" }
        form.search method="get" action="/audit" role="search" {
            label for="q" { "Events that hold all of these words" }
            div.row {
                input #q type="search" name="q" value=(words) maxlength="512" placeholder="grant.ended ann@example.com";
                button type="submit" { "Search" }
            }
        }
        @if found.items.is_empty() { p.empty { "No event holds all of these words. Try fewer." } }
        @else { (events(&found.items)) }
        @if let Some(next) = &found.next {
            p { a.button href={ "/audit?" (older(&words, next)) } rel="next" { "Older events" } }
        }
    };
    Ok(page(&app, &visitor, (Place::Audit, "Audit"), &body))
}

fn older(words: &str, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if !words.is_empty() {
        query.append_pair("q", words);
    }
    query.append_pair("cursor", cursor).finish()
}

fn events(events: &[AuditEventView]) -> Markup {
    html! {
        div.scroll role="region" aria-label="Events" tabindex="0" {
            table {
                thead { tr { th scope="col" { "No." } th scope="col" { "When (UTC)" } th scope="col" { "What" } th scope="col" { "Who" } th scope="col" { "About" } th scope="col" { "Why" } } }
                tbody { @for event in events { (row(event)) } }
            }
        }
    }
}

fn row(event: &AuditEventView) -> Markup {
    html! {
        tr {
            td { (event.seq) }
            td.nowrap { (exact(event.at)) }
            td.nowrap { code title=(event.leaf_hash) { (event.action.as_str()) } }
            td { (who(&event.actor)) }
            td { (about(event)) }
            td { (excerpt(&event.because)) }
        }
    }
}

fn about(event: &AuditEventView) -> Markup {
    html! {
        @if let Some(id) = event.grant_id { a href={ "/grants/" (id) } { "grant" } " " }
        @if let Some(id) = event.request_id { a href={ "/requests/" (id) } { "request" } " " }
        @if let Some(id) = event.lease_id { code.dim { (id) } " " }
        @if let Some(subject) = event.subject.as_ref().filter(|s| s.id != event.actor.id) { (who(subject)) }
    }
}
