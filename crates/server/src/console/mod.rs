//! The console: pages for people, made on the server, that work without a script.
//!
//! Each page calls the endpoints' own handlers, or the engine's verb that they call, with a form's fields for a
//! body. So there is no second path to anything, and nothing here decides who may do what.
//!
//! **Invariant:** no GET changes anything; every form carries a key that only this browser's session knows; no
//! script, style, font or picture comes from anywhere but this server; text that somebody typed is escaped, with
//! what cannot be seen made visible.

mod ask;
mod assets;
mod audit;
mod bundle;
mod cookie;
mod dress;
mod emergency;
mod error;
mod form;
mod grant;
mod more_time;
mod overview;
mod page;
mod parts;
mod request;
mod review;
mod sign_in;
mod verdict;
mod visitor;

use crate::app::App;
use crate::edge::once;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

/// Every page.
pub(crate) fn pages(app: &App) -> Router<App> {
    let signed = Router::new()
        .route("/", get(overview::overview))
        .route("/roles/{role}", get(ask::form).post(ask::submit))
        .route("/roles/{role}/break-glass", get(emergency::form).post(emergency::submit))
        .route("/bundles/{bundle}", get(bundle::form).post(bundle::submit))
        .route("/requests/{id}", get(request::show))
        .route("/requests/{id}/approve", post(verdict::approve))
        .route("/requests/{id}/deny", post(verdict::deny))
        .route("/requests/{id}/withdraw", post(verdict::withdraw))
        .route("/grants/{id}", get(grant::show))
        .route("/grants/{id}/return", post(grant::give_back))
        .route("/grants/{id}/revoke", post(grant::revoke))
        .route("/grants/{id}/extend", post(more_time::extend))
        .route("/grants/{id}/review", post(review::review))
        .route("/audit", get(audit::audit))
        .route("/sign-out", post(sign_in::sign_out))
        // The outermost comes last: who is calling is known before anything is run.
        .route_layer(from_fn_with_state(app.clone(), once))
        .route_layer(from_fn_with_state(app.clone(), visitor::visit));
    let open = Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/console.css", get(assets::style))
        .route("/favicon.svg", get(assets::icon));
    signed.merge(open).layer(from_fn(dress::dress))
}

#[cfg(test)]
mod tests;
