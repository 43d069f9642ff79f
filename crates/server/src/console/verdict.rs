//! Approving, denying and withdrawing, by form. Sent twice, each comes to what once comes to.

use super::error::PageError;
use super::form::{Form, bounded};
use super::visitor::Visitor;
use crate::app::App;
use crate::edge::{ApiError, Body, PathId};
use crate::endpoints;
use axum::Json;
use axum::extract::State;
use axum::response::Redirect;
use curfew_api::{ApproveBody, DenyBody, ErrorCode, NarrowBody};
use curfew_domain::{ActionName, Id, Request, Seconds};
use std::collections::BTreeSet;

/// `POST /requests/{id}/approve`
pub(super) async fn approve(
    State(app): State<App>,
    visitor: Visitor,
    PathId(id): PathId<Request>,
    form: Form,
) -> Result<Redirect, PageError> {
    let back = |error: PageError| error.back_to(format!("/requests/{id}"), "Back to the request");
    let found = app.engine.find_request(&visitor.caller.who, id).await?;
    let request = found.ok_or_else(|| ApiError::not_found("request"))?;
    let narrowed = narrowed(&request, &form).map_err(back)?;
    let body =
        ApproveBody { digest: form.text("digest").to_owned(), reason: form.typed("reason"), narrowed, artefact: None };
    let body = bounded(body).map_err(back)?;
    let caller = visitor.caller;
    let said = endpoints::approve::approve(State(app), caller, PathId(id), Body(body)).await.map(drop);
    after(said, id, "approved")
}

/// `POST /requests/{id}/deny`
pub(super) async fn deny(
    State(app): State<App>,
    visitor: Visitor,
    PathId(id): PathId<Request>,
    form: Form,
) -> Result<Redirect, PageError> {
    let body = bounded(DenyBody { digest: form.text("digest").to_owned(), reason: form.typed("reason") });
    let body = body.map_err(|error| error.back_to(format!("/requests/{id}"), "Back to the request"))?;
    let said = endpoints::deny::deny(State(app), visitor.caller, PathId(id), Body(body)).await;
    let done = match &said {
        Ok(Json(request)) if request.state == "approved" => "revoked",
        Ok(_) | Err(_) => "denied",
    };
    after(said.map(drop), id, done)
}

/// `POST /requests/{id}/withdraw`
pub(super) async fn withdraw(
    State(app): State<App>,
    visitor: Visitor,
    PathId(id): PathId<Request>,
    _: Form,
) -> Result<Redirect, PageError> {
    let said = endpoints::withdraw::withdraw(State(app), visitor.caller, PathId(id)).await.map(drop);
    after(said, id, "withdrawn")
}

/// To the request's page: with what was done, or, when it was decided before, with how it stands.
fn after(said: Result<(), ApiError>, id: Id<Request>, done: &str) -> Result<Redirect, PageError> {
    let to = |done: &str| Redirect::to(&format!("/requests/{id}?done={done}"));
    match said.map_err(PageError::from) {
        Ok(()) => Ok(to(done)),
        Err(error) if error.is_already_final() => Ok(to("stood")),
        Err(error) => Err(error.back_to(format!("/requests/{id}"), "Back to the request")),
    }
}

/// What the form takes away from the request; none when nothing.
fn narrowed(request: &Request, form: &Form) -> Result<Option<NarrowBody>, PageError> {
    let ticked: BTreeSet<ActionName> = form.ticked("action")?.into_iter().collect();
    if ticked.is_empty() {
        let hint = "Go back and leave at least one action ticked, or deny the request.";
        return Err(ApiError::new(ErrorCode::Widens, "no action would be left").hint(hint).into());
    }
    let cap: Option<Seconds> = form.length("for")?.filter(|cap| *cap != request.duration);
    let actions = (ticked != request.scope.actions()).then(|| ticked.into_iter().collect());
    let narrow = NarrowBody { duration_seconds: cap, actions };
    Ok((narrow != NarrowBody::default()).then_some(narrow))
}
