//! `/bundles/{bundle}`: several roles under one ask, each with what policy says to it before anything is sent.

use super::ask::{answer, input_field, typed_inputs};
use super::error::PageError;
use super::form::{Form, bounded};
use super::page::{Page, Place, hidden_key, page};
use super::parts::{badge, reasons};
use super::visitor::Visitor;
use crate::app::App;
use crate::auth::Caller;
use crate::edge::{ApiError, Body, CallKey, CallerAddress, PathText};
use crate::endpoints::decide::decide;
use crate::endpoints::request_bundle::request_bundle;
use crate::endpoints::roles::role_view;
use axum::Extension;
use axum::extract::State;
use curfew_api::{AskBody, BundleBody, BundlePartView, DecisionView, ErrorCode, RoleInputView, RoleView};
use curfew_domain::{Outcome, RoleName, limits};
use maud::{Markup, html};

/// A bundle with those of its roles that the policy has.
struct Several {
    name: RoleName,
    roles: Vec<RoleView>,
}

impl Several {
    /// What the roles want to be told, each once.
    fn inputs(&self) -> Vec<RoleInputView> {
        let mut inputs: Vec<RoleInputView> = Vec::new();
        for input in self.roles.iter().flat_map(|role| &role.inputs) {
            match inputs.iter_mut().find(|known| known.name == input.name) {
                Some(known) => known.required |= input.required,
                None => inputs.push(input.clone()),
            }
        }
        inputs
    }
}

fn find(app: &App, visitor: &Visitor, name: &str) -> Result<Several, PageError> {
    let bundle = app.engine.bundles_for(&visitor.caller.who).into_iter().find(|bundle| bundle.name.as_str() == name);
    let bundle = bundle.ok_or_else(|| {
        let hint = "The overview lists the bundles of which you may ask for something.";
        ApiError::new(ErrorCode::NotFound, "there is no such bundle for you").hint(hint)
    })?;
    let policy = app.engine.policy();
    let known = bundle.roles.iter().filter_map(|(role, _)| policy.role(role));
    let roles = known.map(|role| role_view(role, policy.bundles())).collect();
    Ok(Several { name: bundle.name, roles })
}

/// The empty form.
pub(super) async fn form(
    State(app): State<App>,
    visitor: Visitor,
    PathText(name): PathText,
) -> Result<Page, PageError> {
    let several = find(&app, &visitor, &name)?;
    let key = app.form_key();
    Ok(show(&app, &visitor, &several, (&BundleBody::default(), &key), &[]))
}

/// Checks or asks, by the button that was pressed.
pub(super) async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    PathText(name): PathText,
    form: Form,
) -> Result<Page, PageError> {
    let back = |error: PageError| error.back_to(format!("/bundles/{name}"), "Back to the form");
    let several = find(&app, &visitor, &name)?;
    let body = BundleBody {
        duration_seconds: form.length("for").map_err(back)?,
        reason: form.typed("reason"),
        ticket: form.typed("ticket"),
        inputs: typed_inputs(&several.inputs(), &form),
    };
    let body = bounded(body).map_err(back)?;
    let key: String = form.text("ask_key").chars().take(64).collect();
    if form.text("step") != "ask" {
        let decisions = judge(&app, (&visitor.caller, visitor.address), &several, &body).await.map_err(back)?;
        return Ok(show(&app, &visitor, &several, (&body, &key), &decisions));
    }
    let (caller, from) = (visitor.caller.clone(), visitor.address);
    let key = Some(Extension(CallKey(key)));
    let asked = request_bundle(State(app.clone()), caller, from, key, PathText(name.clone()), Body(body)).await;
    let (_, parts) = asked.map_err(|error| back(error.into()))?;
    let title = format!("{} was asked for", several.name);
    let body = html! {
        h1 { (title) }
        ul.cards { @for part in &parts.0.items { (became(part)) } }
        p { a href="/" { "To the overview" } }
    };
    Ok(page(&app, &visitor, (Place::Inside, &title), &body))
}

/// What policy says to each role.
async fn judge(
    app: &App,
    (caller, from): (&Caller, CallerAddress),
    several: &Several,
    body: &BundleBody,
) -> Result<Vec<DecisionView>, PageError> {
    let mut decisions = Vec::new();
    for role in &several.roles {
        let has = |name: &String| role.inputs.iter().any(|input| input.name == *name);
        let ask = AskBody {
            role: role.name.to_string(),
            duration_seconds: body.duration_seconds,
            reason: body.reason.clone(),
            ticket: body.ticket.clone(),
            inputs: body.inputs.iter().filter(|(name, _)| has(name)).map(|(n, v)| (n.clone(), v.clone())).collect(),
            ..AskBody::default()
        };
        decisions.push(decide(State(app.clone()), caller.clone(), from, Body(ask)).await?.0);
    }
    Ok(decisions)
}

/// What became of one role of it.
fn became(part: &BundlePartView) -> Markup {
    html! {
        li.card {
            @match part {
                BundlePartView::Asked(request) => {
                    h3 { a href={ "/requests/" (request.id) } { (request.role) } " " (badge(&request.state)) }
                }
                BundlePartView::Denied(denied) => {
                    h3 { (denied.role) " " (badge(&denied.state)) }
                    p { "The policy denies it; the others were asked for all the same." }
                    (reasons(&denied.decision))
                }
            }
        }
    }
}

fn show(
    app: &App,
    visitor: &Visitor,
    several: &Several,
    (filled, key): (&BundleBody, &str),
    decisions: &[DecisionView],
) -> Page {
    let title = format!("Ask for {}", several.name);
    let some = decisions.iter().any(|decision| decision.outcome != Outcome::Denied);
    let body = html! {
        h1 { (title) }
        p.lead { "One ask for several roles: " (several.roles.iter().map(|r| r.name.to_string()).collect::<Vec<_>>().join(", ")) ". Each is decided by its own rule." }
        @for (n, decision) in decisions.iter().enumerate() { h2 { (decision.role) } (answer(decision, n)) }
        form.card method="post" action={ "/bundles/" (several.name) } {
            (hidden_key(&visitor.key))
            input type="hidden" name="ask_key" value=(key);
            (fields(several, filled))
            div.buttons {
                @if some { button.primary type="submit" name="step" value="ask" { "Ask for all of it" } }
                button.primary[!some] type="submit" name="step" value="check" {
                    @if decisions.is_empty() { "Check it" } @else { "Check again" }
                }
                @if !some { span.hint { "Nothing is sent yet: you first see what the policy says." } }
            }
        }
    };
    page(app, visitor, (Place::Inside, &title), &body)
}

fn fields(several: &Several, filled: &BundleBody) -> Markup {
    let must = several.roles.iter().any(|role| role.justification.as_ref().is_some_and(|rule| rule.required));
    html! {
        div.field {
            label for="for" { "For how long (may be left out)" }
            input #for name="for" autocomplete="off" size="10" aria-describedby="for-hint"
                value=[filled.duration_seconds.map(|d| d.to_string())];
            p.hint #for-hint { "Such as 30m; each role's own default when nothing stands here." }
        }
        div.field {
            label for="reason" { "Why" @if !must { " (may be left out)" } }
            textarea #reason name="reason" rows="4" maxlength=(limits::REASON_CHARS) required[must] aria-describedby="reason-hint" { (filled.reason) }
            p.hint #reason-hint { "Approvers read this, and it stays in the audit log: no secrets." }
        }
        @for input in &several.inputs() { (input_field(input, filled.inputs.get(&input.name))) }
        div.field {
            label for="ticket" { "Ticket (may be left out)" }
            input #ticket name="ticket" maxlength=(limits::TICKET_CHARS) value=(filled.ticket) autocomplete="off";
        }
    }
}
