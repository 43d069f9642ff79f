//! Making and ending sign-ins.

use super::token::{SESSION_PREFIX, Token};
use crate::app::App;
use crate::edge::ApiError;
use curfew_api::{SignedInView, SubjectView};
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_domain::{Email, GroupName, Seconds, Subject, SubjectId, SubjectKind};
use curfew_engine::seams::Change;
use curfew_engine::seams::store::Session;
use std::collections::BTreeSet;

/// Who vouches for people on a development server: nobody.
const DEVELOPMENT_ISSUER: &str = "development";
/// How long a sign-in holds.
const SESSION_LASTS: Seconds = Seconds::new(12 * 3_600);

/// Signs somebody in whom nobody has vouched for. The caller has checked that this server does that.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) async fn development(
    app: &App,
    email: Email,
    groups: BTreeSet<GroupName>,
) -> Result<SignedInView, ApiError> {
    let id = SubjectId::new(DEVELOPMENT_ISSUER, email.as_str()).expect("INVARIANT: an address is a sub");
    let subject = Subject { kind: SubjectKind::Person, id, email: Some(email), name: None };
    accept(app, subject, groups).await
}

/// Gives a person a session. Every way to sign in ends here.
async fn accept(app: &App, subject: Subject, groups: BTreeSet<GroupName>) -> Result<SignedInView, ApiError> {
    let token = Token::fresh(SESSION_PREFIX, &*app.entropy);
    let now = app.engine.now();
    let expires_at = now.plus(SESSION_LASTS);
    let mut event = AuditEvent::new(now, subject.clone(), AuditAction::SignInAccepted)
        .because("development sign-in")
        .with("groups", groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        .with("expires_at", expires_at.to_string());
    event.subject = Some(subject.clone());
    let view = SignedInView { token: token.reveal(), expires_at, subject: SubjectView::from(&subject) };
    let session = Session { token_hash: token.hash(), subject, groups, created_at: now, expires_at, workload: None };
    let changes = vec![Change::Session(Box::new(session)), Change::Event(Box::new(event))];
    app.engine.store().commit(changes).await?;
    Ok(view)
}

/// Ends a session.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) async fn end(app: &App, token_hash: String) -> Result<(), ApiError> {
    app.engine.store().commit(vec![Change::SessionEnded { token_hash }]).await?;
    Ok(())
}
