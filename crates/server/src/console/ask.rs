//! `/roles/{role}`: the form that asks, with what policy says shown before anything is sent.

use super::error::{PageError, sentence};
use super::form::{Form, bounded};
use super::overview::approval;
use super::page::{Page, Place, hidden_key, page};
use super::parts::{exposure, outcome, reasons, time};
use super::visitor::Visitor;
use crate::app::App;
use crate::edge::{ApiError, Body, CallKey, PathText};
use crate::endpoints::decide::decide;
use crate::endpoints::request::request;
use crate::endpoints::roles::roles;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use curfew_api::{AskBody, DecisionView, ErrorCode, InputBody, RoleInputView, RoleView};
use curfew_domain::text::visible;
use curfew_domain::{ActionName, Outcome, ResourceName, limits};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// What the form shows: filled as it was sent, or fresh.
struct Sheet<'a> {
    role: &'a RoleView,
    resources: BTreeSet<ResourceName>,
    actions: BTreeSet<ActionName>,
    filled: AskBody,
    /// The form's own key: sent twice, it asks once.
    key: String,
    decision: Option<DecisionView>,
}

/// The empty form.
pub(super) async fn form(
    State(app): State<App>,
    visitor: Visitor,
    PathText(name): PathText,
) -> Result<Page, PageError> {
    let role = find(&app, &visitor, &name).await?;
    let (resources, actions) = offered(&app, &role);
    // With one choice there is nothing to choose.
    let filled = AskBody {
        resources: if resources.len() == 1 { resources.iter().cloned().collect() } else { Vec::new() },
        actions: if actions.len() == 1 { actions.iter().cloned().collect() } else { Vec::new() },
        duration_seconds: Some(role.default_duration_seconds),
        ..AskBody::default()
    };
    let sheet = Sheet { role: &role, resources, actions, filled, key: app.form_key(), decision: None };
    Ok(show(&app, &visitor, &sheet))
}

/// Checks or asks, by the button that was pressed.
pub(super) async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    PathText(name): PathText,
    form: Form,
) -> Result<Response, PageError> {
    let back = |error: PageError| error.back_to(format!("/roles/{name}"), "Back to the form");
    let role = find(&app, &visitor, &name).await?;
    let body = read(&role, &form).map_err(back)?;
    let address = visitor.address;
    if form.text("step") == "ask" {
        let key = Extension(CallKey(form.text("ask_key").chars().take(64).collect()));
        let asked = request(State(app), visitor.caller, address, Some(key), Body(body)).await;
        let (_, view) = asked.map_err(|error| back(error.into()))?;
        return Ok(Redirect::to(&format!("/requests/{}?done=asked", view.0.id)).into_response());
    }
    let decision = decide(State(app.clone()), visitor.caller.clone(), address, Body(body.clone())).await;
    let decision = decision.map_err(|error| back(error.into()))?.0;
    let (resources, actions) = offered(&app, &role);
    let key = form.text("ask_key").chars().take(64).collect();
    let sheet = Sheet { role: &role, resources, actions, filled: body, key, decision: Some(decision) };
    Ok(show(&app, &visitor, &sheet).into_response())
}

/// The role, if the visitor may ask for it.
async fn find(app: &App, visitor: &Visitor, name: &str) -> Result<RoleView, PageError> {
    let roles = roles(State(app.clone()), visitor.caller.clone()).await?.0.items;
    let role = roles.into_iter().find(|role| role.name.as_str() == name);
    role.ok_or_else(|| {
        let hint = "The overview lists the roles that you may ask for.";
        ApiError::new(ErrorCode::NotFound, "there is no such role for you").hint(hint).into()
    })
}

/// What the role can give, as single resources and actions.
fn offered(app: &App, role: &RoleView) -> (BTreeSet<ResourceName>, BTreeSet<ActionName>) {
    let pairs = app.engine.policy().pairs(&role.name);
    pairs.into_iter().map(|pair| (pair.resource, pair.action)).unzip()
}

fn read(role: &RoleView, form: &Form) -> Result<AskBody, PageError> {
    let choose = |what: &str| -> PageError {
        let hint = "Go back and tick at least one. The least that does the work is the best choice.";
        ApiError::new(ErrorCode::Malformed, format!("no {what} is chosen")).hint(hint).into()
    };
    let resources: Vec<ResourceName> = form.ticked("resource")?;
    let actions: Vec<ActionName> = form.ticked("action")?;
    if resources.is_empty() {
        return Err(choose("resource"));
    }
    if actions.is_empty() {
        return Err(choose("action"));
    }
    bounded(AskBody {
        role: role.name.to_string(),
        resources,
        actions,
        duration_seconds: form.length("for")?,
        reason: form.typed("reason"),
        ticket: form.typed("ticket"),
        inputs: typed_inputs(&role.inputs, form),
        beat: None,
    })
}

/// What was typed into a role's own fields; an empty one was not given.
pub(super) fn typed_inputs(inputs: &[RoleInputView], form: &Form) -> BTreeMap<String, InputBody> {
    let typed = inputs.iter().map(|input| (input.name.clone(), form.typed(&field(input))));
    typed.filter(|(_, text)| !text.trim().is_empty()).map(|(name, text)| (name, InputBody::Text(text))).collect()
}

/// The name of the form's field for an input.
fn field(input: &RoleInputView) -> String {
    format!("input-{}", input.name)
}

fn show(app: &App, visitor: &Visitor, sheet: &Sheet<'_>) -> Page {
    let title = format!("Ask for {}", sheet.role.name);
    let body = html! {
        h1 { (title) }
        @if !sheet.role.description.is_empty() { p.lead { (visible(&sheet.role.description)) } }
        p.dim { "Up to " (sheet.role.max_duration_seconds) ", " (approval(sheet.role)) "." }
        @if let Some(decision) = &sheet.decision { (answer(decision, 0)) }
        form.card method="post" action={ "/roles/" (sheet.role.name) } {
            (hidden_key(&visitor.key))
            input type="hidden" name="ask_key" value=(sheet.key);
            (boxes("Resources", "resource", &sheet.resources, &sheet.filled.resources))
            (boxes("Actions", "action", &sheet.actions, &sheet.filled.actions))
            (fields(sheet))
            (buttons(sheet))
        }
    };
    page(app, visitor, (Place::Inside, &title), &body)
}

/// What policy says; with several on a page each has a number.
pub(super) fn answer(decision: &DecisionView, number: usize) -> Markup {
    let tone = match decision.outcome {
        Outcome::Denied => "bad",
        Outcome::NeedsApproval => "wait",
        Outcome::Automatic => "good",
    };
    html! {
        section class={ "card answer " (tone) } aria-labelledby={ "answer-" (number) } role="status" {
            h2 id={ "answer-" (number) } { (outcome(decision)) }
            (reasons(decision))
            @if !decision.approvers.is_empty() { p { "Could decide it now: " (visible(&decision.approvers.join(", "))) } }
            @if let Some(until) = decision.max_until { p { "Activated now, it would end at " (time(until)) "." } }
            @if decision.outcome != Outcome::Denied { h3 { "What it can leave behind" } (exposure(&decision.residual_exposure)) }
            @else { p { "Change the form below, or ask whoever keeps the policy." } }
        }
    }
}

fn boxes<T: std::fmt::Display + Ord>(legend: &str, name: &str, offered: &BTreeSet<T>, ticked: &[T]) -> Markup {
    html! {
        fieldset {
            legend { (legend) }
            div.boxes {
                @for (n, one) in offered.iter().enumerate() {
                    div.box {
                        input type="checkbox" id={ (name) "-" (n) } name=(name) value=(one) checked[ticked.contains(one)];
                        label for={ (name) "-" (n) } { (one) }
                    }
                }
            }
        }
    }
}

fn fields(sheet: &Sheet<'_>) -> Markup {
    let (role, filled) = (sheet.role, &sheet.filled);
    let rule = role.justification.as_ref();
    let must = rule.is_some_and(|rule| rule.required);
    html! {
        div.field {
            label for="for" { "For how long" }
            input #for name="for" required autocomplete="off" aria-describedby="for-hint" size="10"
                value=[filled.duration_seconds.map(|d| d.to_string())];
            p.hint #for-hint { "Such as 30m or 1h30m; from " (role.min_duration_seconds) " to " (role.max_duration_seconds) ". It begins when you activate it." }
        }
        div.field {
            label for="reason" { "Why" @if !must { " (may be left out)" } }
            textarea #reason name="reason" rows="4" maxlength=(limits::REASON_CHARS) required[must] aria-describedby="reason-hint" {
                (filled.reason)
            }
            p.hint #reason-hint {
                @match rule {
                    Some(rule) if rule.min_length > 0 => { "At least " (rule.min_length) " characters. " }
                    _ => {}
                }
                "Approvers read this, and it stays in the audit log: no secrets."
            }
        }
        @for input in &role.inputs { (input_field(input, filled.inputs.get(&input.name))) }
        div.field {
            label for="ticket" { "Ticket (may be left out)" }
            input #ticket name="ticket" maxlength=(limits::TICKET_CHARS) value=(filled.ticket) autocomplete="off";
        }
    }
}

/// The field of an input; what stands in it is checked with everything else.
pub(super) fn input_field(input: &RoleInputView, filled: Option<&InputBody>) -> Markup {
    let label = if input.prompt.is_empty() { &input.name } else { &input.prompt };
    let typed = filled.map(ToString::to_string).unwrap_or_default();
    let choices = match input.kind.as_str() {
        "boolean" => vec!["true".to_owned(), "false".to_owned()],
        _ => input.values.clone(),
    };
    html! {
        div.field {
            label for=(field(input)) { (visible(label)) @if !input.required { " (may be left out)" } }
            @if choices.is_empty() {
                input id=(field(input)) name=(field(input)) value=(typed) autocomplete="off" required[input.required]
                    inputmode=[(input.kind == "integer").then_some("numeric")] maxlength=[input.max_length];
            } @else {
                select id=(field(input)) name=(field(input)) required[input.required] {
                    option value="" { "" }
                    @for choice in &choices { option value=(choice) selected[*choice == typed] { (visible(choice)) } }
                }
            }
        }
    }
}

fn buttons(sheet: &Sheet<'_>) -> Markup {
    let checked = sheet.decision.as_ref().is_some_and(|d| d.outcome != Outcome::Denied);
    html! {
        div.buttons {
            @if checked { button.primary type="submit" name="step" value="ask" { "Ask for it" } }
            button.primary[!checked] type="submit" name="step" value="check" {
                @if sheet.decision.is_some() { "Check again" } @else { "Check it" }
            }
            @if !checked { span.hint { (sentence("Nothing is sent yet: you first see what the policy says")) } }
        }
    }
}
