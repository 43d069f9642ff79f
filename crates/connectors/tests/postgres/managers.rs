//! An account that is no superuser, with each privilege missing in turn.

use crate::support::{Manager, Site, Version, revoked};
use curfew_engine::seams::Connector;
use curfew_engine::seams::connector::Standing;

#[tokio::test(flavor = "multi_thread")]
async fn the_preflight_names_each_missing_privilege_and_how_to_give_it() {
    for version in [Version::Debian, Version::Sixteen] {
        let settings = serde_json::json!({"actions": {"audit": {"roles": ["pg_read_all_data"]}}});
        let Some(site) = Site::with(version, Manager::Ordinary, settings).await else { continue };
        let n = site.database.trim_start_matches("orders_").to_owned();
        let (manager, owner) = (format!("curfew_manager_{n}"), format!("owner_{n}"));
        let failures = async || {
            let findings = site.connector.preflight(&site.target).await;
            findings.into_iter().filter(|f| f.standing == Standing::Failed).map(|f| f.message).collect::<Vec<_>>()
        };
        if version == Version::Sixteen {
            let seen = failures().await;
            assert!(seen.len() == 1 && seen[0].contains("GRANT \"pg_read_all_data\""), "{seen:?}");
            site.sql(&format!("GRANT pg_read_all_data TO {manager} WITH ADMIN OPTION")).await;
        }
        assert_eq!(failures().await, Vec::<String>::new());
        for (take, give, word) in [
            (format!("ALTER ROLE {manager} NOCREATEROLE"), format!("ALTER ROLE {manager} CREATEROLE"), "CREATEROLE"),
            (
                format!("REVOKE pg_signal_backend FROM {manager}"),
                format!("GRANT pg_signal_backend TO {manager}"),
                "GRANT pg_signal_backend",
            ),
            (
                format!("REVOKE CREATE ON DATABASE {0} FROM {manager}; REVOKE {owner} FROM {manager}", site.database),
                format!("GRANT CREATE ON DATABASE {0} TO {manager}; GRANT {owner} TO {manager}", site.database),
                "GRANT CREATE ON DATABASE",
            ),
        ] {
            site.sql(&take).await;
            let seen = failures().await;
            assert!(seen.iter().any(|m| m.contains(word)), "{take}: {seen:?}");
            site.sql(&give).await;
            assert_eq!(failures().await, Vec::<String>::new(), "{give}");
        }
        site.connector.prepare(&site.target).await.unwrap();
        let ask = site.order(&["audit"], 600);
        let issued = site.issue(&ask).await.unwrap();
        ask.log_in(&site).await.unwrap().run("SELECT * FROM orders").await.unwrap();
        revoked(site.revoke(&ask, Some(&issued)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_closed_to_the_public_is_opened_for_the_groups() {
    for version in [Version::Debian, Version::Sixteen] {
        let Some(site) = Site::new(version, Manager::Ordinary).await else { continue };
        let manager = format!("curfew_manager_{}", site.database.trim_start_matches("orders_"));
        site.sql(&format!(
            "REVOKE CONNECT ON DATABASE {0} FROM PUBLIC; GRANT CONNECT ON DATABASE {0} TO {manager}",
            site.database
        ))
        .await;
        site.connector.prepare(&site.target).await.unwrap();
        let ask = site.order(&["read"], 600);
        let issued = site.issue(&ask).await.unwrap();
        ask.log_in(&site).await.unwrap().run("SELECT * FROM orders").await.unwrap();
        assert_eq!(site.connector.observe(&site.target).await.unwrap().drift, Vec::<String>::new());
        revoked(site.revoke(&ask, Some(&issued)).await);
    }
}
