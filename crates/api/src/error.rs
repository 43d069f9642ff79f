//! Errors on the wire: `{"error": {"code", "message", "hint"}}`. Codes are stable.

use crate::views::DecisionView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorView,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorView {
    /// A stable word for scripts, one of [`ErrorCode`].
    pub code: String,
    /// What happened, for a person.
    pub message: String,
    /// What to do about it, for a person.
    pub hint: String,
    /// With `denied`: what policy said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionView>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $status:literal, $hint:literal;)*) => {
        /// Every error there is: its word, its HTTP status, and what to do about it when nothing better is known.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self { $(ErrorCode::$variant => $word,)* }
            }

            /// The HTTP status it comes with.
            pub const fn status(self) -> u16 {
                match self { $(ErrorCode::$variant => $status,)* }
            }

            /// What to do about it when nothing better is known.
            pub const fn hint(self) -> &'static str {
                match self { $(ErrorCode::$variant => $hint,)* }
            }
        }
    };
}

codes! {
    /// The body, path or query is not what the endpoint takes.
    Malformed = "malformed", 400, "See /api/v1/openapi.json for what this endpoint takes.";
    /// A text or list is longer than Curfew takes.
    OutOfBounds = "out_of_bounds", 400, "Shorten it.";
    /// There is no sign-in, or it is over.
    Unauthenticated = "unauthenticated", 401, "Sign in with `curfew login`.";
    /// The sign-in was refused.
    SignInRefused = "sign_in_refused", 401, "Sign in the way this server's configuration says.";
    /// The caller may not do that.
    Forbidden = "forbidden", 403, "Somebody whom the policy names has to do it.";
    /// The proof of the key that a machine's sign-in is bound to is missing or does not hold (RFC 9449).
    ProofRefused = "proof_refused", 401, "Prove the key of this sign-in anew with each call; check the clock of this machine.";
    /// Nobody decides their own request.
    OwnRequest = "own_request", 403, "Ask one of the approvers whom `curfew show` lists.";
    /// The caller is no approver of the stage that is open.
    NotAnApprover = "not_an_approver", 403, "Ask one of the approvers whom `curfew show` lists.";
    /// The web page that sent it is another site's.
    OriginRefused = "origin_refused", 403, "Use the address that stands as `public_url` in the server's configuration.";
    /// The run is over: its provider said so, or its clients were silent for too long.
    RunOver = "run_over", 409, "What lived with it is gone. Where its provider has not ended it, `curfew run` or `curfew pipeline start` begins another.";
    /// There is no such thing, or the caller may not see it.
    NotFound = "not_found", 404, "Check the id; `curfew requests` and `curfew grants` list what you may see.";
    /// The path exists, but not with this method.
    MethodNotAllowed = "method_not_allowed", 405, "See /api/v1/openapi.json for the methods of this path.";
    /// The request took too long to arrive.
    TooSlow = "too_slow", 408, "Send it again, faster.";
    /// Somebody or something else was first.
    Conflict = "conflict", 409, "Look at it again, then decide again.";
    /// It has come to an end that is never left.
    AlreadyFinal = "already_final", 409, "Nothing can change it any more; `curfew show` tells how it ended.";
    /// The request is not the one that was shown.
    DigestDiffers = "digest_differs", 409, "Look at the request again with `curfew show`, then decide.";
    /// This person has already approved.
    AlreadyCounted = "already_counted", 409, "Each person counts once; somebody else has to approve as well.";
    /// The state does not allow it.
    WrongState = "wrong_state", 409, "`curfew show` tells where it stands.";
    /// Somebody has to look at the last emergency access first.
    Unreviewed = "unreviewed", 409, "Somebody who may approve the role runs `curfew review`.";
    /// More time cannot be given.
    NotExtensible = "not_extensible", 409, "Ask anew with `curfew request`.";
    /// What was approved is no longer what policy gives.
    NoLongerAllowed = "no_longer_allowed", 409, "Ask anew: the policy or your groups have changed since.";
    /// The `If-Match` does not hold.
    PreconditionFailed = "precondition_failed", 412, "Read it again, then change it.";
    /// The body is longer than Curfew takes.
    TooLarge = "too_large", 413, "A body may hold 64 KiB.";
    /// The path and query are longer than Curfew takes.
    UriTooLong = "uri_too_long", 414, "An address may hold 8 KiB.";
    /// The body is not JSON.
    UnsupportedMediaType = "unsupported_media_type", 415, "Send JSON with `Content-Type: application/json`.";
    /// The `Host` is not one of this server's names.
    HostRefused = "host_refused", 421, "Use the address that stands as `public_url` in the server's configuration.";
    /// Policy does not allow it; the decision says why.
    Denied = "denied", 422, "The decision lists each rule that does not hold.";
    /// An approver may narrow, never widen.
    Widens = "widens", 422, "Take away only: a shorter time, fewer actions.";
    /// A public half is missing, of the wrong kind, or none.
    PublicHalfRefused = "public_half_refused", 422, "Send one public half of the connector's kind for each resource of the grant.";
    /// The `Idempotency-Key` came before with another body.
    IdempotencyKeyReused = "idempotency_key_reused", 422, "Use a new key for each new thing.";
    /// Too much from one source.
    RateLimited = "rate_limited", 429, "Wait as long as `Retry-After` says.";
    /// A fault in Curfew itself.
    Internal = "internal", 500, "It stands in the server's log under the request id.";
    /// This version cannot do it.
    NotSupported = "not_supported", 501, "See the server's documentation for what this version does.";
    /// The ledger or the server cannot be used now.
    Unavailable = "unavailable", 503, "Try again shortly.";
    /// The target does not answer or refuses.
    TargetUnavailable = "target_unavailable", 503, "`curfew doctor` tells what is wrong with the target.";
    /// The policy cannot be in force.
    PolicyRefused = "policy_refused", 422, "The policy in force stays; `curfew policy check` and `curfew policy test` show what is wrong with another.";
    /// The policy in force may be older than it is allowed to be; nothing new is granted.
    PolicyStale = "policy_stale", 503, "An administrator's `curfew doctor` tells why the policy repository cannot be reached; access that was given still ends.";
    /// The clock is in doubt; nothing new is granted.
    ClockInDoubt = "clock_in_doubt", 503, "Set the server's clock; access that was given still ends.";
    /// The answer took too long.
    TimedOut = "timed_out", 504, "Try again shortly, with the same Idempotency-Key.";
}

impl ErrorCode {
    /// The code of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.word() == word)
    }

    /// The body with this code, a message, and the code's own hint.
    pub fn body(self, message: impl Into<String>) -> ErrorBody {
        let error = ErrorView {
            code: self.word().to_owned(),
            message: message.into(),
            hint: self.hint().to_owned(),
            decision: None,
        };
        ErrorBody { error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_read_back() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.word()), Some(*code));
            assert!((400..600).contains(&code.status()));
        }
    }
}
