//! Every failure as a page: what went wrong, what to do next, and a way on.

use super::page;
use super::parts::{marked, reasons};
use crate::edge::ApiError;
use axum::response::{IntoResponse, Response};
use curfew_api::{ErrorCode, ErrorView};
use curfew_domain::text::visible;
use curfew_engine::seams::store::ReadError;
use http::StatusCode;
use maud::html;

/// A failure, ready to be shown.
#[derive(Debug)]
pub(super) struct PageError {
    code: ErrorCode,
    view: Box<ErrorView>,
    back: Option<(String, &'static str)>,
}

impl PageError {
    /// With a link to where the person came from.
    pub(super) fn back_to(mut self, address: String, label: &'static str) -> Self {
        self.back = Some((address, label));
        self
    }

    /// Whether it had ended before, by this person's first click or by somebody else.
    pub(super) fn is_already_final(&self) -> bool {
        self.code == ErrorCode::AlreadyFinal
    }
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        let (code, view) = error.into_view();
        Self { code, view, back: None }
    }
}

impl From<ReadError> for PageError {
    fn from(error: ReadError) -> Self {
        ApiError::from(error).into()
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (address, label) = self.back.unwrap_or_else(|| ("/".to_owned(), "Back to the overview"));
        let body = html! {
            div.card.narrow {
                h1 { (headline(status)) }
                p.lead { (marked(&sentence(&self.view.message))) }
                @if !self.view.hint.is_empty() { p { (marked(&self.view.hint)) } }
                @if let Some(decision) = &self.view.decision { (reasons(decision)) }
                p { a.button href=(address) { (label) } }
            }
        };
        (status, page::bare(headline(status), &body)).into_response()
    }
}

fn headline(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "Sign in first",
        403 => "You may not do this",
        404 => "It is not here",
        409 => "Somebody or something was first",
        429 => "Too much at once",
        500..=599 => "Curfew cannot do this now",
        _ => "This does not go",
    }
}

/// A message as a sentence: it begins with a capital and ends with a full stop.
pub(super) fn sentence(message: &str) -> String {
    let message = visible(message);
    let mut chars = message.chars();
    let mut text: String = chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
