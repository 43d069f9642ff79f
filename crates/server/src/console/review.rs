//! Emergency access, looked at afterwards: where that stands, the form, and what it sends.

use super::error::PageError;
use super::form::{Form, bounded};
use super::grant::{address, after};
use super::page::hidden_key;
use super::parts::{command, marked, time, who};
use super::visitor::Visitor;
use crate::app::App;
use crate::edge::{ApiError, Body};
use crate::endpoints;
use crate::endpoints::grant_path::GrantPath;
use axum::extract::State;
use axum::response::Redirect;
use curfew_api::{ErrorCode, GrantView, ReviewBody};
use curfew_domain::limits;
use curfew_domain::review::ReviewVerdict;
use maud::{Markup, html};

/// Where emergency access stands with those who look at it afterwards.
pub(super) fn standing(view: &GrantView) -> Markup {
    let Some(review) = &view.review else { return html! {} };
    html! {
        @match (review.verdict, &review.by) {
            (Some(verdict), Some(by)) => {
                p { "Emergency access. " (who(by)) " reviewed it: " strong { (verdict.word()) } "." }
                @if let Some(note) = &review.note { p { (marked(note)) } }
            }
            (_, _) => {
                p.alert { "Emergency access that nobody has reviewed. " @if let Some(at) = review.due_at { "It is due " (time(at)) ". " } "Until then there is no other for its subject. Those who may approve the role review it:" }
                (command(&format!("curfew review {} --verdict ok --note \"...\"", view.id)))
            }
        }
    }
}

/// The form, for those who may send it.
pub(super) fn form(view: &GrantView, visitor: &Visitor) -> Markup {
    html! {
        form.card method="post" action={ "/grants/" (view.id) "/review" } {
            (hidden_key(&visitor.key))
            h2 { "Review it" }
            fieldset {
                legend { "What was it?" }
                div.boxes {
                    div.box {
                        input #verdict-ok type="radio" name="verdict" value="ok" required;
                        label for="verdict-ok" { "An emergency, and used for it" }
                    }
                    div.box {
                        input #verdict-misuse type="radio" name="verdict" value="misuse" required;
                        label for="verdict-misuse" { "Misuse: what is left of it is revoked" }
                    }
                }
            }
            div.field {
                label for="review-note" { "What you found" }
                textarea #review-note name="note" rows="3" required maxlength=(limits::REASON_CHARS) {}
            }
            button.primary type="submit" { "Review it" }
        }
    }
}

/// `POST /grants/{id}/review`
pub(super) async fn review(
    State(app): State<App>,
    visitor: Visitor,
    GrantPath(which): GrantPath,
    form: Form,
) -> Result<Redirect, PageError> {
    let back = |error: PageError| error.back_to(address(which), "Back to the grant");
    let verdict = match form.text("verdict") {
        "ok" => ReviewVerdict::Ok,
        "misuse" => ReviewVerdict::Misuse,
        _ => {
            let hint = "Go back and say whether it was an emergency or misuse.";
            return Err(back(ApiError::new(ErrorCode::Malformed, "no verdict is chosen").hint(hint).into()));
        }
    };
    let body = bounded(ReviewBody { verdict, note: form.typed("note") }).map_err(back)?;
    let said = endpoints::review::review(State(app), visitor.caller, GrantPath(which), Body(body)).await.map(drop);
    after(said, which, "reviewed")
}
