//! `/roles/{role}/break-glass`: emergency access, for those whom the role names.

use super::ask::{input_field, typed_inputs};
use super::error::PageError;
use super::form::{Form, bounded};
use super::page::{Page, Place, hidden_key, page};
use super::visitor::Visitor;
use crate::app::App;
use crate::edge::{ApiError, Body, CallKey, PathText};
use crate::endpoints::break_glass::break_glass;
use crate::endpoints::roles::role_view;
use axum::Extension;
use axum::extract::State;
use axum::response::Redirect;
use curfew_api::{AskBody, ErrorCode, RoleView};
use curfew_domain::text::visible;
use curfew_domain::{RoleName, Seconds, limits};
use maud::html;

/// A role that the visitor may have in an emergency.
struct Emergency {
    role: RoleView,
    longest: Seconds,
    review_within: Seconds,
}

/// The roles that the visitor may have in an emergency.
pub(super) fn roles(app: &App, visitor: &Visitor) -> Vec<RoleName> {
    app.engine.policy().emergencies_for(&visitor.caller.who).into_iter().map(|role| role.name.clone()).collect()
}

fn find(app: &App, visitor: &Visitor, name: &str) -> Result<Emergency, PageError> {
    let policy = app.engine.policy();
    let found = policy.emergencies_for(&visitor.caller.who).into_iter().find(|role| role.name.as_str() == name);
    let found = found.and_then(|role| {
        let rule = role.break_glass.as_ref()?;
        let view = role_view(role, policy.bundles());
        Some(Emergency { role: view, longest: rule.duration, review_within: rule.review_within })
    });
    found.ok_or_else(|| {
        let hint = "The overview lists what you may have in an emergency.";
        ApiError::new(ErrorCode::NotFound, "there is no such emergency access for you").hint(hint).into()
    })
}

/// The form.
pub(super) async fn form(
    State(app): State<App>,
    visitor: Visitor,
    PathText(name): PathText,
) -> Result<Page, PageError> {
    let Emergency { role, longest, review_within } = find(&app, &visitor, &name)?;
    let title = format!("Emergency access to {}", role.name);
    let body = html! {
        h1 { (title) }
        @if !role.description.is_empty() { p.lead { (visible(&role.description)) } }
        p.alert {
            "Nobody approves it beforehand. Those who may approve the role are told now, and one of them says within " (review_within)
            " whether it was an emergency. Until then you get no other."
        }
        form.card method="post" action={ "/roles/" (role.name) "/break-glass" } {
            (hidden_key(&visitor.key))
            input type="hidden" name="ask_key" value=(app.form_key());
            div.field {
                label for="for" { "For how long" }
                input #for name="for" size="10" autocomplete="off" value=(longest) aria-describedby="for-hint";
                p.hint #for-hint { "Up to " (longest) "." }
            }
            div.field {
                label for="reason" { "Why" }
                textarea #reason name="reason" rows="4" required maxlength=(limits::REASON_CHARS) {}
            }
            @for input in &role.inputs { (input_field(input, None)) }
            div.field {
                label for="ticket" { "Ticket (may be left out)" }
                input #ticket name="ticket" maxlength=(limits::TICKET_CHARS) autocomplete="off";
            }
            button.danger type="submit" { "Take emergency access" }
        }
    };
    Ok(page(&app, &visitor, (Place::Inside, &title), &body))
}

/// `POST /roles/{role}/break-glass`
pub(super) async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    PathText(name): PathText,
    form: Form,
) -> Result<Redirect, PageError> {
    let back = |error: PageError| error.back_to(format!("/roles/{name}/break-glass"), "Back to the form");
    let Emergency { role, .. } = find(&app, &visitor, &name)?;
    let body = AskBody {
        role: role.name.to_string(),
        duration_seconds: form.length("for").map_err(back)?,
        reason: form.typed("reason"),
        ticket: form.typed("ticket"),
        inputs: typed_inputs(&role.inputs, &form),
        ..AskBody::default()
    };
    let body = bounded(body).map_err(back)?;
    let key = Extension(CallKey(form.text("ask_key").chars().take(64).collect()));
    let taken = break_glass(State(app), visitor.caller, visitor.address, Some(key), Body(body)).await;
    let (_, view) = taken.map_err(|error| back(error.into()))?;
    Ok(Redirect::to(&format!("/requests/{}?done=taken", view.0.id)))
}
