//! A provider's token, exchanged once for a sign-in.
//!
//! The same token with the same key is the same sign-in: a client whose answer was lost, or a second one of the same job, gets
//! it again. With another key it is refused, whoever comes first; the ledger itself sees to that.

use super::checks::{LEEWAY, TokenRefused};
use super::dpop::Proof;
use super::issuers::{Believed, Disbelief};
use super::run::notable;
use crate::app::App;
use crate::auth::Token;
use curfew_api::{RunView, SubjectView, WorkloadSignedInView};
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_domain::{Seconds, Timestamp};
use curfew_engine::seams::Change;
use curfew_engine::seams::store::{BoundToken, CommitError, ReadError, Session, TokenUse};
use std::collections::BTreeSet;

/// How long a sign-in lasts, whatever the life of the token was: as long as a person's. A job that lasts longer presents
/// another token.
const SESSION_LASTS: Seconds = Seconds::new(12 * 3_600);

/// Why there is no sign-in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// The token is not taken.
    #[error("{why}")]
    Refused {
        /// Why.
        why: TokenRefused,
        /// Whose token it is, once that is known.
        whose: Option<String>,
    },
    /// The keys of its issuer cannot be had.
    #[error("the keys of the token's issuer cannot be had now")]
    KeysUnavailable,
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger cannot be written.
    #[error(transparent)]
    Commit(CommitError),
}

impl From<Disbelief> for ExchangeError {
    fn from(disbelief: Disbelief) -> Self {
        match disbelief {
            Disbelief::Refused(why) => Self::Refused { why, whose: None },
            Disbelief::KeysUnavailable => Self::KeysUnavailable,
        }
    }
}

/// Exchanges a token for the sign-in of whoever has the key of this proof.
///
/// # Errors
/// See [`ExchangeError`].
pub(crate) async fn exchange(app: &App, text: &str, proof: &Proof) -> Result<WorkloadSignedInView, ExchangeError> {
    let believed = app.issuers.believe(text, app.engine.now()).await?;
    let token = Token::bound(text, &proof.thumbprint);
    let session = match app.engine.store().session(&token.hash()).await? {
        Some(session) => session,
        None => match write(app, &believed, &token, proof).await {
            Ok(session) => session,
            Err(CommitError::Conflict(_)) => {
                // Either this very exchange came twice at one moment, or the token is another key's.
                let found = app.engine.store().session(&token.hash()).await?;
                let used = || ExchangeError::Refused { why: TokenRefused::UsedBefore, whose: Some(whose(&believed)) };
                found.ok_or_else(used)?
            }
            Err(error @ (CommitError::KeyUsed(_) | CommitError::Unavailable(_))) => {
                return Err(ExchangeError::Commit(error));
            }
        },
    };
    if app.engine.now() >= session.expires_at {
        return Err(ExchangeError::Refused { why: TokenRefused::Over, whose: Some(whose(&believed)) });
    }
    Ok(WorkloadSignedInView {
        token: token.reveal(),
        expires_at: session.expires_at,
        subject: SubjectView::from(&session.subject),
        run: RunView::from(&believed.token.run),
        heartbeat_window_seconds: app.config.heartbeat_window,
    })
}

async fn write(app: &App, of: &Believed, token: &Token, proof: &Proof) -> Result<Session, CommitError> {
    let now = app.engine.now();
    let session = Session {
        token_hash: token.hash(),
        subject: of.subject.clone(),
        groups: BTreeSet::new(),
        created_at: now,
        expires_at: now.plus(SESSION_LASTS),
        workload: Some(BoundToken { token: of.token.clone(), key_thumbprint: proof.thumbprint.clone() }),
    };
    let used = TokenUse {
        token_id: of.token_id.clone(),
        key_thumbprint: proof.thumbprint.clone(),
        // A margin beyond the last moment at which the token is taken.
        until: of.until.plus(LEEWAY),
    };
    let event = accepted(of, &session, now);
    let changes =
        vec![Change::TokenUsed(used), Change::Session(Box::new(session.clone())), Change::Event(Box::new(event))];
    app.engine.store().commit(changes).await.map(|_| session)
}

fn accepted(of: &Believed, session: &Session, now: Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(now, of.subject.clone(), AuditAction::SignInAccepted)
        .because("a token of a pipeline or service account")
        .with("issuer", of.token.run.issuer.clone())
        .with("run", of.token.run.to_string())
        .with("sub", of.subject.id.sub().to_owned())
        .with("expires_at", session.expires_at.to_string());
    for (name, text) in notable(&of.token.claims) {
        event = event.with(&format!("claim.{name}"), text);
    }
    event.subject = Some(of.subject.clone());
    event
}

/// For evidence of a refusal: whose token it is.
fn whose(of: &Believed) -> String {
    format!("{}, {}", of.token.run, of.subject.id)
}
