//! Every failure as one answer: `{"error": {"code", "message", "hint"}}`.

use crate::checkpointer::CheckpointError;
use axum::Json;
use axum::response::{IntoResponse, Response};
use curfew_api::{DecisionView, ErrorBody, ErrorCode, ErrorView};
use curfew_domain::Decision;
use curfew_domain::request::VerdictError;
use curfew_engine::seams::connector::CallError;
use curfew_engine::seams::store::{CommitError, ReadError};
use curfew_engine::{
    ActivateError, AttestError, DecideError, EndError, ExtendError, RequestError, ReviewError, RunError,
};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use std::collections::BTreeMap;
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};

/// What to do about a reason that is missing or too long.
const SAY_WHY: &str = "Say why, in at most 2,000 characters.";

/// A failure, ready to be sent.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: ErrorCode,
    /// Boxed, because it is the rare answer and every result would be as large as it.
    body: Box<ErrorBody>,
    retry_after: Option<u32>,
}

impl ApiError {
    /// A failure with its code's own hint.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, body: Box::new(code.body(message)), retry_after: None }
    }

    /// The same with a better hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.error.hint = hint.into();
        self
    }

    /// Come again after so many seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Policy said no.
    pub(crate) fn denied(message: &str, decision: &Decision) -> Self {
        let mut error = Self::new(ErrorCode::Denied, message);
        let mut reasons = decision.unsatisfied.iter().chain(&decision.failed);
        if let Some(first) = reasons.next() {
            error.body.error.message = format!("{message}: {}", first.message);
        }
        error.body.error.decision = Some(DecisionView::from(decision));
        error
    }

    /// What it says, for whoever shows it otherwise than as JSON.
    pub(crate) fn into_view(self) -> (ErrorCode, Box<ErrorView>) {
        (self.code, Box::new(self.body.error))
    }

    /// There is no such thing, or the caller may not see it: the two are not told apart.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no such {what}"))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(code = self.code.word(), "{}", self.body.error.message);
        }
        let mut response = (status, Json(*self.body)).into_response();
        let headers = response.headers_mut();
        if self.code == ErrorCode::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"curfew\""));
        }
        if self.code == ErrorCode::ProofRefused {
            // RFC 9449, section 7.1.
            let challenge = "DPoP algs=\"EdDSA ES256\", error=\"invalid_dpop_proof\"";
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        Self::new(ErrorCode::Unavailable, error.to_string()).retry_after(1)
    }
}

impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        let code = match error {
            CommitError::Conflict(_) | CommitError::KeyUsed(_) => ErrorCode::Conflict,
            CommitError::Unavailable(_) => ErrorCode::Unavailable,
        };
        Self::new(code, error.to_string()).retry_after(1)
    }
}

impl From<CheckpointError> for ApiError {
    fn from(error: CheckpointError) -> Self {
        Self::new(ErrorCode::Unavailable, format!("the audit log cannot be signed: {error}")).retry_after(3)
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NoSuchRole(_) => {
                Self::new(ErrorCode::NotFound, error.to_string()).hint("`curfew roles` lists what you may ask for.")
            }
            RequestError::Denied(decision) => Self::denied("policy denies it", &decision),
            RequestError::TooManyPending(_) => Self::new(ErrorCode::RateLimited, error.to_string())
                .hint("Withdraw some, or wait until they are decided: `curfew requests --mine` lists them.")
                .retry_after(60),
            RequestError::Text(_) => Self::new(ErrorCode::OutOfBounds, error.to_string()),
            RequestError::KeyReused => Self::new(ErrorCode::IdempotencyKeyReused, error.to_string()),
            RequestError::Unreviewed(_) => Self::new(ErrorCode::Unreviewed, error.to_string()),
            RequestError::NoSuchBundle(_) => {
                Self::new(ErrorCode::NotFound, error.to_string()).hint("`curfew roles` lists what you may ask for.")
            }
            RequestError::Beat(_) => Self::new(ErrorCode::Malformed, error.to_string())
                .hint("`POST /api/v1/runs` begins a run with a heartbeat; `curfew run` does that by itself."),
            RequestError::RunOver => Self::new(ErrorCode::RunOver, error.to_string()),
            RequestError::ClockInDoubt(_) => Self::new(ErrorCode::ClockInDoubt, error.to_string()),
            RequestError::PolicyStale(_) => Self::new(ErrorCode::PolicyStale, error.to_string()),
            RequestError::Stopping => Self::new(ErrorCode::Unavailable, error.to_string()).retry_after(5),
            RequestError::Read(error) => error.into(),
            RequestError::Commit(error) => error.into(),
        }
    }
}

impl From<VerdictError> for ApiError {
    fn from(error: VerdictError) -> Self {
        let code = match error {
            VerdictError::AlreadyFinal(_) => ErrorCode::AlreadyFinal,
            VerdictError::OwnRequest => ErrorCode::OwnRequest,
            VerdictError::NotAPerson => ErrorCode::Forbidden,
            VerdictError::OtherDigest => ErrorCode::DigestDiffers,
            VerdictError::AlreadyCounted => ErrorCode::AlreadyCounted,
            VerdictError::Widens(_) => ErrorCode::Widens,
            VerdictError::NoSuchStage(_) => ErrorCode::NoLongerAllowed,
            VerdictError::NotItsTurn(_) | VerdictError::NotDue => ErrorCode::NotAnApprover,
            VerdictError::ReasonRequired => ErrorCode::OutOfBounds,
            VerdictError::Artefact(_) => ErrorCode::WrongState,
        };
        Self::new(code, error.to_string())
    }
}

impl From<DecideError> for ApiError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::NotFound => Self::not_found("request"),
            DecideError::Forbidden(why) => Self::new(ErrorCode::NotAnApprover, why),
            DecideError::NotTheirs(why) => {
                Self::new(ErrorCode::Forbidden, why).hint("Those who may decide it can deny it instead.")
            }
            DecideError::Verdict(error) => error.into(),
            DecideError::Extension(why) => Self::new(ErrorCode::NoLongerAllowed, why),
            DecideError::Reason(why) => Self::new(ErrorCode::OutOfBounds, why).hint(SAY_WHY),
            DecideError::Read(error) => error.into(),
            DecideError::Commit(error) => error.into(),
        }
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        let code = match error {
            CallError::Unreachable { .. }
            | CallError::Refused { .. }
            | CallError::Lost { .. }
            | CallError::StaleEpoch { .. }
            | CallError::NotOurs { .. } => ErrorCode::TargetUnavailable,
            CallError::Invalid(_) => ErrorCode::PublicHalfRefused,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ActivateError> for ApiError {
    fn from(error: ActivateError) -> Self {
        match error {
            ActivateError::NotFound => Self::not_found("grant"),
            ActivateError::NotApproved(state) => not_approved(state, error.to_string()),
            ActivateError::Forbidden => Self::new(ErrorCode::Forbidden, error.to_string())
                .hint("The secret is made where its subject is; ask for access of your own with `curfew request`."),
            ActivateError::OtherClient => Self::new(ErrorCode::Forbidden, error.to_string())
                .hint("Another job, or another run, of the same pipeline asks for access of its own."),
            ActivateError::AlreadyFinal(_) => Self::new(ErrorCode::AlreadyFinal, error.to_string()),
            ActivateError::OtherHalf => Self::new(ErrorCode::WrongState, error.to_string()),
            ActivateError::Denied(decision) => Self::denied("policy denies it now", &decision),
            ActivateError::Grown(why) => Self::new(ErrorCode::NoLongerAllowed, why),
            ActivateError::Artefact(why) => Self::new(ErrorCode::NoLongerAllowed, why)
                .hint("Ask again for what the run is of, or run what was approved."),
            ActivateError::Halves(why) => Self::new(ErrorCode::PublicHalfRefused, why),
            ActivateError::ClockInDoubt(_) => Self::new(ErrorCode::ClockInDoubt, error.to_string()),
            ActivateError::PolicyStale(_) => Self::new(ErrorCode::PolicyStale, error.to_string()),
            ActivateError::Target(error) => error.into(),
            ActivateError::Stopping => Self::new(ErrorCode::Unavailable, error.to_string()).retry_after(5),
            ActivateError::Failed(_) => Self::new(ErrorCode::TargetUnavailable, error.to_string()),
            ActivateError::Read(error) => error.into(),
            ActivateError::Commit(error) => error.into(),
        }
    }
}

impl From<ExtendError> for ApiError {
    fn from(error: ExtendError) -> Self {
        let message = error.to_string();
        match error {
            ExtendError::NotFound => Self::not_found("grant"),
            ExtendError::NotApproved(state) => not_approved(state, message),
            ExtendError::Forbidden => Self::new(ErrorCode::Forbidden, message),
            ExtendError::NotActive(_) => {
                Self::new(ErrorCode::NotExtensible, message).hint("Activate it first: its clock starts then.")
            }
            ExtendError::AlreadyFinal(_) => Self::new(ErrorCode::NotExtensible, message),
            ExtendError::Denied(decision) => {
                let mut denied = Self::denied(&message, &decision);
                denied.code = ErrorCode::NotExtensible;
                denied.body.error.code = ErrorCode::NotExtensible.word().to_owned();
                denied.hint(ErrorCode::NotExtensible.hint())
            }
            ExtendError::NotExtensible(_) => Self::new(ErrorCode::NotExtensible, message),
            ExtendError::UnderWay(_) => Self::new(ErrorCode::NotExtensible, message)
                .hint("`curfew requests --mine` lists what waits; withdraw it to ask otherwise."),
            ExtendError::KeyReused => RequestError::KeyReused.into(),
            ExtendError::TooManyPending(many) => RequestError::TooManyPending(many).into(),
            ExtendError::ClockInDoubt(_) => Self::new(ErrorCode::ClockInDoubt, message),
            ExtendError::PolicyStale(_) => Self::new(ErrorCode::PolicyStale, message),
            ExtendError::Stopping => Self::new(ErrorCode::Unavailable, message).retry_after(5),
            ExtendError::Failed(_) => {
                Self::new(ErrorCode::TargetUnavailable, message).hint("`curfew show` tells when it has the later end.")
            }
            ExtendError::Read(error) => error.into(),
            ExtendError::Commit(error) => error.into(),
        }
    }
}

impl From<ReviewError> for ApiError {
    fn from(error: ReviewError) -> Self {
        let message = error.to_string();
        match error {
            ReviewError::NotFound => Self::not_found("grant"),
            ReviewError::NotApproved(state) => not_approved(state, message),
            ReviewError::Ordinary => Self::new(ErrorCode::WrongState, message),
            ReviewError::Own => Self::new(ErrorCode::OwnRequest, message)
                .hint("Somebody else who may approve the role has to look at it."),
            ReviewError::Forbidden(_) => Self::new(ErrorCode::NotAnApprover, message),
            ReviewError::AlreadyReviewed { .. } => Self::new(ErrorCode::AlreadyFinal, message),
            ReviewError::Note(_) => Self::new(ErrorCode::OutOfBounds, message).hint(SAY_WHY),
            ReviewError::Read(error) => error.into(),
            ReviewError::Commit(error) => error.into(),
        }
    }
}

impl From<RunError> for ApiError {
    fn from(error: RunError) -> Self {
        let message = error.to_string();
        match error {
            RunError::NotAMachine => Self::new(ErrorCode::Forbidden, message),
            RunError::NotFound => Self::not_found("run"),
            RunError::Over(_) => Self::new(ErrorCode::RunOver, message),
            RunError::NotTheirs => Self::new(ErrorCode::Forbidden, message)
                .hint("Each client makes a heartbeat of its own: 32 random hex digits."),
            RunError::TooMany(_) => {
                Self::new(ErrorCode::RateLimited, message).hint("Wait until some of them are done.").retry_after(30)
            }
            RunError::Asking(error) => error.into(),
            RunError::Read(error) => error.into(),
            RunError::Commit(error) => error.into(),
        }
    }
}

impl From<AttestError> for ApiError {
    fn from(error: AttestError) -> Self {
        let message = error.to_string();
        match error {
            AttestError::NotFound => Self::not_found("run"),
            AttestError::Live(_) => Self::new(ErrorCode::WrongState, message).hint("Ask again when it is over."),
            AttestError::Open(_) => Self::new(ErrorCode::WrongState, message)
                .hint("Ask again when they have ended; `curfew pipeline show` tells what holds them up."),
            AttestError::Read(error) => error.into(),
        }
    }
}

impl From<EndError> for ApiError {
    fn from(error: EndError) -> Self {
        match error {
            EndError::NotFound => Self::not_found("grant"),
            EndError::NotApproved("pending") => Self::new(ErrorCode::WrongState, error.to_string())
                .hint("There is nothing to end yet: its subject can withdraw it, its approvers deny it."),
            EndError::NotApproved(state) => not_approved(state, error.to_string()),
            EndError::Forbidden(why) => Self::new(ErrorCode::Forbidden, why),
            EndError::AlreadyFinal(_) => Self::new(ErrorCode::AlreadyFinal, error.to_string()),
            EndError::NotTheirs(why) => {
                Self::new(ErrorCode::Forbidden, why).hint("`curfew revoke` is for its approvers and administrators.")
            }
            EndError::Unknown(what) => Self::not_found(what).hint(format!(
                "Neither the policy nor the ledger knows that {what}: check the spelling. Nothing was revoked."
            )),
            EndError::Reason(why) => Self::new(ErrorCode::OutOfBounds, why).hint(SAY_WHY),
            EndError::Read(error) => error.into(),
            EndError::Commit(error) => error.into(),
        }
    }
}

/// A request that has no grant: not yet, or never.
fn not_approved(state: &str, message: String) -> ApiError {
    if state == "pending" {
        return ApiError::new(ErrorCode::WrongState, message).hint("Wait until it is approved.");
    }
    ApiError::new(ErrorCode::AlreadyFinal, message)
}

/// In the OpenAPI document: every answer that is no success.
pub(crate) struct Refusals;

impl utoipa::IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let content = Content::new(Some(Ref::from_schema_name("ErrorBody")));
        let response = ResponseBuilder::new()
            .description("What went wrong; the code is stable.")
            .content("application/json", content);
        BTreeMap::from([("default".to_owned(), response.build().into())])
    }
}
