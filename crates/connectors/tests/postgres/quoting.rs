//! The one quoting function against the server's own. It is private, so it is tried through what it makes:
//! hostile names of schemas, databases and roles that must come out as what they are.

use crate::support::{EVERY, Manager, Site, Version, revoked};
use curfew_engine::seams::Connector;

const HOSTILE: &[&str] = &[
    "a\"b",
    "a'b",
    "a\\b",
    "Robert\"); DROP SCHEMA public CASCADE; --",
    "$$; SELECT 1; $$",
    "select",
    "  spaces  ",
    "ünïcödé 漢字",
    "/* comment",
    "tab\tnewline\nend",
    "x'y\"z\\w;--",
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_only_names() {
    for (version, manager) in EVERY {
        let settings = serde_json::json!({"schemas": HOSTILE});
        let Some(site) = Site::with(version, manager, settings).await else { continue };
        let quoted: Vec<_> = HOSTILE.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
        let owner = site.owner().await;
        let make = |name: &String| format!("CREATE SCHEMA {name}; CREATE TABLE {name}.{name} (i int);");
        site.sql(&format!("SET ROLE {owner}; {}", quoted.iter().map(make).collect::<String>())).await;
        site.connector.prepare(&site.target).await.unwrap();
        let ask = site.order(&["read", "ddl"], 600);
        let issued = site.issue(&ask).await.unwrap();
        let session = ask.log_in(&site).await.unwrap();
        for name in &quoted {
            session.run(&format!("SELECT * FROM {name}.{name}")).await.unwrap();
            let define = "(int[], text) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'";
            session.run(&format!("CREATE FUNCTION {name}.{name}{define}")).await.unwrap();
        }
        assert_eq!(revoked(site.revoke(&ask, Some(&issued)).await).len(), HOSTILE.len());
        assert_eq!(site.value("SELECT count(*) FROM orders").await, "1", "nothing else happened");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_would_be_cut_are_never_sent() {
    let Some(site) = Site::new(Version::Debian, Manager::Superuser).await else { return };
    let settings = serde_json::json!({"schemas": ["x".repeat(64)]});
    let target = curfew_engine::seams::connector::Target {
        definition: curfew_domain::lease::Definition { admin: None, settings },
        ..site.target.clone()
    };
    let refused = site.connector.prepare(&target).await.unwrap_err().to_string();
    assert!(refused.contains("63 bytes"), "{refused}");
}
