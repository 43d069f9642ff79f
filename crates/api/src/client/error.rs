//! Why there is no answer.

use crate::error::ErrorView;
use crate::views::DecisionView;

/// Why a call did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server said no.
    #[error("{message}")]
    Api {
        /// The HTTP status.
        status: u16,
        /// The stable word; see [`crate::ErrorCode`].
        code: String,
        /// What happened, for a person.
        message: String,
        /// What to do about it, for a person.
        hint: String,
        /// With `denied`: what policy said.
        decision: Option<Box<DecisionView>>,
    },
    /// Nothing answers at the address, or the connection broke.
    #[error("{server} cannot be reached: {message}")]
    Unreachable {
        /// The address.
        server: String,
        /// What the network said.
        message: String,
    },
    /// Whatever answers there is no Curfew, or one of another age.
    #[error("{server} answers what this program does not understand: {message}")]
    Unintelligible {
        /// The address.
        server: String,
        /// What was wrong with the answer.
        message: String,
    },
    /// The address is no address of a server.
    #[error("`{0}` is not the address of a server: write http://127.0.0.1:7373 or https://curfew.example.com")]
    BadAddress(String),
    /// The token cannot be sent as a header.
    #[error("the token is not one: it holds characters that no token has")]
    BadToken,
    /// The TLS library or the system's certificates cannot be used.
    #[error("no HTTP client can be made: {0}")]
    NoClient(String),
}

impl ClientError {
    /// The server's error as it came.
    pub(super) fn api(status: u16, error: ErrorView) -> Self {
        let ErrorView { code, message, hint, decision } = error;
        Self::Api { status, code, message, hint, decision: decision.map(Box::new) }
    }
}
