//! What a subject tries against everybody else, while it has access and after.

use crate::support::{Manager, Site, Version, revoked};
use curfew_engine::seams::Connector;
use curfew_engine::seams::connector::{Reach, Revocation, RevokeOrder};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_left_behind_delays_nobody_elses_end() {
    let Some(site) = Site::prepared(Version::Debian, Manager::Superuser).await else { return };
    let messy = site.order(&["read"], 600);
    let messy_issued = site.issue(&messy).await.unwrap();
    let tidy = site.order(&["read"], 600);
    let tidy_issued = site.issue(&tidy).await.unwrap();
    let session = messy.log_in(&site).await.unwrap();
    session.run("SELECT count(lo_create(0)) FROM generate_series(1, 2000)").await.unwrap();
    let access = |order: RevokeOrder| RevokeOrder { reach: Reach::Access, ..order };
    let endings = [access(site.ending(&messy, Some(&messy_issued))), access(site.ending(&tidy, Some(&tidy_issued)))];
    let begun = Instant::now();
    let mut answers = site.connector.revoke(&site.target, &endings).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    revoked(answers.remove(1));
    let first = answers.remove(0);
    assert!(matches!(first, Ok(Revocation::LockedOut { .. })), "it is locked out, and cleared later: {first:?}");
    assert!(session.closes().await && messy.log_in(&site).await.is_err());
    let left = revoked(site.revoke(&messy, Some(&messy_issued)).await);
    assert_eq!(left.len(), 1_001, "1,000 by name, and how many more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_cannot_make_drift_of_its_own_things() {
    let Some(site) = Site::prepared(Version::Debian, Manager::Superuser).await else { return };
    let ask = site.order(&["read"], 600);
    let issued = site.issue(&ask).await.unwrap();
    let group = site.group_of(&ask, "read").await;
    let session = ask.log_in(&site).await.unwrap();
    session.run(&format!("SELECT lo_create(4243); GRANT SELECT ON LARGE OBJECT 4243 TO \"{group}\"")).await.unwrap();
    session
        .run(&format!(
            "CREATE TEMP TABLE t (a int); GRANT SELECT ON t TO \"{group}\"; GRANT SELECT (a) ON t TO \"{group}\""
        ))
        .await
        .unwrap();
    assert_eq!(site.connector.observe(&site.target).await.unwrap().drift, Vec::<String>::new());
    site.issue(&site.order(&["read"], 600)).await.unwrap();
    revoked(site.revoke(&ask, Some(&issued)).await);
    assert_eq!(site.connector.observe(&site.target).await.unwrap().drift, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_on_a_column_does_not_outlive_the_end() {
    let Some(site) = Site::prepared(Version::Debian, Manager::Superuser).await else { return };
    let ask = site.order(&["ddl"], 600);
    let issued = site.issue(&ask).await.unwrap();
    let friend = site.owner().await;
    let session = ask.log_in(&site).await.unwrap();
    let sql = format!("CREATE TABLE public.loot (a text, b text); GRANT SELECT (a) ON public.loot TO \"{friend}\"");
    session.run(&sql).await.unwrap();
    revoked(site.revoke(&ask, Some(&issued)).await);
    let may = site.value(&format!("SELECT has_column_privilege('{friend}', 'public.loot', 'a', 'SELECT')")).await;
    assert_eq!(may, "f");
}
