//! The frame around every page.

use super::form::{FormKey, KEY_FIELD};
use super::visitor::Visitor;
use crate::app::App;
use crate::config::Setting;
use axum::response::{Html, IntoResponse, Response};
use curfew_domain::text::visible;
use maud::{DOCTYPE, Markup, html};

/// Where a page stands in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Audit,
    /// Somewhere below.
    Inside,
}

/// A whole page, ready to be sent.
pub(super) struct Page(Markup);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        Html(self.0.into_string()).into_response()
    }
}

/// A page for somebody who is signed in.
pub(super) fn page(app: &App, visitor: &Visitor, titled: (Place, &str), body: &Markup) -> Page {
    let (place, title) = titled;
    let current = |here: Place| (here == place).then_some("page");
    let label = visitor.caller.who.subject.label();
    let head = html! {
        nav aria-label="Pages" {
            a href="/" aria-current=[current(Place::Overview)] { "Overview" }
            @if visitor.sees_everything(app) { a href="/audit" aria-current=[current(Place::Audit)] { "Audit" } }
        }
        form.who method="post" action="/sign-out" {
            (hidden_key(&visitor.key))
            span { (visible(&label)) }
            button.quiet type="submit" { "Sign out" }
        }
    };
    let banner = match app.config.setting {
        Setting::Dev => Some("This server is for trying things out: anybody on this machine signs in as anybody."),
        Setting::Serve => None,
    };
    Page(frame(title, &head, banner, body))
}

/// A page for anybody.
pub(super) fn bare(title: &str, body: &Markup) -> Page {
    Page(frame(title, &html! {}, None, body))
}

/// The field that binds a form to this browser's session.
pub(super) fn hidden_key(key: &FormKey) -> Markup {
    html! { input type="hidden" name=(KEY_FIELD) value=(key.as_str()); }
}

/// A page that opens another at once; for browsers that do not, a link.
pub(super) fn opening(address: &str) -> Page {
    Page(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content={ "0;url=" (address) };
                title { "Opening · Curfew" }
                link rel="stylesheet" href="/console.css";
            }
            body { main { p { a href=(address) { "Open the page" } } } }
        }
    })
}

fn frame(title: &str, head: &Markup, banner: Option<&str>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (visible(title)) " · Curfew" }
                link rel="stylesheet" href="/console.css";
                link rel="icon" type="image/svg+xml" href="/favicon.svg";
            }
            body {
                a.skip href="#main" { "Skip to the page" }
                header.top { div.bar {
                    a.brand href="/" { img src="/favicon.svg" alt="" width="24" height="24"; "Curfew" }
                    (head)
                } }
                @if let Some(banner) = banner { div.banner role="note" aria-label="About this server" { div { (banner) } } }
                main #main tabindex="-1" { (body) }
                footer { div { "Access is a consequence of policy, approval and time." } }
            }
        }
    }
}
