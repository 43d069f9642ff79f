//! Standbys: sessions there outlive the role on the primary unless they are ended there too.

use crate::support::{Manager, Server, Site, Version, clock, own, revoked};
use curfew_connectors::postgres::private::{Durability, Options, PrivatePostgres};
use curfew_domain::lease::Evidence;
use curfew_engine::seams::Connector;
use curfew_engine::seams::connector::Revocation;
use secrecy::ExposeSecret;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

/// Only Debian's server comes with the program that copies one.
const BASEBACKUP: &str = "/usr/lib/postgresql/15/bin/pg_basebackup";

fn standby(primary: &Server) -> PrivatePostgres {
    let home = primary.dir.path().join("standby");
    let owner = std::fs::metadata(primary.dir.path().join("pg")).unwrap();
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&home, Some(owner.uid()), Some(owner.gid())).unwrap();
    let mut copy = Command::new(BASEBACKUP);
    let url = primary.postgres.admin_url();
    copy.arg("-D").arg(home.join("data")).args(["-R", "-X", "stream", "-c", "fast", "-d", url.expose_secret()]);
    if rustix::process::getuid().is_root() {
        copy.uid(owner.uid()).gid(owner.gid());
    }
    let output = copy.current_dir("/").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut options = Options::new(&crate::support::RealEntropy);
    options.durability = Durability::Careless;
    options.settings = [("max_prepared_transactions", "20"), ("max_connections", "200")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .to_vec();
    PrivatePostgres::start(&home, options).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_on_a_standby_end_too_or_the_end_is_not_verified() {
    if !std::path::Path::new(BASEBACKUP).exists() {
        eprintln!("\n*** SKIPPED: {BASEBACKUP} is not installed, standbys are not tested ***\n");
        assert!(std::env::var_os("CI").is_none(), "pg_basebackup is needed in CI");
        return;
    }
    for manager in [Manager::Superuser, Manager::Ordinary] {
        let Some(server) = own(Version::Debian, &[]) else { continue };
        let mut standby = standby(&server);
        let mut site = Site::on(Arc::new(server), manager, serde_json::json!({})).await;
        site.connector.prepare(&site.target).await.unwrap();

        // Nobody said that there is a standby.
        let ask = site.order(&["read"], 600);
        let issued = site.issue(&ask).await.unwrap();
        let answer = site.revoke(&ask, Some(&issued)).await;
        let unread = matches!(&answer, Ok(Revocation::Revoked { evidence: Evidence::Unread { because, .. }, .. }) if because.contains("replicas"));
        assert!(unread, "{answer:?}");

        site.target.definition.settings = serde_json::json!({"replicas": [format!("127.0.0.1:{}", standby.port())]});
        let ask = site.order(&["read"], 600);
        let issued = site.issue(&ask).await.unwrap();
        let mut session = None;
        for _ in 0..100 {
            session = ask.log_in_to(&site, &site.database, standby.port()).await.ok();
            if session.is_some() {
                break;
            }
            clock().sleep(std::time::Duration::from_millis(50)).await;
        }
        let session = session.expect("the role reaches the standby");
        session.run("SELECT * FROM orders").await.unwrap();
        revoked(site.revoke(&ask, Some(&issued)).await);
        assert!(session.closes().await, "the session on the standby is closed");

        // A declared standby that does not answer: locked out on the primary, and tried again.
        let ask = site.order(&["read"], 600);
        let issued = site.issue(&ask).await.unwrap();
        standby.stop();
        let answer = site.revoke(&ask, Some(&issued)).await;
        let again = matches!(&answer, Ok(Revocation::LockedOut { evidence: Evidence::Unread { .. }, .. }));
        assert!(again, "{answer:?}");
        standby.restart().unwrap();
        revoked(site.revoke(&ask, Some(&issued)).await);
    }
}
