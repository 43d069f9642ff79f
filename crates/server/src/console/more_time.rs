//! More time for a grant: the form on its page, and what it sends.

use super::error::PageError;
use super::form::{Form, bounded};
use super::grant::{address, after};
use super::page::hidden_key;
use super::visitor::Visitor;
use crate::app::App;
use crate::edge::{ApiError, Body, CallKey};
use crate::endpoints;
use crate::endpoints::grant_path::GrantPath;
use axum::Extension;
use axum::extract::State;
use axum::response::Redirect;
use curfew_api::{ErrorCode, ExtendBody, GrantView};
use curfew_domain::request::Origin;
use curfew_domain::{Grant, GrantState, Seconds};
use curfew_policy::ExtensionApproval;
use maud::{Markup, html};

/// What a role says of more time for a grant that can have some.
pub(super) struct MoreTime {
    most: Seconds,
    approval: ExtensionApproval,
    /// The form's own key: sent twice, it asks once.
    key: String,
}

/// What the visitor may ask for, if there is a point in asking. The engine decides again when it is sent.
pub(super) fn offered(app: &App, visitor: &Visitor, grant: &Grant) -> Option<MoreTime> {
    let own = grant.subject.is_same_as(&visitor.caller.who.subject);
    let GrantState::Active { extends_to: None, .. } = grant.state else { return None };
    let policy = app.engine.policy();
    let rule = policy.role(&grant.role)?.extension.as_ref()?;
    let left = own && grant.origin != Origin::BreakGlass && grant.extensions < rule.times;
    left.then(|| MoreTime { most: rule.max_total, approval: rule.approval, key: app.form_key() })
}

/// The form.
pub(super) fn form(view: &GrantView, more: &MoreTime, visitor: &Visitor) -> Markup {
    html! {
        form.card method="post" action={ "/grants/" (view.id) "/extend" } {
            (hidden_key(&visitor.key))
            input type="hidden" name="ask_key" value=(more.key);
            h2 { "More time" }
            div.field {
                label for="extend-for" { "How much more" }
                input #extend-for name="for" required size="10" autocomplete="off" aria-describedby="extend-hint";
                p.hint #extend-hint {
                    "Such as 30m; up to " (more.most) " in all from its activation. "
                    @match more.approval {
                        ExtensionApproval::Same => { "Those who approve the role approve this too." }
                        ExtensionApproval::None => { "Nobody has to approve it." }
                    }
                }
            }
            button.primary type="submit" { "Ask for more time" }
        }
    }
}

/// `POST /grants/{id}/extend`
pub(super) async fn extend(
    State(app): State<App>,
    visitor: Visitor,
    GrantPath(which): GrantPath,
    form: Form,
) -> Result<Redirect, PageError> {
    let back = |error: PageError| error.back_to(address(which), "Back to the grant");
    let none = || -> PageError {
        ApiError::new(ErrorCode::Malformed, "no length is given")
            .hint("Go back and say how much more, such as 30m.")
            .into()
    };
    let more = form.length("for").and_then(|length| length.ok_or_else(none)).map_err(back)?;
    let body = bounded(ExtendBody { duration_seconds: more }).map_err(back)?;
    let key = Extension(CallKey(form.text("ask_key").chars().take(64).collect()));
    let (caller, from) = (visitor.caller, visitor.address);
    let said = endpoints::extend::extend(State(app), caller, from, Some(key), GrantPath(which), Body(body)).await;
    let waiting = said.as_ref().ok().and_then(|view| view.0.more_time.as_ref()).filter(|more| more.state == "pending");
    if let Some(more) = waiting {
        return Ok(Redirect::to(&format!("/requests/{}?done=asked", more.request_id)));
    }
    after(said.map(drop), which, "extended")
}
