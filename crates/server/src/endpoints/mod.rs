//! One file for each endpoint, and the router that mounts them: a handler that is not documented cannot be mounted.
//!
//! **Invariant:** handlers translate. What a caller may do or see is asked of the engine, never worked out here,
//! and no GET changes anything.

mod activate;
pub(crate) mod approve;
mod audit_about;
mod audit_checkpoint;
mod audit_consistency;
mod audit_events;
mod audit_export;
mod audit_key;
mod audit_proof;
pub(crate) mod audit_search;
mod beat;
mod begin_run;
pub(crate) mod break_glass;
mod bundles;
mod connectors;
mod cursor;
pub(crate) mod decide;
pub(crate) mod deny;
mod doctor;
mod end_run;
mod events;
pub(crate) mod extend;
pub(crate) mod give_back;
pub(crate) mod grant_path;
mod grants;
mod health;
mod host_desk;
mod metrics;
mod policy;
mod policy_apply;
mod public_halves;
pub(crate) mod request;
pub(crate) mod request_bundle;
mod requests;
pub(crate) mod review;
pub(crate) mod revoke;
mod revoke_all;
pub(crate) mod roles;
mod run_attestation;
mod run_path;
mod runs;
mod security;
mod show_grant;
mod show_request;
mod show_run;
pub(crate) mod sign_in;
mod sign_in_methods;
mod sign_in_workload;
pub(crate) mod sign_out;
mod ssh_ca;
mod ssh_host;
mod ssh_krl;
mod ssh_rotate;
mod ssh_sync;
mod who_has;
mod whoami;
pub(crate) mod withdraw;

use crate::app::{App, Readiness};
use crate::auth::{Caller, authenticate, people_only};
use crate::console;
use crate::edge::throttle::Rate;
use crate::edge::{ApiError, bounded, check_names, etag, harden, observe, once, quiet_panics};
use crate::hooks;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use curfew_api::{ErrorBody, ErrorCode, PREFIX, StatementView};
use curfew_engine::Sight;
use security::{Callers, Schemes, open_to};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Sign-ins from one address.
pub(crate) const SIGN_IN_RATE: Rate = Rate { burst: 200, per_second: 10 };
/// Sign-ins of machines from one address: many runners stand behind one, and nothing is guessed there.
pub(crate) const MACHINE_SIGN_IN_RATE: Rate = Rate { burst: 1_000, per_second: 100 };
/// Calls without a standing sign-in from one address; those with one are not held up by them.
pub(crate) const REFUSAL_RATE: Rate = Rate { burst: 300, per_second: 20 };

/// Calls of one machine's sign-in: each proof is remembered for two minutes.
pub(crate) const BOUND_RATE: Rate = Rate { burst: 1_000, per_second: 50 };

/// Reports of SSH hosts from one address, whoever sends them: a host waits up to 15 s for each answer.
pub(crate) const HOST_RATE: Rate = Rate { burst: 1_000, per_second: 200 };
/// Asks of one person, dry runs included: each costs a decision, and most cost others' attention.
pub(crate) const ASK_RATE: Rate = Rate { burst: 2_000, per_second: 50 };

#[derive(OpenApi)]
#[openapi(
    info(title = "Curfew", description = "Just-in-time access as code.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(ErrorBody, StatementView)),
    modifiers(&Schemes),
)]
struct Document;

/// What anybody may call who reaches the server.
fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(sign_in_workload::sign_in_workload))
        .routes(routes!(sign_in_methods::sign_in_methods))
        .routes(routes!(audit_key::audit_key))
        .routes(routes!(ssh_ca::ssh_ca))
        .routes(routes!(ssh_krl::ssh_krl))
        .routes(routes!(ssh_sync::ssh_sync))
}

/// What takes a sign-in, a person's or a machine's: asking, what becomes of one's own asks, and the policy, which is for a
/// machine only where the configuration names it.
fn signed() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(whoami::whoami))
        .routes(routes!(sign_out::sign_out))
        .routes(routes!(roles::roles))
        .routes(routes!(decide::decide))
        .routes(routes!(request::request, requests::requests))
        .routes(routes!(show_request::show_request))
        .routes(routes!(withdraw::withdraw))
        .routes(routes!(grants::grants))
        .routes(routes!(show_grant::show_grant))
        .routes(routes!(public_halves::public_halves))
        .routes(routes!(activate::activate))
        .routes(routes!(give_back::give_back))
        .routes(routes!(extend::extend))
        .routes(routes!(begin_run::begin_run))
        .routes(routes!(show_run::show_run))
        .routes(routes!(run_attestation::run_attestation))
        .routes(routes!(beat::beat))
        .routes(routes!(end_run::end_run))
        .routes(routes!(events::events))
        .routes(routes!(policy::policy))
        .routes(routes!(policy_apply::policy_apply))
}

/// What takes a person's sign-in. What is not named above is here: a machine may not, until somebody says so.
fn for_people() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(approve::approve))
        .routes(routes!(deny::deny))
        .routes(routes!(revoke::revoke))
        .routes(routes!(runs::runs))
        .routes(routes!(break_glass::break_glass))
        .routes(routes!(bundles::bundles))
        .routes(routes!(request_bundle::request_bundle))
        .routes(routes!(review::review))
        .routes(routes!(revoke_all::revoke_all))
        .routes(routes!(who_has::who_has))
        .routes(routes!(audit_events::audit_events))
        .routes(routes!(audit_search::audit_search))
        .routes(routes!(audit_about::audit_about))
        .routes(routes!(audit_export::audit_export))
        .routes(routes!(audit_proof::audit_proof))
        .routes(routes!(audit_consistency::audit_consistency))
        .routes(routes!(audit_checkpoint::audit_checkpoint))
        .routes(routes!(connectors::connectors))
        .routes(routes!(doctor::doctor))
        .routes(routes!(ssh_rotate::ssh_rotate))
        .routes(routes!(ssh_host::ssh_host, ssh_host::ssh_host_gone))
}

/// Everything under `/api/v1`, with its OpenAPI document.
fn api(app: Option<&App>) -> (Router<App>, utoipa::openapi::OpenApi) {
    let for_people = open_to(&Callers::People, for_people()).route_layer(from_fn(people_only));
    let mut signed = open_to(&Callers::PeopleAndMachines, signed()).merge(for_people);
    if let Some(app) = app {
        // The outermost comes last: who is calling is known before an answer is given again.
        signed = signed
            .route_layer(from_fn_with_state(app.clone(), once))
            .route_layer(from_fn_with_state(app.clone(), authenticate));
    }
    let all = OpenApiRouter::with_openapi(Document::openapi());
    all.nest(PREFIX, open_to(&Callers::Anybody, open()).merge(signed)).split_for_parts()
}

/// The OpenAPI 3.1 document of this server.
pub fn openapi() -> utoipa::openapi::OpenApi {
    api(None).1
}

/// Everything this server answers.
pub(crate) fn router(app: &App) -> Router {
    let (api, document) = api(Some(app));
    let document = serde_json::to_value(&document).expect("INVARIANT: the document serializes");
    let api = api
        .route_layer(from_fn_with_state(app.clone(), when_ready))
        .route(&format!("{PREFIX}/openapi.json"), get(move || async move { Json(document) }));
    Router::new()
        .merge(api)
        .merge(hooks::routes().route_layer(from_fn_with_state(app.clone(), when_ready)))
        .merge(console::pages(app))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_that_way)
        // The innermost comes first.
        .layer(from_fn(etag))
        .layer(from_fn(bounded))
        .layer(from_fn_with_state(app.clone(), check_names))
        .layer(from_fn(quiet_panics))
        .layer(from_fn(harden))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app.clone())
}

async fn when_ready(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    let unavailable = |why| ApiError::new(ErrorCode::Unavailable, why).retry_after(1);
    match app.phase.get() {
        Readiness::Ready => Ok(next.run(request).await),
        Readiness::Starting => Err(unavailable("the server is starting")),
        Readiness::Stopping => Err(unavailable("the server is stopping")),
    }
}

async fn nothing_here() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is nothing at this address").hint(ErrorCode::Malformed.hint())
}

async fn not_that_way() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, "this address does not take that method")
}

/// Lets only those through who may read everything.
///
/// # Errors
/// `forbidden` for everybody else.
pub(crate) fn auditors_only(app: &App, caller: &Caller) -> Result<(), ApiError> {
    match app.engine.sight(&caller.who) {
        Sight::Everything => Ok(()),
        Sight::Own => Err(ApiError::new(ErrorCode::Forbidden, "this is for auditors and administrators")
            .hint("The policy names them as `auditors` and `administrators`.")),
    }
}

/// Lets only those through who may administer.
///
/// # Errors
/// `forbidden` for everybody else.
pub(crate) fn administrators_only(app: &App, caller: &Caller) -> Result<(), ApiError> {
    if app.engine.may_administer(&caller.who) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::Forbidden, "this is for administrators")
        .hint("The policy names them as `administrators`."))
}

#[cfg(test)]
mod break_glass_tests;
#[cfg(test)]
mod bundle_tests;
#[cfg(test)]
mod claim_tests;
#[cfg(test)]
mod more_time_tests;
#[cfg(test)]
mod overdue_tests;
#[cfg(test)]
mod refused_policy_tests;
#[cfg(test)]
mod rules_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
