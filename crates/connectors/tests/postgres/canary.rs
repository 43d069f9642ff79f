//! Nothing that the client keeps to itself is anywhere in the server's log, with every statement logged.

use crate::support::{EVERY, Site, half, revoked};
use curfew_engine::seams::Connector;
use curfew_engine::seams::connector::{CallError, IssueOrder};
use secrecy::ExposeSecret;

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_or_said() {
    for (version, manager) in EVERY {
        let Some(site) = Site::prepared(version, manager).await else { continue };
        let ask = site.order(&["read"], 600);
        let issued = site.issue(&ask).await.unwrap();
        drop(ask.log_in(&site).await.unwrap());
        revoked(site.revoke(&ask, Some(&issued)).await);

        // A client that sends its secret instead of a verifier is refused before a statement is written.
        let mut plain = site.order(&["read"], 600);
        plain.order.public_half.value = plain.secret.clone();
        let refused = site.issue(&plain).await.unwrap_err();
        assert!(matches!(refused, CallError::Invalid(_)));
        let many = IssueOrder { public_half: half(&plain.secret, 20_000), ..plain.order.clone() };
        let refused_too = site.connector.issue(&site.target, &[many]).await.remove(0).unwrap_err();

        let admin = site.target.admin.clone().unwrap();
        let password = admin.expose_secret().split(':').nth(2).unwrap().split('@').next().unwrap().to_owned();
        let mut wrong = site.target.clone();
        wrong.admin = Some(admin.expose_secret().replace(&password, "wrongpassword").into());
        let not_let_in = site.connector.probe(&wrong).await.unwrap_err();
        assert!(matches!(not_let_in, CallError::Refused { .. }), "{not_let_in}");
        let said = format!("{refused} {refused_too} {not_let_in} {not_let_in:?} {:?} {issued:?}", site.target);

        let log = std::fs::read_to_string(site.server.postgres.log_path()).unwrap();
        assert!(log.contains(&ask.name()), "the log has the statements");
        for secret in [&ask.secret, &plain.secret, &password] {
            assert!(!log.contains(secret.as_str()), "a secret is in the server's log");
            assert!(!said.contains(secret.as_str()), "a secret was said");
        }
        assert!(!said.contains("wrongpassword"));
    }
}
